"""Kinematic features: what they see of a clip, and of the same clip with fewer frames."""

from __future__ import annotations

import numpy as np
import pytest

from stages.finetune.methods.kinematics import features, thinned
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence
from tests.small import clip


def test_thinned__keeps_the_duration_and_the_ends() -> None:
    poses = sequence(clip(0.7, 61, 0), KINECT_20, fps=30, units="m", origin="camera")
    fewer = thinned(poses, 16)
    assert fewer.frames == 16
    assert fewer.frames / fewer.fps == pytest.approx(poses.frames / poses.fps)
    assert np.allclose(fewer.positions[0, [0, -1]], poses.positions[0, [0, -1]])


def test_features__are_finite_for_odd_clips_and_tell_higher_arms() -> None:
    low, high = (sequence(clip(quality, 40, 1), KINECT_20, units="m", origin="camera") for quality in (0.1, 0.9))
    assert np.isfinite(features(low)).all()
    assert np.isfinite(features(thinned(low, 2))).all()
    one = sequence(clip(0.5, 1, 2), KINECT_20, units="m", origin="camera")
    assert np.isfinite(features(one)).all()
    assert features(high).shape == features(low).shape
    assert np.abs(features(high) - features(low)).max() > 0.3
