"""Body maps: where strokes lie, which covers which, what other cameras see, and who cannot be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from stages.errors import ArtifactError, UsageError
from stages.skeletons import body
from stages.skeletons.body_maps import BODY, MARGIN, Camera, draw, nearness, turned
from stages.skeletons.layouts import COCO_17, KINECT_20, LAYOUTS, OPENPOSE_18, Layout
from stages.skeletons.poses import PoseSequence, sequence
from tests.small import standing

SIZE = 96
WIDTHS = {"elbow": 1.6, "wrist": 1.9, "hand": 2.0, "hip": 0.45, "knee": 0.6, "ankle": 0.6, "foot": 0.7}


def facing(layout: Layout = KINECT_20, distance: float = 3.0) -> np.ndarray:
    """Joints (V, 3) of somebody who stands and faces the camera, whose x runs to its left."""
    joints = standing(layout) * [-1, 1, 1]
    for number, name in enumerate(layout.joints):
        joints[number, 0] *= WIDTHS.get(name.partition("_")[2], 1)
    return joints + np.array([0, 0, distance])


def filmed(*frames: np.ndarray, layout: Layout = KINECT_20, origin: str = "camera", units: str = "m") -> PoseSequence:
    return sequence(np.stack(frames)[None], layout, origin=origin, units=units)


def pixels(image: np.ndarray, part: str) -> np.ndarray:
    """Columns and rows (K, 2) of the pixels that show a part."""
    return np.argwhere(image[0] == body.PARTS[part])[:, ::-1]


def shown(image: np.ndarray) -> set[str]:
    return {name for name, value in body.PARTS.items() if (image[0] == value).any()}


def moved(joints: np.ndarray, *names: str, by: tuple[float, ...]) -> np.ndarray:
    joints = joints.copy()
    joints[[KINECT_20.index[name] for name in names]] += by
    return joints


def test_parts__values_are_distinct_and_sides_differ() -> None:
    assert len(set(body.PARTS.values())) == 15
    assert set(body.PART.tolist()) == set(body.PARTS.values())
    np.testing.assert_allclose(body.START.sum(axis=1), 1)
    np.testing.assert_allclose(body.END.sum(axis=1), 1)


def test_draw__a_body_as_a_mirror_shows_it_with_three_channels() -> None:
    images, box = draw(filmed(facing()), Camera(), "parts", SIZE)
    assert (images.shape, images.dtype) == ((1, 3, SIZE, SIZE), np.uint8)
    part, along, outline = images[0]
    assert shown(images[0]) == set(body.PARTS)
    assert set(np.unique(outline)) == {0, 255}
    np.testing.assert_array_equal(part > 0, outline > 0)
    assert not along[outline == 0].any()
    assert pixels(images[0], "left_forearm")[:, 0].min() > SIZE / 2 > pixels(images[0], "right_forearm")[:, 0].max()
    assert pixels(images[0], "head")[:, 1].max() < pixels(images[0], "left_shin")[:, 1].min()
    height = np.ptp(np.argwhere(outline)[:, 0])
    assert 0.8 < height * MARGIN / SIZE < 1.2
    assert box[2] - box[0] == pytest.approx(box[3] - box[1])
    assert box[2] - box[0] == pytest.approx(MARGIN * 1.5 / 3, rel=0.02)  # 1.5 m from head to foot, at 3 m


def test_draw__a_limb_is_as_thick_as_the_table_says_whatever_the_size_of_the_picture() -> None:
    poses = filmed(facing(), origin="world, y up")
    for size in (96, 192):
        images, box = draw(poses, Camera(), "parts", size)
        shin = pixels(images[0], "left_shin")
        row = round(shin[:, 1].mean())
        thickness = (shin[:, 1] == row).sum() * (box[2] - box[0]) / size
        radius = body.START_RADIUS[body.PARTS["left_shin"] == body.PART][2]  # of the middle one of five pieces
        assert thickness == pytest.approx(2 * radius * 0.45, abs=1.5 * (box[2] - box[0]) / size)  # the trunk is 0.45 m long


def test_draw__along_a_limb_the_second_channel_grows_outwards() -> None:
    image = draw(filmed(facing()), Camera(), "parts", SIZE)[0][0]
    rows = pixels(image, "left_thigh")[:, 1]
    values = image[1][image[0] == body.PARTS["left_thigh"]]
    assert np.corrcoef(rows, values)[0, 1] > 0.9
    assert values.max() > 200 > 60 > values.min()


def test_draw__what_moves_along_x_moves_by_the_right_number_of_pixels() -> None:
    still = facing()[:, :2] * [-1, -1]
    hand = still.copy()
    hand[[KINECT_20.index["left_wrist"], KINECT_20.index["left_hand"]]] += [0.3, 0]
    images, box = draw(filmed(still, hand, still + np.array([0.6, 0]), origin="unknown"), Camera(), "parts", SIZE)
    scale = SIZE / (box[2] - box[0])
    hands = [pixels(image, "left_hand").mean(axis=0) for image in images]
    np.testing.assert_allclose(hands[1] - hands[0], [0.3 * scale, 0], atol=0.35)
    np.testing.assert_allclose(hands[2] - hands[0], [0.6 * scale, 0], atol=0.35)
    shins = [pixels(image, "left_shin") for image in images]
    np.testing.assert_array_equal(shins[0], shins[1])
    np.testing.assert_allclose(
        hands[0], (still[KINECT_20.numbers(("left_wrist", "left_hand"))].mean(axis=0) - box[:2]) * scale - 0.5, atol=0.7
    )


def test_draw__a_picture_that_follows_holds_the_trunk_still_and_the_body_large() -> None:
    still = facing()[:, :2] * [-1, -1]
    hand = still.copy()
    hand[[KINECT_20.index["left_wrist"], KINECT_20.index["left_hand"]]] += [0.3, 0]
    clip = filmed(still, hand, hand + np.array([5.0, 0.7]), origin="unknown")
    followed, box = draw(clip, Camera(), "parts", SIZE, follow=True)
    np.testing.assert_array_equal(followed[1], followed[2])
    assert not np.array_equal(followed[0], followed[1])
    whole, wide = draw(clip, Camera(), "parts", SIZE)
    assert box[2] - box[0] < 0.5 * (wide[2] - wide[0])
    assert box[0] < 0 < box[2]
    assert (whole[1] != whole[2]).any()


def test_draw__a_picture_that_follows_a_walker_from_near_to_far_keeps_the_centre() -> None:
    near, far = facing() + np.array([0, 0, 2.0]), facing() + np.array([1.5, 0, 6.0])
    images, _ = draw(filmed(near, far), Camera(), "parts", SIZE, follow=True)
    middles = [np.argwhere(image[2] > 0).mean(axis=0) for image in images]
    assert np.abs(middles[0] - middles[1]).max() < 0.12 * SIZE


def test_draw__a_pinhole_shows_the_far_body_smaller() -> None:
    images, _ = draw(filmed(facing(distance=2), facing(distance=4)), Camera(), "parts", SIZE)
    near, far = (np.ptp(np.argwhere(image[2])[:, 0]) + 1 for image in images)
    assert near / far == pytest.approx(2, rel=0.08)
    images, _ = draw(filmed(facing(distance=2), facing(distance=4), origin="world, y up"), Camera(), "parts", SIZE)
    np.testing.assert_array_equal(images[0], images[1])


def test_draw__the_nearer_limb_covers_the_trunk_and_the_farther_one_is_covered() -> None:
    arm = ("left_elbow", "left_wrist", "left_hand")
    across = moved(facing(), *arm, by=(0.2, 0.15, 0))  # before or behind the belly
    front, back = moved(across, *arm, by=(0, 0, -0.3)), moved(across, *arm, by=(0, 0, 0.3))
    images, _ = draw(filmed(front, back), Camera(), "parts", SIZE)
    assert [len(pixels(image, "left_forearm")) > 0 for image in images] == [True, False]


def test_draw__half_a_turn_swaps_left_and_right() -> None:
    poses = filmed(facing())
    front, back = (draw(poses, camera, "parts", SIZE)[0][0] for camera in (Camera(), Camera(180)))
    for part in ("trunk", "upper_arm", "forearm", "thigh", "shin"):
        left, right = (pixels(front, f"{side}_{part}")[:, 0].mean() for side in ("left", "right"))
        behind_left, behind_right = (pixels(back, f"{side}_{part}")[:, 0].mean() for side in ("left", "right"))
        assert left - right == pytest.approx(behind_right - behind_left, abs=3)
        assert left > right + 2


def test_draw__a_camera_to_the_right_sees_the_persons_left() -> None:
    poses = filmed(facing())
    for camera, side, other in ((Camera(90), "left", "right"), (Camera(-90), "right", "left")):
        image = draw(poses, camera, "parts", SIZE)[0][0]
        assert len(pixels(image, f"{side}_trunk")) > 5 * len(pixels(image, f"{other}_trunk"))
        assert len(pixels(image, f"{other}_upper_arm")) == 0
    above, below = (draw(poses, Camera(0, pitch), "depth", SIZE)[0][0, 0] for pitch in (45, -45))
    heads, feet = ([np.flatnonzero(image.any(axis=1))[end] for image in (above, below)] for end in (3, -3))
    assert above[heads[0]].max() > above[feet[0]].max()  # the head is nearer to who looks down
    assert below[heads[1]].max() < below[feet[1]].max()


def test_turned__upright_a_tilted_camera_goes_around_the_body_and_not_around_its_own_vertical() -> None:
    tilt = np.radians(25)
    tilted = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    level = facing(distance=0)[None, None]
    seen = level @ tilted.T + [0, 0, 3]
    lean = {}
    for upright in (False, True):
        turn = turned(seen, Camera(45, upright=upright))[0, 0]
        trunk = turn[BODY.index["spine_shoulder"]] - turn[[BODY.index["left_ankle"], BODY.index["right_ankle"]]].mean(axis=0)
        lean[upright] = np.degrees(np.arctan2(abs(trunk[0]), trunk[1]))
    assert lean[True] < 2
    assert lean[False] > 12
    np.testing.assert_allclose(turned(level, Camera(45, upright=True)), turned(level, Camera(45)), atol=0.02)
    distances = [np.linalg.norm(each[0, 0, :, None] - each[0, 0, None], axis=-1) for each in (seen, turned(seen, Camera(45, upright=True)))]
    np.testing.assert_allclose(*distances, atol=1e-9)


def test_draw__cameras_apart_differ_and_a_whole_turn_does_not() -> None:
    poses = filmed(facing(), moved(facing(), "left_wrist", "left_hand", by=(0.1, 0.5, -0.4)))
    own, whole, quarter = (draw(poses, Camera(yaw), "parts", SIZE)[0] for yaw in (0, 360, 90))
    np.testing.assert_array_equal(own, whole)
    assert (own != quarter).mean() > 0.05
    np.testing.assert_allclose(draw(poses, Camera(), "parts", SIZE)[1], draw(poses, Camera(360), "parts", SIZE)[1])


def test_camera__names() -> None:
    names = [Camera(), Camera(45), Camera(-22.5), Camera(0, 10), Camera(90, -20)]
    assert [camera.name for camera in names] == ["original", "yaw+45", "yaw-22.5", "yaw+0pitch+10", "yaw+90pitch-20"]


def test_depth__what_is_nearer_is_brighter() -> None:
    reaching = moved(facing(), "left_wrist", "left_hand", by=(0, 0.4, -0.8))
    images, _ = draw(filmed(facing(), reaching), Camera(), "depth", SIZE)
    np.testing.assert_array_equal(images[:, 0], images[:, 1])
    np.testing.assert_array_equal(images[:, 0], images[:, 2])
    middle = nearness(np.array(0.0))
    assert images[0][images[0] > 0].mean() == pytest.approx(middle, abs=3)
    assert float(images[1].max()) == pytest.approx(nearness(np.array(-0.8)), abs=5)
    millimetres = draw(filmed(1000 * facing(), 1000 * reaching, units="mm"), Camera(), "depth", SIZE)[0]
    np.testing.assert_array_equal(images, millimetres)
    unknown = draw(filmed(7 * facing(), 7 * reaching, units="unknown"), Camera(), "depth", SIZE)[0]
    assert float(unknown[1].max()) == pytest.approx(float(images[1].max()), abs=15)  # two trunks stand for a metre


def test_depth__follows_a_body_that_walks_and_stays_within_its_range() -> None:
    np.testing.assert_allclose(nearness(np.array([-5, -1, 0, 1, 5.0])), [255, 255, 159.5, 64, 64])
    images, _ = draw(filmed(facing(distance=2), facing(distance=5)), Camera(), "depth", SIZE)
    assert [int(image[image > 0].mean()) for image in images] == [pytest.approx(159, abs=3)] * 2


def test_draw__missing_joints_leave_out_their_limbs() -> None:
    joints = facing()
    joints[KINECT_20.index["left_knee"]] = np.nan
    gone = np.full_like(joints, np.nan)
    images, _ = draw(filmed(joints, gone), Camera(), "parts", SIZE)
    assert set(body.PARTS) - shown(images[0]) == {"left_thigh", "left_shin"}
    assert not images[1].any()


def test_draw__a_body_without_a_trunk_has_limbs_of_a_sensible_width() -> None:
    joints = np.full((20, 3), np.nan)
    arm = KINECT_20.numbers(("left_shoulder", "left_elbow", "left_wrist"))
    joints[arm] = facing()[arm]
    image = draw(filmed(joints), Camera(), "parts", SIZE)[0][0]
    assert shown(image) == {"left_upper_arm", "left_forearm"}
    assert 0.02 < (image[2] > 0).mean() < 0.3


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_draw__every_layout_is_a_whole_body(layout: Layout) -> None:
    images, _ = draw(filmed(facing(layout), layout=layout), Camera(), "parts", SIZE)
    assert set(body.PARTS) - {"left_hand", "right_hand", "left_foot", "right_foot"} <= shown(images[0])


@pytest.mark.parametrize("layout", [COCO_17, OPENPOSE_18], ids=["coco", "openpose"])
def test_draw__half_a_face_is_enough_for_a_head(layout: Layout) -> None:
    joints = facing(layout)
    joints[[layout.index[name] for name in ("left_ear", "left_eye", "nose")]] = np.nan
    assert "head" in shown(draw(filmed(joints, layout=layout), Camera(), "parts", SIZE)[0][0])


def test_draw__all_people_share_one_picture() -> None:
    pair = np.stack([facing()[None] + [0.8, 0, 0], facing()[None] - [0.8, 0, 0]])
    both = sequence(pair, KINECT_20, units="m", origin="camera")
    image = draw(both, Camera(), "parts", SIZE)[0][0]
    columns = np.flatnonzero(image[2].any(axis=0))
    assert (np.diff(columns) > 10).sum() == 1
    behind = sequence(np.stack([facing()[None] + [0, 0, 1], facing()[None]]), KINECT_20, units="m", origin="camera")
    values, outline = (draw(behind, Camera(), style, SIZE)[0][0, 0] for style in ("depth", "parts"))
    assert (values[outline == body.PARTS["left_trunk"]] > nearness(np.array(-0.4))).all()  # the nearer of the two is painted last


def test_draw__some_frames_of_the_clips_own_square() -> None:
    poses = filmed(facing(), *(facing() + np.array([step, 0, 0]) for step in (0.5, 1)))
    whole, box = draw(poses, Camera(), "parts", SIZE)
    some, same = draw(poses, Camera(), "parts", SIZE, np.array([2, 0]))
    np.testing.assert_array_equal(some, whole[[2, 0]])
    np.testing.assert_array_equal(box, same)


def test_draw__a_stray_joint_before_the_lens_does_not_break_the_picture() -> None:
    joints = facing()
    joints[KINECT_20.index["left_hand"], 2] = 0.0
    images, box = draw(filmed(facing(), joints), Camera(), "parts", SIZE)
    assert np.isfinite(box).all()
    assert images[0].any()
    assert images.dtype == np.uint8


def test_draw__who_cannot_be_drawn() -> None:
    flat = filmed(facing()[:, :2], origin="image top left", units="px")
    assert draw(flat, Camera(), "parts", SIZE)[0].any()
    with pytest.raises(UsageError, match="The poses are 2-D, and depth needs 3-D ones"):
        draw(flat, Camera(), "depth", SIZE)
    with pytest.raises(UsageError, match=r"The poses are 2-D, and the virtual camera 'yaw\+45' needs 3-D ones"):
        draw(flat, Camera(45), "parts", SIZE)
    with pytest.raises(ArtifactError, match=r"the bodies lie behind it \(at z = -3\)"):
        draw(filmed(facing() - [0, 0, 6]), Camera(), "parts", SIZE)
    poses = filmed(facing())
    poses.positions[:] = np.nan
    with pytest.raises(ArtifactError, match="No joint was seen in any frame: there is nothing to draw"):
        draw(poses, Camera(), "parts", SIZE)


def test_body__is_that_of_the_table() -> None:
    assert BODY is KINECT_20
    assert {len(table) for table in (body.PART, body.ALONG, body.START, body.END, body.START_RADIUS, body.END_RADIUS)} == {len(body.PART)}
