"""Strips of poses: which frames, at which size, on which side."""

from __future__ import annotations

import numpy as np
import pytest

from stages.evaluate.report.drawing import Drawing
from stages.evaluate.report.skeletons import strip
from stages.skeletons.layouts import COCO_17, KINECT_20
from stages.skeletons.poses import PoseSequence, sequence
from tests.small import clip


def _poses(frames: int = 41, **changes) -> PoseSequence:
    positions = clip(0.9, frames, 0)
    return sequence(changes.pop("edit", lambda p: p)(positions), KINECT_20, fps=10, units="m", origin="camera", **changes)


def _ends(drawing: Drawing, css: str) -> np.ndarray:
    lines = [mark.attributes for mark in drawing.marks if mark.css == f"limb {css}"]
    return np.array([[(line["x1"], line["y1"]), (line["x2"], line["y2"])] for line in lines], dtype=float).reshape(-1, 2)


def _everything(drawing: Drawing) -> np.ndarray:
    return np.concatenate([_ends(drawing, side) for side in ("left", "right", "trunk")])


def test_strip__poses_at_even_distances_all_of_one_size() -> None:
    found = strip(_poses(), 9)
    assert [pose.seconds for pose in found] == pytest.approx(np.linspace(0, 4, 9))
    assert len({(pose.drawing.width, pose.drawing.height) for pose in found}) == 1
    heads = [next(mark.attributes for mark in pose.drawing.marks if mark.css == "head") for pose in found]
    assert np.ptp([float(head["cy"]) for head in heads]) < 3  # who stands stays on the ground, the arms go up
    wrists = [_ends(pose.drawing, "left")[:, 1].min() for pose in found]
    assert wrists[2] < wrists[0] - 10
    for pose in found:
        places = _everything(pose.drawing)
        assert len(places) == 2 * len(KINECT_20.edges)
        assert (places >= 0).all()
        assert (places <= [pose.drawing.width, pose.drawing.height]).all()


def test_strip__short_clips_have_fewer_poses_and_frames_without_joints_give_way() -> None:
    assert len(strip(_poses(4), 10)) == 4

    def gap(positions: np.ndarray) -> np.ndarray:
        positions[:, 18:24] = np.nan
        return positions

    found = strip(_poses(edit=gap), 3)
    assert [pose.seconds for pose in found] == pytest.approx([0, 1.7, 4])


def test_strip__the_person_who_is_seen_most_and_joints_that_were_seen() -> None:
    def two(positions: np.ndarray) -> np.ndarray:
        other = positions + 5
        other[:, 3:] = np.nan
        positions[0, :, KINECT_20.index["left_hand"]] = np.nan
        return np.concatenate([other, positions])

    found = strip(_poses(edit=two), 5)
    assert len(found) == 5
    assert {len(_everything(pose.drawing)) for pose in found} == {2 * (len(KINECT_20.edges) - 1)}


def test_strip__who_flies_is_centred_and_who_stands_is_not() -> None:
    def flies(positions: np.ndarray) -> np.ndarray:
        return positions + np.linspace(6, 0, positions.shape[1])[None, :, None, None] * [0, 1, 0]

    for pose in strip(_poses(edit=flies), 5):
        places = _everything(pose.drawing)
        np.testing.assert_allclose(
            (places.min(axis=0) + places.max(axis=0)) / 2, [pose.drawing.width / 2, pose.drawing.height / 2], atol=0.1
        )
        assert np.ptp(places[:, 1]) > 0.6 * pose.drawing.height


def test_strip__a_joint_that_flew_away_in_one_frame_does_not_shrink_the_others() -> None:
    def far(positions: np.ndarray) -> np.ndarray:
        positions[0, 0, KINECT_20.index["left_hand"]] = [50, 50, 3]
        return positions

    usual, found = strip(_poses(), 12), strip(_poses(edit=far), 12)
    heights = [np.ptp(_everything(pose.drawing)[:, 1]) for pose in (usual[5], found[5])]
    assert heights[1] == pytest.approx(heights[0], rel=0.2)


def test_strip__poses_in_pixels() -> None:
    random = np.random.default_rng(0)
    positions = random.uniform(100, 200, (1, 6, 17, 2))
    found = strip(sequence(positions, COCO_17, units="px", clip={"width": 640, "height": 480}), 6)
    assert len(found) == 6
    assert all(np.ptp(_everything(pose.drawing)[:, 1]) > 60 for pose in found)
