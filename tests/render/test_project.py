"""From joint positions to pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.render.project import CANVAS, on_canvas, on_frame
from stages.skeletons.layouts import COCO_17
from stages.skeletons.poses import sequence
from tests.render.poses import person, poses

LEFT, RIGHT, NOSE, ANKLE = (COCO_17.index[name] for name in ("left_wrist", "right_wrist", "nose", "left_ankle"))


def solid(axes: list[int], signs: list[int], origin: str = "unknown"):
    """The person of the tests in 3-D: ``axes`` holds which axis is sideways, upwards and forwards."""
    flat = person(5)
    positions = np.zeros((5, 17, 3))
    positions[..., axes[0]] = signs[0] * (flat[..., 0] - 60) / 100
    positions[..., axes[1]] = signs[1] * -(flat[..., 1] - 60) / 100
    positions[..., axes[2]] = 3
    return sequence(positions, COCO_17, units="m", origin=origin)


def test_on_frame__scaled_to_the_same_picture_of_another_size() -> None:
    given = poses(boxes=np.tile(np.array([10, 20, 30, 40], np.float32), (1, 20, 1)))
    assert on_frame(given, 120, 120, "x") is given
    half = on_frame(given, 60, 60, "x")
    np.testing.assert_allclose(half.positions, given.positions / 2)
    np.testing.assert_allclose(half.boxes[0, 0], [5, 10, 15, 20])
    assert on_frame(poses(size=None), 999, 10, "x").positions is not None


def test_on_frame__what_does_not_fit() -> None:
    with pytest.raises(ArtifactError, match=r"x: the poses were found in a picture of 120 × 120 pixels, the video has 160 × 120"):
        on_frame(poses(), 160, 120, "x")
    with pytest.raises(ArtifactError, match="x: the positions are in 'unknown', expected pixels") as caught:
        on_frame(poses(units="unknown"), 120, 120, "x")
    assert "empty canvas" in caught.value.hint


@pytest.mark.parametrize("axes", [[0, 1, 2], [0, 2, 1], [1, 2, 0], [2, 0, 1]])
@pytest.mark.parametrize("signs", [[1, 1], [-1, 1], [1, -1]])
def test_on_canvas__a_skeleton_stands_upright_and_faces_us(axes: list[int], signs: list[int]) -> None:
    shown, width, height = on_canvas(solid(axes, signs))
    frame = shown.positions[0, 0]
    assert (width, height) == (CANVAS, CANVAS)
    assert frame[NOSE, 1] < frame[ANKLE, 1]
    assert frame[LEFT, 0] > frame[RIGHT, 0]
    assert frame.min() > 0
    assert frame.max() < CANVAS
    np.testing.assert_allclose(frame[ANKLE, 1] - frame[NOSE, 1], 80 / 36 * (frame[LEFT, 0] - frame[RIGHT, 0]), rtol=1e-3)  # one scale


@pytest.mark.parametrize("sign", [1, -1])
def test_on_canvas__a_camera_s_skeleton_is_seen_as_filmed(sign: int) -> None:
    frame = on_canvas(solid([0, 1, 2], [sign, 1], "camera"))[0].positions[0, 0]
    assert (frame[LEFT, 0] - frame[RIGHT, 0]) * sign > 0
    sideways = on_canvas(solid([2, 1, 0], [1, 1], "camera"))[0].positions[0, 0]
    assert np.ptp(sideways[:, 0]) < 1


def test_on_canvas__poses_in_pixels_keep_their_picture() -> None:
    shown, width, height = on_canvas(poses())
    assert (width, height) == (120, 120)
    np.testing.assert_array_equal(shown.positions, poses().positions)
    for given in (poses(size=None), poses(units="unknown"), poses(size=(10**6, 10**6))):
        shown, width, height = on_canvas(given)
        assert (width, height) == (CANVAS, CANVAS)
        assert shown.positions[0, 0, NOSE, 1] < shown.positions[0, 0, ANKLE, 1]


def test_on_canvas__a_joint_that_flew_away_does_not_shrink_the_rest() -> None:
    given = solid([0, 1, 2], [1, 1])
    positions = np.repeat(given.positions, 40, axis=1)
    positions[0, 0, LEFT] = 1000
    times = np.arange(positions.shape[1]) / 30
    shown, _, _ = on_canvas(sequence(positions, COCO_17, timestamps=times))
    assert np.ptp(shown.positions[0, 1, :, 1]) > CANVAS / 2


def test_on_canvas__missing_stays_missing() -> None:
    given = solid([0, 1, 2], [1, 1])
    positions = given.positions.copy()
    positions[0, 2] = np.nan
    assert np.isnan(on_canvas(replace(given, positions=positions))[0].positions[0, 2]).all()
