"""Boxes of performers from poses: those that are stored, those around joints, between frames and where nobody is."""

from __future__ import annotations

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.skeletons.boxes import performers
from stages.skeletons.layouts import COCO_17, KINECT_20
from stages.skeletons.poses import PoseSequence, sequence


def poses(frames: int = 4, people: int = 1, boxes: np.ndarray | None = None) -> PoseSequence:
    """Joints between (10 t, 100) and (10 t + 40, 300) in frame t, ten frames a second."""
    positions = np.zeros((people, frames, 17, 2), np.float32)
    positions[..., 0] = 10 * np.arange(frames)[None, :, None] + np.linspace(0, 40, 17)
    positions[..., 1] = np.linspace(100, 300, 17)
    return sequence(positions, COCO_17, fps=10, units="px", origin="image top left", boxes=boxes)


def test_performers__stored_boxes_come_before_joints_and_have_no_margin() -> None:
    boxes = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    found = performers(poses(boxes=boxes), np.array([0.0, 0.1, 0.3]), 1, 0.5)
    np.testing.assert_allclose(found[:, 0], boxes[0, [0, 1, 3]])


def test_performers__are_interpolated_while_they_are_followed_and_not_there_otherwise() -> None:
    boxes = np.full((1, 8, 4), np.nan, np.float32)
    boxes[0, 2], boxes[0, 5] = 10, 40
    found = performers(poses(8, boxes=boxes), np.array([0.0, 0.1, 0.16, 0.2, 0.25, 0.4, 0.5, 0.54, 0.6, 0.7]), 1, 0.0)[:, 0, 0]
    np.testing.assert_allclose(found, [np.nan, np.nan, 10, 10, 15, 30, 40, 40, np.nan, np.nan], atol=1e-5)


def test_performers__around_the_joints_that_were_seen() -> None:
    clip = poses()
    clip.positions[0, 1, 8:] = np.nan
    clip.positions[0, 2] = np.nan
    found = performers(clip, clip.timestamps, 1, 0.1)[:, 0]
    np.testing.assert_allclose(found[0], [0 - 4, 100 - 20, 40 + 4, 300 + 20], atol=1e-4)
    seen = [10, 100, 10 + 7 / 16 * 40, 100 + 7 / 16 * 200]
    spare = [0.1 * (seen[2] - seen[0]), 0.1 * (seen[3] - seen[1])]
    np.testing.assert_allclose(found[1], [seen[0] - spare[0], seen[1] - spare[1], seen[2] + spare[0], seen[3] + spare[1]], atol=1e-4)
    np.testing.assert_allclose(found[2], (found[1] + found[3]) / 2, atol=1e-4)


def test_performers__several_and_more_than_there_are() -> None:
    clip = poses(people=2)
    clip.positions[1] += 500
    found = performers(clip, clip.timestamps, 3, 0.0)
    assert found.shape == (4, 3, 4)
    np.testing.assert_allclose(found[:, 1], found[:, 0] + 500, atol=1e-3)
    assert np.isnan(found[:, 2]).all()


def test_performers__poses_that_say_nothing_of_pixels() -> None:
    metres = sequence(np.ones((1, 3, 20, 3)), KINECT_20, units="m", origin="camera")
    with pytest.raises(ArtifactError, match=r"no joints in pixels of the video .* found 3-D ones in m\.\n  hint: aqa extract-pose"):
        performers(metres, metres.timestamps, 1, 0.1)
