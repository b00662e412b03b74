"""Signals of nodes: velocities by hand, and mirror images."""

from __future__ import annotations

import numpy as np

from stages.skeletons.layouts import KINECT_20
from stages.skeletons.motion import Motion, flip, velocities


def test_velocities__of_a_steady_path_at_uneven_times() -> None:
    times = np.array([0.0, 0.1, 0.3, 0.4])
    positions = np.zeros((1, 4, 2, 3))
    positions[0, :, 1] = times[:, None] * [2.0, 0.0, -1.0]
    found = velocities(positions, times)
    np.testing.assert_allclose(found[0, :, 1], np.tile([2.0, 0.0, -1.0], (4, 1)), atol=1e-12)
    assert not found[0, :, 0].any()


def test_velocities__of_a_single_frame_are_zero() -> None:
    assert velocities(np.ones((1, 1, 2, 3)), np.zeros(1)).tolist() == np.zeros((1, 1, 2, 3)).tolist()


def test_flip__twice_is_the_identity_and_once_swaps_the_sides() -> None:
    random = np.random.default_rng(0)
    signals = {name: random.normal(size=(2, 5, 20, 3)) for name in ("positions", "velocities")}
    motion = Motion(signals, KINECT_20, np.arange(5) / 30)
    once, twice = flip(motion), flip(flip(motion))
    left, right = KINECT_20.index["left_hand"], KINECT_20.index["right_hand"]
    for name, values in signals.items():
        np.testing.assert_array_equal(twice.signals[name], values)
        np.testing.assert_array_equal(once.signals[name][:, :, left], values[:, :, right] * [-1, 1, 1])
        assert not np.array_equal(once.signals[name], values)
