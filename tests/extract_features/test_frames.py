"""Resizing, cutting, putting segments together while a video is read, and what views do to them."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.extract_features import frames as prepare
from stages.extract_features.backbones.contract import Look
from stages.video.opencv import cv2
from stages.video.sampling import BLANK, views

RGB = Look("rgb", 8, 4, (0.0,) * 3, (1.0,) * 3)
FLOW = Look("flow", 8, 4, (0.0,) * 2, (1.0,) * 2)


@pytest.mark.parametrize(
    ("size", "resize", "expected"),
    [((1280, 720), 256, (455, 256)), ((240, 320), 256, (256, 341)), ((171, 128), 128, (171, 128)), ((300, 200), (171, 128), (171, 128))],
)
def test_resized__shorter_side_or_exact(size, resize, expected) -> None:
    found = prepare.resized(np.zeros((size[1], size[0], 3), np.uint8), resize)
    assert found.shape == (expected[1], expected[0], 3)


def test_centre__the_middle_square() -> None:
    image = np.arange(6 * 9).reshape(6, 9, 1)
    assert prepare.centre(image, 4)[..., 0].tolist() == [[r * 9 + c for c in range(2, 6)] for r in range(1, 5)]
    with pytest.raises(ArtifactError, match=r"9 × 6 pixels after resizing, smaller than the 7 × 7"):
        prepare.centre(image, 7)


def test_rgb__also_of_many_patches() -> None:
    patches = np.random.default_rng(0).integers(0, 255, (2, 3, 4, 5, 3), np.uint8)
    assert (prepare.rgb(patches) == patches[..., ::-1]).all()
    assert (prepare.rgb(patches[0, 0, 1:3, 1:4]) == patches[0, 0, 1:3, 1:4, ::-1]).all()


def test_squares__around_joints_black_beyond_and_where_unknown() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    image[5, 7] = 200
    image[0, 0] = 100
    centres = np.array([[7.0, 5.0], [0.0, 0.0], [np.nan, np.nan]])
    found = prepare.squares(image, centres, side=5, size=5)
    assert found.shape == (3, 5, 5, 3)
    assert found[0, 2, 2].tolist() == [200] * 3
    assert found[1, 2, 2].tolist() == [100] * 3
    assert (found[1, :2] == 0).all()
    assert (found[2] == 0).all()
    enlarged = prepare.squares(image, centres[:1], side=5, size=10)
    assert enlarged[0].max() > 0
    assert np.unravel_index(enlarged[0, ..., 0].argmax(), (10, 10)) in {(4, 4), (4, 5), (5, 4), (5, 5)}


def test_assemble__each_segment_as_soon_as_it_is_complete_and_nothing_is_kept_longer() -> None:
    wanted = np.array([[0, 1, 2], [1, 2, 3], [BLANK, 5, 6], [6, 0, 1], [BLANK, BLANK, BLANK]])
    given: list[int] = []

    def frames():
        for index in prepare.used(wanted):
            given.append(index)
            yield index, np.full((2, 2, 3), index + 1, np.uint8)

    order = []
    for number, segment in prepare.assemble(frames(), wanted):
        order.append((number, given[-1]))
        assert segment[:, 0, 0, 0].tolist() == (wanted[number] + 1).tolist()
    assert order == [(0, 2), (1, 3), (2, 6), (3, 6), (4, 6)]
    assert given == [0, 1, 2, 3, 5, 6]


def test_assemble__holds_no_more_than_open_segments() -> None:
    wanted = np.concatenate([np.arange(4000).reshape(-1, 16), np.arange(8, 3992).reshape(-1, 16)])
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def frames():
        nonlocal most
        for index in range(4000):
            frame = np.zeros((1, 1, 3), np.uint8)
            alive.append(weakref.ref(frame))
            yield index, frame
            del frame
            most = max(most, sum(reference() is not None for reference in alive[-100:]))

    assert sum(1 for _ in prepare.assemble(frames(), wanted)) == 499
    assert most <= 26


def _picture():
    return np.random.default_rng(0).integers(0, 255, (2, 4, 4, 3), np.uint8)


def test_vary__rotations_and_mirror() -> None:
    segment = _picture()
    for name, code in (
        ("rotate-90", cv2().ROTATE_90_COUNTERCLOCKWISE),
        ("rotate-180", cv2().ROTATE_180),
        ("rotate-270", cv2().ROTATE_90_CLOCKWISE),
    ):
        found = prepare.vary(segment, views([name])[0], RGB)
        assert all((frame == cv2().rotate(image, code)).all() for frame, image in zip(found, segment, strict=True))
    assert (prepare.vary(segment, views(["flip"])[0], RGB) == segment[:, :, ::-1]).all()
    assert (prepare.vary(segment, views(["original"])[0], RGB) == segment).all()


@pytest.mark.parametrize(
    ("view", "expected"),
    [("rotate-90", (0, -1)), ("rotate-180", (-1, 0)), ("rotate-270", (0, 1)), ("flip", (-1, 0)), ("flip+rotate-90", (0, -1))],
)
def test_vary__flow_turns_with_the_picture(view, expected) -> None:
    to_the_right = np.zeros((1, 4, 4, 2), np.float16)
    to_the_right[..., 0] = 1
    found = prepare.vary(to_the_right, views([view])[0], FLOW)
    assert found.dtype == np.float16
    assert (found == np.array(expected)).all()


def test_vary__patches_turn_each_for_itself() -> None:
    patches = np.random.default_rng(0).integers(0, 255, (2, 3, 4, 4, 3), np.uint8)
    found = prepare.vary(patches, views(["rotate-90"])[0], RGB)
    assert (found[1, 2] == np.rot90(patches[1, 2])).all()


def test_sampling_document__frames_and_times() -> None:
    document = prepare.sampling_document(views(["flip+shift:1"]), [np.array([[BLANK, 0], [1, 2]])], np.array([0.0, 0.04, 0.08]))
    assert document == {
        "views": [
            {
                "name": "flip+shift:1",
                "transform": {"shift": 1, "flip": True, "rotate": 0, "still": False},
                "frames": [[-1, 0], [1, 2]],
                "times": [[None, 0.0], [0.04, 0.08]],
            }
        ]
    }
