"""Random changes of a batch: what they change, what they leave alone, and that padding stays padding."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch

from stages.engine.augment import Augmentation, augment
from stages.engine.batch import Batch
from stages.skeletons.finish import finish
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import COCO_17

FRAMES, REAL = 12, 8


def batch(count: int = 40, channels: int = 3, *, padded: bool = True) -> Batch:
    mask = torch.zeros(count, FRAMES, dtype=torch.bool)
    mask[:, : REAL if padded else FRAMES] = True
    poses = torch.randn(count, channels, FRAMES, 17, 1) * mask[:, None, :, None, None]
    return Batch(tuple(map(str, range(count))), poses, mask, torch.zeros(count), torch.zeros(count, dtype=torch.long))


EVERYTHING = Augmentation(rotate=30, scale=0.3, noise=0.1, jitter=0.1, crop=0.5, flip=True, drop_joints=0.2)


@pytest.mark.parametrize("channels", [2, 3])
def test_augment__padding_stays_zero_and_the_seed_decides(channels: int) -> None:
    whole = batch(channels=channels)
    torch.manual_seed(3)
    one = augment(whole, EVERYTHING, PoseInput(), COCO_17).poses
    torch.manual_seed(3)
    assert torch.equal(one, augment(whole, EVERYTHING, PoseInput(), COCO_17).poses)
    assert not one[:, :, REAL:].any()
    assert not torch.equal(one, augment(whole, EVERYTHING, PoseInput(), COCO_17).poses)


def test_augment__nothing_on_changes_nothing() -> None:
    whole = batch()
    assert torch.equal(augment(whole, Augmentation(), PoseInput(), COCO_17).poses, whole.poses)


@pytest.mark.parametrize("channels", [2, 3])
def test_rotate__keeps_lengths_and_in_three_dimensions_heights(channels: int) -> None:
    whole = batch(channels=channels)
    turned = augment(whole, Augmentation(rotate=60), PoseInput(), COCO_17).poses
    torch.testing.assert_close(turned.norm(dim=1), whole.poses.norm(dim=1))
    assert not torch.allclose(turned[:, 0], whole.poses[:, 0])
    assert torch.equal(turned[:, 1], whole.poses[:, 1]) == (channels == 3)


@pytest.mark.parametrize("axes", ["xy", "xyz"])
def test_rotate__about_more_axes_keeps_the_form_and_no_coordinate(axes: Literal["xy", "xyz"]) -> None:
    whole = batch()
    turned = augment(whole, Augmentation(rotate=60, axes=axes), PoseInput(), COCO_17).poses
    one, two = (torch.einsum("nctvm,ndtvm->ncd", each, each) for each in (turned, whole.poses))
    torch.testing.assert_close(torch.linalg.eigvalsh(one), torch.linalg.eigvalsh(two))
    torch.testing.assert_close(turned.norm(dim=1), whole.poses.norm(dim=1))
    assert all(not torch.allclose(turned[:, axis], whole.poses[:, axis]) for axis in range(3))


def test_random_frames__rise_within_the_clip_at_random_distances() -> None:
    whole = batch(200)
    ramp = torch.arange(FRAMES).float() * whole.mask[0]
    ramps = replace(whole, poses=ramp[None, None, :, None, None].expand_as(whole.poses).clone())
    found = augment(ramps, Augmentation(random_frames=True), PoseInput(), COCO_17).poses[:, 0, :, 0, 0]
    assert not found[:, REAL:].any()
    assert (found[:, :REAL].diff(dim=1) >= 0).all()
    assert float(found.max()) <= REAL - 1 + 1e-5
    expected = (REAL - 1) * torch.arange(1, REAL + 1) / (REAL + 1)  # means of ordered uniform numbers
    torch.testing.assert_close(found[:, :REAL].mean(dim=0), expected, atol=0.4, rtol=0)
    front = replace(ramps, poses=ramps.poses.flip(2), mask=ramps.mask.flip(1))
    assert not augment(front, Augmentation(random_frames=True), PoseInput(), COCO_17).poses[:, :, : FRAMES - REAL].any()


@pytest.mark.parametrize("stream", ["joint", "bone", "joint-motion", "bone-motion"])
def test_augment__changes_joints_before_they_become_a_stream(stream: str) -> None:
    prepared = PoseInput(stream=stream, scale="unit")  # type: ignore[arg-type]
    joints = batch()
    seen = replace(joints, poses=finish(joints.poses, joints.mask, prepared, COCO_17), joints=joints.poses)
    torch.manual_seed(5)
    found = augment(seen, EVERYTHING, prepared, COCO_17)
    torch.manual_seed(5)
    expected = finish(augment(joints, EVERYTHING, PoseInput(), COCO_17).poses, joints.mask, prepared, COCO_17)
    assert torch.equal(found.poses, expected)
    assert torch.equal(augment(seen, Augmentation(), prepared, COCO_17).poses, seen.poses)


def test_scale__is_one_factor_per_clip_within_its_bounds() -> None:
    whole = batch()
    factor = (augment(whole, Augmentation(scale=0.2), PoseInput(), COCO_17).poses / whole.poses)[:, :, :REAL].flatten(1)
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor))
    assert 0.8 <= factor.min() < 0.85
    assert 1.15 < factor.max() <= 1.2


def test_flip__mirrors_half_of_the_clips_with_their_sides_swapped() -> None:
    whole = batch(400)
    flipped = augment(whole, Augmentation(flip=True), PoseInput(), COCO_17).poses
    left, right = COCO_17.index["left_wrist"], COCO_17.index["right_wrist"]
    mirrored = (flipped != whole.poses).flatten(1).any(dim=1)
    assert 150 < int(mirrored.sum()) < 250
    assert torch.equal(flipped[mirrored][:, 0, :, left], -whole.poses[mirrored][:, 0, :, right])
    assert torch.equal(flipped[mirrored][:, 1, :, left], whole.poses[mirrored][:, 1, :, right])


def test_crop__stretches_a_part_of_the_real_frames() -> None:
    whole = batch(200)
    ramp = torch.arange(FRAMES).float() * whole.mask[0]
    ramp_batch = Batch(whole.ids, ramp[None, None, :, None, None].expand_as(whole.poses).clone(), whole.mask, None, whole.group)
    cropped = augment(ramp_batch, Augmentation(crop=0.5), PoseInput(), COCO_17).poses[:, 0, :, 0, 0]
    real = cropped[:, :REAL]
    steps = real.diff(dim=1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps))
    assert float(steps.min()) >= 0.5 - 1e-5
    assert float(steps.max()) <= 1 + 1e-5
    assert float(real.min()) >= -1e-5
    assert float(real.max()) <= REAL - 1 + 1e-5, "the padding is no part of the clip"


def test_noise__is_the_same_in_every_frame_and_jitter_is_not() -> None:
    whole = batch(padded=False)
    noise = augment(whole, Augmentation(noise=0.1), PoseInput(), COCO_17).poses - whole.poses
    torch.testing.assert_close(noise, noise[:, :, :1].expand_as(noise))
    assert 0.09 < float(noise[:, :, 0].std()) < 0.11
    jitter = augment(whole, Augmentation(jitter=0.1), PoseInput(), COCO_17).poses - whole.poses
    assert 0.09 < float(jitter.std()) < 0.11
    assert not torch.allclose(jitter[:, :, 0], jitter[:, :, 1])


def test_drop_joints__is_zero_in_the_whole_clip() -> None:
    gone = augment(batch(400), Augmentation(drop_joints=0.3), PoseInput(), COCO_17).poses[:, :, :REAL].abs().sum(dim=(1, 2, 4)) == 0
    assert 0.25 < float(gone.float().mean()) < 0.35
