"""Transforms of joint positions: what each keeps, undoes or never does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stages.errors import UsageError
from stages.skeletons import transforms
from stages.skeletons.layouts import COCO_17, KINECT_20, KINECT_25, LAYOUTS, MEDIAPIPE_33, OPENPOSE_18, OPENPOSE_25, UI_PRMD_22, Layout

EVERY = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
_VALUES = st.floats(-10, 10, width=32)
POSITIONS = hnp.arrays(np.float32, st.tuples(st.just(1), st.integers(1, 6), st.just(20), st.just(3)), elements=_VALUES)
WITH_GAPS = hnp.arrays(
    np.float32, st.tuples(st.just(2), st.integers(1, 7), st.just(3), st.just(2)), elements=st.one_of(_VALUES, st.just(np.float32(np.nan)))
)
QUICK = settings(max_examples=50, deadline=None)


def random(layout: Layout, people: int = 1, frames: int = 9, axes: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(people, frames, len(layout.joints), axes)).astype(np.float32)


@EVERY
def test_flip__twice_is_nothing(layout: Layout) -> None:
    positions = random(layout)
    flipped = transforms.flip(positions, layout)
    np.testing.assert_array_equal(transforms.flip(flipped, layout), positions)
    left, right = layout.symmetric_pairs[0]
    np.testing.assert_array_equal(flipped[:, :, left], positions[:, :, right] * [-1, 1, 1])


@QUICK
@given(POSITIONS, st.integers(2, 12))
def test_resample__keeps_the_ends_and_the_range(positions, frames) -> None:
    found = transforms.resample(positions, frames)
    assert found.shape == (1, frames, 20, 3)
    np.testing.assert_array_equal(found[:, 0], positions[:, 0])
    np.testing.assert_allclose(found[:, -1], positions[:, -1], atol=1e-5)
    assert found.min() >= positions.min() - 1e-5
    assert found.max() <= positions.max() + 1e-5


def test_resample__a_straight_line_stays_one() -> None:
    line = np.linspace(0, 1, 5).reshape(1, 5, 1, 1)
    np.testing.assert_allclose(transforms.resample(line, 9)[0, :, 0, 0], np.linspace(0, 1, 9))


def test_pad__front_and_back_masks() -> None:
    positions = random(KINECT_20, frames=3)
    front, mask = transforms.pad(positions, 5, front=True)
    assert mask.tolist() == [False, False, True, True, True]
    np.testing.assert_array_equal(front[:, 2:], positions)
    assert not front[:, :2].any()
    back, mask = transforms.pad(positions, 5, front=False)
    assert mask.tolist() == [True, True, True, False, False]
    np.testing.assert_array_equal(back[:, :3], positions)
    assert not back[:, 3:].any()


@pytest.mark.parametrize("front", [True, False])
def test_pad__longer_clips_keep_their_last_frames(front: bool) -> None:
    positions = random(KINECT_20, frames=7)
    found, mask = transforms.pad(positions, 5, front=front)
    np.testing.assert_array_equal(found, positions[:, 2:])
    assert mask.all()


@QUICK
@given(WITH_GAPS)
def test_interpolate_gaps__fills_everything_within_the_range_of_what_was_seen(positions) -> None:
    found = transforms.interpolate_gaps(positions)
    assert np.isfinite(found).all()
    seen = np.isfinite(positions)
    np.testing.assert_array_equal(found[seen], positions[seen])
    for person, joint, axis in np.ndindex(2, 3, 2):
        track = positions[person, :, joint, axis]
        if np.isfinite(track).any():
            assert found[person, :, joint, axis].min() >= np.nanmin(track) - 1e-5
            assert found[person, :, joint, axis].max() <= np.nanmax(track) + 1e-5


def test_interpolate_gaps__linear_in_time_with_held_ends() -> None:
    track = np.array([np.nan, 1, np.nan, np.nan, 4, np.nan]).reshape(1, 6, 1, 1)
    assert transforms.interpolate_gaps(track)[0, :, 0, 0].tolist() == [1, 1, 2, 3, 4, 4]


def test_interpolate_gaps__never_seen_is_the_mean_of_the_others_or_zero() -> None:
    positions = np.full((2, 3, 3, 2), np.nan)
    positions[0, :, 0], positions[0, :, 1] = 2, 4
    found = transforms.interpolate_gaps(positions)
    assert (found[0, :, 2] == 3).all()
    assert (found[1] == 0).all()


@QUICK
@given(st.integers(0, 1000))
def test_face_camera__hips_lie_along_x_and_distances_stay(seed) -> None:
    positions = random(KINECT_25, seed=seed)
    found = transforms.face_camera(positions, KINECT_25)
    across = (found[:, :, KINECT_25.index["left_hip"]] - found[:, :, KINECT_25.index["right_hip"]]).mean(axis=(0, 1))
    assert across[0] > 0
    assert across[2] == pytest.approx(0, abs=1e-5)
    np.testing.assert_array_equal(found[..., 1], positions[..., 1])
    for a, b in ((0, 3), (5, 17), (10, 24)):
        before, after = (np.linalg.norm(each[:, :, a] - each[:, :, b], axis=-1) for each in (positions, found))
        np.testing.assert_allclose(after, before, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.det(np.linalg.lstsq(positions[0, 0], found[0, 0], rcond=None)[0]), 1, rtol=1e-3)


def test_face_camera__leaves_what_has_no_direction() -> None:
    flat = random(KINECT_25, axes=2)
    assert transforms.face_camera(flat, KINECT_25) is flat
    nobody = np.full((1, 2, 25, 3), np.nan, np.float32)
    assert transforms.face_camera(nobody, KINECT_25) is nobody
    still = np.zeros((1, 2, 25, 3), np.float32)
    assert transforms.face_camera(still, KINECT_25) is still


@QUICK
@given(st.integers(0, 1000), st.floats(0.01, 1000))
def test_scale_by_trunk__does_not_depend_on_the_units(seed, factor) -> None:
    positions = random(COCO_17, seed=seed).astype(np.float64)
    found = transforms.scale_by_trunk(positions * factor, COCO_17)
    np.testing.assert_allclose(found, transforms.scale_by_trunk(positions, COCO_17), rtol=1e-9)
    assert transforms.trunk_length(found, COCO_17) == pytest.approx(1)


def test_trunk_length__nothing_seen() -> None:
    assert transforms.trunk_length(np.full((1, 2, 17, 2), np.nan), COCO_17) == 1


def test_centre__per_frame_and_on_start() -> None:
    positions = random(OPENPOSE_25)
    per_frame = transforms.centre_per_frame(positions, OPENPOSE_25)
    np.testing.assert_array_equal(per_frame[:, :, 8], 0)
    on_start = transforms.centre_on_start(positions, OPENPOSE_25)
    np.testing.assert_array_equal(on_start[:, 0, 8], 0)
    np.testing.assert_allclose(np.diff(on_start, axis=1), np.diff(positions, axis=1), atol=1e-5)


def test_centre__of_people_together_keeps_their_distances() -> None:
    positions = np.concatenate([random(OPENPOSE_25), random(OPENPOSE_25) + 3])
    together = transforms.centre_on_start(positions, OPENPOSE_25, together=True)
    np.testing.assert_array_equal(together[0, 0, 8], 0)
    np.testing.assert_allclose(together[1] - together[0], positions[1] - positions[0], atol=1e-5)
    apart = transforms.centre_on_start(positions, OPENPOSE_25)
    np.testing.assert_array_equal(apart[:, 0, 8], 0)


def test_centre__unseen_centre_loses_no_joint() -> None:
    positions = np.ones((1, 3, 25, 3))
    positions[:, :, 0] += np.arange(3)[None, :, None]
    centre = OPENPOSE_25.numbers(OPENPOSE_25.centre)
    positions[0, :, centre] = np.array([10.0, np.nan, 20.0])[:, None]
    found = transforms.centre_per_frame(positions, OPENPOSE_25)
    assert found[0, :, 0, 0].tolist() == [-9, -13, -17]
    positions[0, 0, centre] = np.nan
    assert np.isfinite(transforms.centre_on_start(positions, OPENPOSE_25)[0, :, 0]).all()


def test_body_centre__coco_is_the_mean_of_hips_and_shoulders() -> None:
    positions = random(COCO_17)
    expected = positions[:, :, [5, 6, 11, 12]].mean(axis=2, keepdims=True)
    np.testing.assert_allclose(transforms.body_centre(positions, COCO_17), expected, rtol=1e-5, atol=1e-6)


def test_convert__kinect_25_to_20_is_exact_for_every_joint() -> None:
    positions = random(KINECT_25)
    found = transforms.convert(positions, KINECT_25, KINECT_20)
    np.testing.assert_array_equal(found, positions[:, :, [0, 1, 20, 3, *range(4, 20)]])


def test_convert__ui_prmd_gives_kinect_its_limbs() -> None:
    positions = random(UI_PRMD_22)
    found = transforms.convert(positions, UI_PRMD_22, KINECT_20)
    for joint in ("left_shoulder", "right_wrist", "left_knee", "right_ankle", "left_foot", "pelvis", "spine_shoulder"):
        np.testing.assert_array_equal(found[:, :, KINECT_20.index[joint]], positions[:, :, UI_PRMD_22.index[joint]])
    np.testing.assert_array_equal(found[:, :, KINECT_20.index["left_hand"]], positions[:, :, UI_PRMD_22.index["left_wrist"]])


def test_convert__derived_joints_are_means_and_missing_stays_missing() -> None:
    positions = random(MEDIAPIPE_33)
    positions[0, 2, MEDIAPIPE_33.index["left_hip"]] = np.nan
    found = transforms.convert(positions, MEDIAPIPE_33, OPENPOSE_25)
    hips = positions[:, :, MEDIAPIPE_33.numbers(("left_hip", "right_hip"))].mean(axis=2)
    np.testing.assert_array_equal(found[:, :, OPENPOSE_25.index["pelvis"]], hips)
    assert np.isnan(found[0, 2, OPENPOSE_25.index["pelvis"]]).all()
    assert np.isnan(found[:, :, OPENPOSE_25.index["left_big_toe"]]).all()


def test_convert__to_itself_is_the_same_array() -> None:
    positions = random(OPENPOSE_18)
    assert transforms.convert(positions, OPENPOSE_18, OPENPOSE_18) is positions


def test_convert__too_little_in_common() -> None:
    hand = Layout("hand-3", "", {"wrist": None, "thumb": "wrist", "index": "wrist"}, ("wrist",), (("wrist",), ("index",)))
    with pytest.raises(UsageError, match=r"The skeleton hand-3 cannot become coco-17: only 0 of its joints correspond"):
        transforms.convert(np.ones((1, 2, 3, 3)), hand, COCO_17)
