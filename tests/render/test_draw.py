"""Drawing: where colour appears, how strong, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from stages.render import draw
from stages.render.draw import PALETTES, box_on, caption_on, label_on, sheet, skeleton_on
from stages.skeletons.layouts import COCO_17, LAYOUTS
from tests.render.poses import person

ONES = np.ones(17)
PLACE = dict(zip(COCO_17.joints, person(1)[0].astype(int), strict=True))


def drawn(confidence=ONES, positions=None, size: int = 120, **more) -> np.ndarray:
    image = np.zeros((size, size, 3), np.uint8)
    skeleton_on(image, person(1)[0] if positions is None else positions, confidence, COCO_17, **more)
    return image


def at(image: np.ndarray, joint: str) -> tuple[int, ...]:
    x, y = PLACE[joint]
    return tuple(map(int, image[y, x]))


def test_skeleton__the_sides_have_their_colours() -> None:
    image = drawn()
    palette = PALETTES[0]
    assert at(image, "left_wrist") == palette.left
    assert at(image, "right_ankle") == palette.right
    assert at(image, "nose") == palette.trunk
    x, y = (PLACE["left_hip"] + PLACE["left_knee"]) // 2
    np.testing.assert_allclose(image[y, x - 1 : x + 2].max(axis=0), palette.left, rtol=0.4)  # a thin line, smoothed
    assert not image[:, :20].any()


def test_skeleton__each_person_looks_different() -> None:
    colours = [colour for palette in PALETTES for colour in (palette.left, palette.right)]
    for number, colour in enumerate(colours):
        others = [np.abs(np.subtract(colour, other)).sum() for other in colours[number + 1 :]]
        assert min(others, default=999) > 100, "two colours that look alike"


def test_skeleton__uncertain_is_faint() -> None:
    strength = [
        int(drawn(ONES * confidence).astype(int)[PLACE["left_knee"][1], PLACE["left_knee"][0]].sum()) for confidence in (1, 0.6, 0.3, 0)
    ]
    assert strength == sorted(strength, reverse=True)
    assert len(set(strength)) == 4
    assert strength[-1] > 0


def test_skeleton__interpolated_is_hollow() -> None:
    marks = np.zeros(17)
    marks[COCO_17.index["nose"]] = 1
    positions = person(1)[0]
    positions[1:] = np.nan
    assert at(drawn(positions=positions), "nose") == PALETTES[0].trunk
    hollow = drawn(positions=positions, interpolated=marks)
    assert at(hollow, "nose") == (0, 0, 0)
    assert hollow.any()


def test_skeleton__missing_joints_and_their_limbs_are_left_out() -> None:
    positions = person(1)[0]
    positions[COCO_17.index["left_knee"]] = np.nan
    image = drawn(positions=positions)
    assert at(image, "left_knee") == (0, 0, 0)
    assert at(image, "left_ankle") == PALETTES[0].left
    assert not drawn(positions=np.full((17, 2), np.nan)).any()


@pytest.mark.parametrize("value", [1e9, -1e9, 1e30])
def test_skeleton__joints_far_outside_do_no_harm(value: float) -> None:
    positions = person(1)[0]
    positions[COCO_17.index["right_wrist"]] = value
    image = drawn(positions=positions)
    assert at(image, "left_wrist") == PALETTES[0].left
    assert not drawn(positions=np.full((17, 2), value)).any()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_skeleton__every_layout(layout) -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    positions = np.random.default_rng(0).uniform(20, 380, (len(layout.joints), 2))
    skeleton_on(image, positions, np.ones(len(positions)), layout)
    assert all(image[int(y), int(x)].any() for x, y in positions)


def test_skeleton__lines_grow_with_the_image() -> None:
    assert [draw.stroke(np.zeros((side, 2 * side, 3))) for side in (48, 240, 480, 1080, 2160)] == [1, 1, 2, 5, 11]


def test_box__is_drawn_and_nan_is_left_out() -> None:
    image = np.zeros((50, 50, 3), np.uint8)
    box_on(image, np.array([np.nan, 1, 2, 3]), (255, 255, 255))
    assert not image.any()
    box_on(image, np.array([10, 12, 30, 1e9]), (255, 255, 255))
    assert image[12, 20].all()
    assert image[40, 10].all()
    assert not image[20, 20].any()


def test_label__stays_within_the_image() -> None:
    for place in ((-50, -50), (500, 500), (30, 30)):
        image = np.full((60, 90, 3), 90, np.uint8)
        label_on(image, "12", place, (255, 255, 255))
        assert (image == 255).any()
        assert (image == 30).any()
    caption_on(np.zeros((8, 8, 3), np.uint8), "an image smaller than its text")


def test_sheet__tiles_in_rows() -> None:
    images = [np.full((40, 60, 3), 10 * number + 10, np.uint8) for number in range(5)]
    made = sheet(images, width=30)
    assert made.shape[2] == 3
    middles = made[10::20, 15::30, 0].ravel().tolist()
    assert middles == [10, 20, 30, 40, 50, *([draw.BACKGROUND[0]] * (len(middles) - 5))]
    assert sheet(images[:1], width=60).shape == (40, 60, 3)
    assert sheet([np.zeros((1280, 720, 3), np.uint8)] * 4, width=90).shape == (320, 180, 3)
    assert sheet([np.zeros((720, 1280, 3), np.uint8)] * 12, width=160).shape == (360, 480, 3)
