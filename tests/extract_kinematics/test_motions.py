"""Poses and a robot's recordings as signals: what normalisation takes away, gaps, frame rates, clips without poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stages.errors import ArtifactError, UsageError
from stages.extract_kinematics.config import ExtractKinematicsConfig, KinematicInput
from stages.extract_kinematics.motions import check_robot, of_poses, of_robot
from stages.extract_kinematics.spectra import describe
from stages.skeletons.layouts import KINECT_20, Layout
from stages.skeletons.motion import Motion
from stages.skeletons.poses import PoseSequence, sequence
from tests.small import clip

CONFIG = ExtractKinematicsConfig(signals=("positions", "velocities"), values="signed")


def poses(positions: np.ndarray | None = None, fps: float = 30.0) -> PoseSequence:
    return sequence(clip(0.7, 40, 1) if positions is None else positions, KINECT_20, fps=fps, units="m")


def features(sequence_: PoseSequence, **settings: object) -> np.ndarray:
    return describe(of_poses(sequence_, KinematicInput(**settings)), CONFIG)


def _turned(positions: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return positions @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])


@pytest.mark.parametrize(
    "moved",
    [
        lambda positions: positions + np.array([0.4, -1.0, 2.0]),
        lambda positions: _turned(positions, 0.8),
        lambda positions: 1.7 * positions,
        lambda positions: _turned(2 * positions, -2.5) + np.array([3.0, 0.0, 1.0]),
    ],
    ids=["elsewhere", "turned", "larger", "all"],
)
def test_of_poses__place_direction_and_size_do_not_count(moved) -> None:
    here, there = features(poses()), features(poses(moved(clip(0.7, 40, 1))))
    np.testing.assert_allclose(there, here, atol=2e-5 * np.abs(here).max())


def test_of_poses__each_step_can_be_left_out() -> None:
    off = {"face_camera": False, "centre": "none", "scale": "none"}
    raw = of_poses(poses(), KinematicInput(**off))
    np.testing.assert_array_equal(raw.signals["positions"], poses().positions.astype(np.float64))
    flat = of_poses(poses(), KinematicInput(**off, flat=True))
    np.testing.assert_array_equal(flat.signals["positions"], -poses().positions[..., :2].astype(np.float64))
    unit = of_poses(poses(), KinematicInput(scale="unit")).signals["positions"]
    assert (unit.min(axis=(0, 1, 2)).tolist(), unit.max(axis=(0, 1, 2)).tolist()) == ([-1] * 3, [1] * 3)


def test_of_poses__gaps_are_interpolated() -> None:
    positions = np.zeros((1, 9, 20, 3)) + np.arange(20)[:, None] + np.arange(9)[:, None, None]
    holes = positions.copy()
    holes[0, 3:6, 4] = np.nan
    off = {"face_camera": False, "scale": "none"}
    found, expected = (of_poses(poses(values), KinematicInput(**off)).signals["positions"] for values in (holes, positions))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_of_poses__velocities_are_per_second_of_the_prepared_positions() -> None:
    positions = np.repeat(clip(0.7, 1, 1), 20, axis=1) + np.arange(20)[:, None, None] * [0.0, 0.1, 0.0]
    found = of_poses(poses(positions, fps=10), KinematicInput(scale="none")).signals["velocities"]
    np.testing.assert_allclose(found[..., 1], 1.0, atol=1e-4)
    np.testing.assert_allclose(found[..., [0, 2]], 0.0, atol=1e-4)


def test_of_poses__another_frame_rate_keeps_the_time_that_a_clip_takes() -> None:
    whole, thinned = of_poses(poses(), KinematicInput()), of_poses(poses(), KinematicInput(fps=15))
    assert (whole.frames, thinned.frames) == (40, 20)
    assert (thinned.timestamps[0], thinned.timestamps[-1]) == (whole.timestamps[0], pytest.approx(whole.timestamps[-1]))
    assert of_poses(poses(), KinematicInput(fps=100)).frames == 133


def test_of_poses__a_single_frame() -> None:
    found = of_poses(poses(clip(0.7, 1, 1)), KinematicInput(fps=15))
    assert found.frames == 1
    assert not found.signals["velocities"].any()


def test_of_poses__people_who_are_not_there_are_zero() -> None:
    found = of_poses(poses(), KinematicInput(people=2)).signals["positions"]
    assert found.shape == (2, 40, 20, 3)
    assert found[0].any()
    assert not found[1].any()


def test_of_poses__nobody_was_seen() -> None:
    nobody = replace(poses(), positions=np.full((1, 40, 20, 3), np.nan, np.float32))
    with pytest.raises(ArtifactError, match=r"No joint was seen in any frame: there is no motion to describe\."):
        of_poses(nobody, KinematicInput())
    second = replace(poses(), positions=np.concatenate([nobody.positions, poses().positions]))
    with pytest.raises(ArtifactError, match=r"No joint of the first 1 of 2 people was seen in any frame"):
        of_poses(second, KinematicInput())
    assert of_poses(second, KinematicInput(people=2)).frames == 40


def test_of_poses__a_skeleton_is_converted_or_refused() -> None:
    assert of_poses(poses(), KinematicInput(skeleton="kinect-25")).layout.name == "kinect-25"
    odd = Layout("odd", "", {"left_thing": None, "right_thing": "left_thing"}, ("left_thing",), (("left_thing",), ("right_thing",)))
    with pytest.raises(UsageError, match="The skeleton odd cannot become kinect-25"):
        of_poses(sequence(np.ones((1, 3, 2, 3)), odd), KinematicInput(skeleton="kinect-25"))


def robot() -> Motion:
    random = np.random.default_rng(0)
    tools = Layout("tools", "", {"left_tool": None, "right_tool": None}, ("left_tool", "right_tool"), (("left_tool",), ("right_tool",)))
    signals = {name: random.normal(size=(2, 30, 2, 3)) for name in ("positions", "velocities")}
    return Motion(signals, tools, np.arange(30) / 30, ("master", "slave"))


def test_of_robot__each_pair_starts_at_its_centre_and_keeps_its_recorded_velocities() -> None:
    motion = robot()
    found = of_robot(motion, KinematicInput())
    np.testing.assert_allclose(found.signals["positions"][:, 0].mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.diff(found.signals["positions"], axis=1), np.diff(motion.signals["positions"], axis=1))
    np.testing.assert_array_equal(found.signals["velocities"], motion.signals["velocities"])
    assert found.bodies == ("master", "slave")


def test_of_robot__centre_per_frame_none_and_frame_rate() -> None:
    motion = robot()
    relative = of_robot(motion, KinematicInput(centre="frame")).signals
    assert all(np.abs(values.mean(axis=2)).max() < 1e-12 for values in relative.values())
    np.testing.assert_array_equal(of_robot(motion, KinematicInput(centre="none")).signals["positions"], motion.signals["positions"])
    thinned = of_robot(motion, KinematicInput(centre="none", fps=10))
    assert (thinned.frames, thinned.signals["velocities"].shape) == (10, (2, 10, 2, 3))
    np.testing.assert_array_equal(thinned.signals["velocities"][:, -1], motion.signals["velocities"][:, -1])


def test_check_robot__settings_for_people_are_refused() -> None:
    check_robot(KinematicInput(fps=10, centre="frame"), "jigsaws")
    with pytest.raises(
        UsageError, match=r"input\.flat, input\.scale, input\.centre first-person: only for people; jigsaws is the motion of"
    ):
        check_robot(KinematicInput(flat=True, scale="none", centre="first-person"), "jigsaws")
