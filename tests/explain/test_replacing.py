"""Parts of a movement in somebody else's way."""

from __future__ import annotations

import numpy as np
import pytest

from stages.explain.explanation import WHOLE, Explanation
from stages.explain.replacing import body_of, edges_of, joints_of, replaced, warped, windows, with_joints
from stages.skeletons.layouts import COCO_17, KINECT_20
from stages.skeletons.poses import sequence
from tests.small import clip


def poses_of(quality: float, frames: int = 30, turn: float = 0.0):
    """Somebody who raises the arms twice, ``quality`` high, turned about the vertical by ``turn`` (radians), somewhere in the room."""
    positions = clip(quality, frames, 0)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    return sequence(1.3 * positions @ rotation.T + [0.5, 0.2, 1], KINECT_20, units="m")


def test_body__there_and_back() -> None:
    poses = poses_of(0.5, turn=0.7)
    body = body_of(poses)
    np.testing.assert_allclose(body.back(body.joints), poses.positions[0], atol=1e-4)
    np.testing.assert_allclose(with_joints(poses, body, body.joints).positions, poses.positions, atol=1e-4)
    assert np.abs(body.joints[:, list(KINECT_20.numbers(KINECT_20.centre))].mean(axis=1)).max() < 1e-6


def test_body__is_the_same_from_anywhere() -> None:
    np.testing.assert_allclose(body_of(poses_of(0.5, turn=0.7)).joints, body_of(poses_of(0.5)).joints, atol=0.02)


def test_warped__finds_the_moments() -> None:
    own, slow = body_of(poses_of(0.8, 20)), body_of(poses_of(0.8, 40))
    phase = warped(own, slow)
    assert (np.diff(phase) >= 0).all()
    np.testing.assert_allclose(phase, np.arange(20) * 39 / 19, atol=3.5)
    np.testing.assert_allclose(warped(own, own), np.arange(20), atol=1e-9)


def test_replaced__by_oneself_is_nothing() -> None:
    own = body_of(poses_of(0.6))
    for part in (*KINECT_20.parts, WHOLE):
        np.testing.assert_allclose(replaced(own, own, np.arange(30.0), part, np.ones(30)), own.joints, atol=1e-6)


def test_replaced__moves_one_part_for_a_while() -> None:
    low, high = body_of(poses_of(0.2)), body_of(poses_of(0.9))
    share = windows(30, 3)[0]
    changed = replaced(low, high, np.arange(30.0), "left_arm", share)
    arm = list(KINECT_20.parts["left_arm"])
    others = [joint for joint in range(20) if joint not in arm]
    np.testing.assert_allclose(changed[:, others], low.joints[:, others])
    np.testing.assert_allclose(changed[10:], low.joints[10:])
    hand = KINECT_20.index["left_hand"]
    gained = changed[:10, hand, 1] - low.joints[:10, hand, 1]
    np.testing.assert_allclose(gained, high.joints[:10, hand, 1] - low.joints[:10, hand, 1], atol=0.15)
    assert gained.max() > 0.5


def test_replaced__arms_go_along_with_the_trunk() -> None:
    still = body_of(poses_of(0.0))
    joints = still.joints.copy()
    low = ("pelvis", "hip", "knee", "ankle", "foot")
    upper = [number for name, number in KINECT_20.index.items() if name.split("_")[-1] not in low]
    joints[10:20, upper, 0] += 0.4  # the upper body goes to a side
    leaning = type(still)(joints, still.centre, still.size, still.rotation, still.layout)
    changed = replaced(still, leaning, np.arange(30.0), "trunk", np.ones(30))
    hand, spine = KINECT_20.index["right_hand"], KINECT_20.index["spine_shoulder"]
    assert changed[15, spine, 0] - still.joints[15, spine, 0] == pytest.approx(0.4, abs=0.05)
    assert changed[15, hand, 0] - still.joints[15, hand, 0] == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("layout", [KINECT_20, COCO_17], ids=lambda layout: layout.name)
def test_parts__hang_on_joints_of_others(layout) -> None:
    joined = joints_of(layout)
    assert joined["trunk"] is None
    for part, joint in joined.items():
        assert joint is None or joint not in layout.parts[part]


def test_windows__cover_every_frame_once() -> None:
    found = windows(21, 8)
    assert len(found) == 8
    np.testing.assert_array_equal(np.sum(found, axis=0), np.ones(21))
    assert edges_of(21, 8).tolist()[::8] == [0, 21]
    assert len(windows(3, 8)) == 3


def test_worst__is_no_whole_body() -> None:
    grid = np.array([[0.0, -1.0], [-2.0, 1.0], [-9.0, -9.0]])
    found = Explanation("replacement", "poses", ("trunk", "left_arm", WHOLE), np.array([0.0, 1.5, 3.0]), grid, grid.sum(axis=1))
    assert found.worst == ("left_arm", 0.0, 1.5, -2.0)
    alone = Explanation("replacement", "features", ("features",), np.array([0.0, 0.5, 1.0]), grid[:1], grid[:1].sum(axis=1))
    assert alone.worst == ("features", 0.5, 1.0, -1.0)
