"""A clip becomes a network's input, under every setting and for the oddest clips."""

from __future__ import annotations

import itertools
from typing import get_args

import numpy as np
import pytest
from pydantic import ValidationError

from stages.errors import UsageError
from stages.skeletons import transforms
from stages.skeletons.input import PoseInput, channels_of, prepare, skeleton_of
from stages.skeletons.layouts import COCO_17, KINECT_25
from stages.skeletons.poses import PoseSequence, sequence
from tests.small import standing

CHOICES = {name: get_args(PoseInput.model_fields[name].annotation) for name in ("length", "centre", "scale", "stream")}
ALL = [dict(zip(CHOICES, values, strict=True)) for values in itertools.product(*CHOICES.values())]


def clip(frames: int = 20, *, gaps: float = 0.0, axes: int = 3, people: int = 1) -> PoseSequence:
    random = np.random.default_rng(0)
    positions = random.normal(size=(people, frames, 25, axes)).astype(np.float32) + 5
    positions[random.random(positions.shape[:3]) < gaps] = np.nan
    return sequence(positions, KINECT_25)


def never_seen_spine() -> PoseSequence:
    positions = np.random.default_rng(1).normal(size=(1, 20, 25, 3))
    positions[:, :, 1] = np.nan
    positions[:, 7] = np.nan
    return sequence(positions, KINECT_25)


CLIPS = {"whole": clip(), "gaps": clip(gaps=0.6), "one-frame": clip(1), "long": clip(90), "flat": clip(axes=2), "spine": never_seen_spine()}


@pytest.mark.parametrize("poses", CLIPS.values(), ids=CLIPS.keys())
def test_prepare__every_setting_gives_finite_numbers_and_a_mask(poses: PoseSequence) -> None:
    for settings in ALL:
        found, mask = prepare(poses, PoseInput(people=2, frames=32, **settings))
        assert found.shape == (poses.positions.shape[3], 32, 25, 2), settings
        assert found.dtype == np.float32
        assert np.isfinite(found).all(), settings
        assert mask.sum() == (32 if settings["length"] == "resample" else min(32, poses.frames)), settings
        assert not found[:, ~mask].any(), settings


def test_prepare__defaults_are_centred_facing_and_of_trunk_size() -> None:
    found, mask = prepare(clip(64), PoseInput())
    assert mask.all()
    positions = found.transpose(3, 1, 2, 0)
    np.testing.assert_allclose(transforms.body_centre(positions, KINECT_25)[:, 0], 0, atol=1e-5)
    assert transforms.trunk_length(positions, KINECT_25) == pytest.approx(1, rel=1e-5)


def test_prepare__nothing_on_leaves_the_numbers() -> None:
    poses = clip(10)
    found, _ = prepare(poses, PoseInput(frames=10, face_camera=False, centre="none", scale="none"))
    np.testing.assert_array_equal(found.transpose(3, 1, 2, 0), poses.positions)


@pytest.mark.parametrize("length", ["pad-front", "pad-back"])
def test_prepare__no_motion_between_a_real_frame_and_the_padding(length: str) -> None:
    poses = clip(10)
    still = sequence(np.broadcast_to(poses.positions[:, :1], poses.positions.shape), KINECT_25)
    found, _ = prepare(still, PoseInput(frames=16, length=length, stream="joint-motion", centre="none", scale="none"))  # type: ignore[arg-type]
    assert not found.any()


def test_prepare__an_absent_person_is_zero_and_does_not_stretch_the_scale() -> None:
    one, _ = prepare(clip(), PoseInput(scale="unit", centre="none"))
    two, _ = prepare(clip(), PoseInput(scale="unit", centre="none", people=2))
    np.testing.assert_allclose(two[..., :1], one, atol=1e-6)
    assert not two[..., 1].any()


def test_prepare__more_people_than_wanted_keeps_the_first() -> None:
    found, _ = prepare(clip(people=3), PoseInput(people=1))
    assert found.shape[3] == 1


def test_prepare__converts_to_the_chosen_skeleton() -> None:
    found, _ = prepare(clip(), PoseInput(skeleton="kinect-20", scale="none", centre="none", face_camera=False, frames=20))
    np.testing.assert_array_equal(found[:, :, 2, 0].T, clip().positions[0, :, 20])


def test_prepare__does_not_change_the_clip() -> None:
    poses = clip(gaps=0.3)
    before = poses.positions.copy()
    for settings in ALL:
        prepare(poses, PoseInput(people=2, **settings))
    np.testing.assert_array_equal(poses.positions, before)


def test_prepare__unknown_skeleton() -> None:
    with pytest.raises(UsageError, match=r"Unknown skeleton 'kinect20'\. Did you mean 'kinect-20'\?"):
        prepare(clip(), PoseInput(skeleton="kinect20"))


def test_settings__one_frame_is_no_sequence() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        PoseInput(frames=1)


def test_skeleton_of__mixed_or_chosen() -> None:
    assert skeleton_of(PoseInput(), {"kinect-25"}) == "kinect-25"
    assert skeleton_of(PoseInput(skeleton="coco-17"), {"kinect-25", "coco-17"}) == COCO_17.name
    with pytest.raises(UsageError, match=r"different skeletons: coco-17, kinect-25\.\n  hint: choose one to convert to with --skeleton"):
        skeleton_of(PoseInput(), {"kinect-25", "coco-17"})


@pytest.mark.parametrize("face_camera", [False, True])
def test_prepare__flat_bodies_are_what_a_picture_shows(face_camera: bool) -> None:
    index = KINECT_25.index
    positions = np.broadcast_to(standing(KINECT_25) * [-1, 1, 1], (20, 25, 3))  # a depth camera's x runs to the left, and so does
    poses = sequence(positions, KINECT_25)  # the left side of somebody who faces it
    settings = PoseInput(frames=20, flat=True, face_camera=face_camera, centre="none", scale="none")
    found, _ = prepare(poses, settings)
    assert found.shape == (2, 20, 25, 1)
    (x, y) = found[:, 0, :, 0]
    assert x[index["left_hip"]] == pytest.approx(0.2, abs=0.01)  # on the right of the picture
    assert x[index["right_hip"]] == pytest.approx(-0.2, abs=0.01)
    assert y[index["head"]] < y[index["pelvis"]] < y[index["left_foot"]]  # from the top downwards
    assert channels_of(poses, settings) == 2


def test_prepare__flat_leaves_two_axes_alone() -> None:
    poses = clip(axes=2)
    settings = {"centre": "none", "scale": "unit"}
    one, two = (prepare(poses, PoseInput(flat=flat, **settings))[0] for flat in (True, False))  # type: ignore[arg-type]
    np.testing.assert_array_equal(one, two)
    assert [channels_of(each, PoseInput()) for each in (poses, clip())] == [2, 3]


def test_prepare__frames_per_second_keep_the_tempo_of_padded_clips() -> None:
    slow, fast = clip(90), clip(30)
    settings = PoseInput(frames=32, fps=slow.fps / 3, length="pad-back")
    assert [int(prepare(poses, settings)[1].sum()) for poses in (slow, fast)] == [30, 10]
    assert prepare(clip(1), settings)[1].sum() == 1
