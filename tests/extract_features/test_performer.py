"""Frames cut to the performer: which part of a frame, how it comes to the network, and poses that cannot say where."""

from __future__ import annotations

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.extract_features.clip import extract
from stages.extract_features.performer import Boxes, boxes
from stages.skeletons.layouts import layout_named
from stages.skeletons.poses import PoseSequence, sequence
from stages.video import reader
from stages.video.frame import Source
from stages.video.opencv import cv2
from stages.video.sampling import Sampling
from tests.extract_features import tiny
from tests.extract_features.test_clip import _config, _moving, _tools
from tests.video.make import make_video

COCO = layout_named("coco-17")


def poses_of(frames: int, units: str = "px") -> PoseSequence:
    """Somebody whose joints lie between (10, 5) and (30, 45), two pixels to the right per frame; not seen in the frame behind the first."""
    positions = np.full((1, frames, 17, 2), np.nan, np.float32)
    for frame in range(frames):
        positions[0, frame, :3] = [[10 + 2 * frame, 5], [30 + 2 * frame, 25], [20 + 2 * frame, 45]]
    positions[0, 1] = np.nan
    return sequence(positions, COCO, fps=30, units=units)


def test_boxes__around_all_joints_with_a_margin_and_interpolated() -> None:
    found = boxes(poses_of(4), np.arange(4) / 30, 0.25).corners
    assert found.shape == (4, 2, 2)
    for frame in range(4):
        np.testing.assert_allclose(found[frame], [[10 + 2 * frame - 5, 5 - 10], [30 + 2 * frame + 5, 45 + 10]], atol=1e-4)


def test_boxes__those_that_the_poses_have_come_first_and_are_not_enlarged() -> None:
    own = np.full((1, 4, 4), np.nan, np.float32)
    own[0, [0, 2]] = [[2, 4, 30, 40], [6, 8, 34, 44]]
    poses = sequence(poses_of(4).positions, COCO, fps=30, units="px", boxes=own)
    found = boxes(poses, np.arange(4) / 30, 0.25).corners
    np.testing.assert_allclose(found.reshape(4, 4), [[2, 4, 30, 40], [4, 6, 32, 42], [6, 8, 34, 44], [6, 8, 34, 44]], atol=1e-4)
    unseen = sequence(poses_of(4).positions, COCO, fps=30, units="px", boxes=np.full((1, 4, 4), np.nan))
    np.testing.assert_array_equal(boxes(unseen, np.arange(4) / 30, 0.25).corners, boxes(poses_of(4), np.arange(4) / 30, 0.25).corners)


def test_cut__is_the_part_of_the_frame_stretched_to_a_square() -> None:
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    box = Boxes(np.array([[[8.0, 4.0], [24.0, 44.0]], [[-20.0, 30.2], [10.5, 90.0]], [[70.0, -9.0], [90.0, -3.0]]]))
    np.testing.assert_array_equal(box.cut(image, 0, 32), cv2().resize(image[4:44, 8:24], (32, 32)))
    np.testing.assert_array_equal(box.cut(image, 1, 32), cv2().resize(image[30:48, 0:11], (32, 32)))
    assert (box.cut(image, 2, 32) == image[0, 63]).all(), "a box beyond the frame is the nearest pixel"
    half = box.cut(image[..., :2].astype(np.float16), 0, 32)
    assert (half.dtype, half.shape) == (np.float16, (32, 32, 2))


def test_resized__with_the_picture() -> None:
    box = Boxes(np.array([[[8.0, 4.0], [24.0, 44.0]]])).resized(2.0, 0.5)
    assert box.corners.tolist() == [[[16, 2], [48, 22]]]


def test_extract__the_network_sees_the_box_of_each_frame(tmp_path) -> None:
    video = Source(make_video(tmp_path / "a.mp4", _moving(20)))
    poses = poses_of(20)
    config = _config(segments=2).model_copy(update={"performer": True, "sampling": Sampling(segments=2, length=2)})
    found = extract(video, _tools(config), poses)
    assert found.features.shape == (1, 2, tiny.DIMENSIONS)
    assert "joints" not in found.clip
    frames = list(reader.read(video))
    where = boxes(poses, np.arange(20) / 30, config.performer_margin)
    for segment, first in enumerate((0, 18)):
        stack = np.stack([where.cut(frames[index].image, index, 32)[..., ::-1] for index in (first, first + 1)])
        np.testing.assert_array_equal(found.features[0, segment], _tools(config).run([np.ascontiguousarray(stack)])[0])
    assert extract(video, _tools(config, "flow"), poses).features.shape == (1, 2, tiny.DIMENSIONS)


def test_boxes__poses_that_do_not_say_where() -> None:
    second = np.concatenate([np.full((1, 4, 17, 2), np.nan, np.float32), poses_of(4).positions])
    empty = sequence(second, COCO, fps=30, units="px")
    with pytest.raises(
        ArtifactError, match=r"In no frame was the first person seen, so there is nobody to cut to\.\n  hint: leave out --performer"
    ):
        boxes(empty, np.arange(4) / 30, 0.2)
    with pytest.raises(ArtifactError, match=r"The performer's boxes need poses in pixels of the video, found 2-D ones in m\."):
        boxes(poses_of(4, units="m"), np.arange(4) / 30, 0.2)
