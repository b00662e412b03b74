"""Random changes of a batch: what they change, what they leave alone, and that padding stays padding."""

from __future__ import annotations

import pytest
import torch

from stages.engine.augment import Augmentation, augment
from stages.engine.batch import Batch
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
    one = augment(whole, EVERYTHING, COCO_17).poses
    torch.manual_seed(3)
    assert torch.equal(one, augment(whole, EVERYTHING, COCO_17).poses)
    assert not one[:, :, REAL:].any()
    assert not torch.equal(one, augment(whole, EVERYTHING, COCO_17).poses)


def test_augment__nothing_on_changes_nothing() -> None:
    whole = batch()
    assert torch.equal(augment(whole, Augmentation(), COCO_17).poses, whole.poses)


@pytest.mark.parametrize("channels", [2, 3])
def test_rotate__keeps_lengths_and_in_three_dimensions_heights(channels: int) -> None:
    whole = batch(channels=channels)
    turned = augment(whole, Augmentation(rotate=60), COCO_17).poses
    torch.testing.assert_close(turned.norm(dim=1), whole.poses.norm(dim=1))
    assert not torch.allclose(turned[:, 0], whole.poses[:, 0])
    assert torch.equal(turned[:, 1], whole.poses[:, 1]) == (channels == 3)


def test_scale__is_one_factor_per_clip_within_its_bounds() -> None:
    whole = batch()
    factor = (augment(whole, Augmentation(scale=0.2), COCO_17).poses / whole.poses)[:, :, :REAL].flatten(1)
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor))
    assert 0.8 <= factor.min() < 0.85
    assert 1.15 < factor.max() <= 1.2


def test_flip__mirrors_half_of_the_clips_with_their_sides_swapped() -> None:
    whole = batch(400)
    flipped = augment(whole, Augmentation(flip=True), COCO_17).poses
    left, right = COCO_17.index["left_wrist"], COCO_17.index["right_wrist"]
    mirrored = (flipped != whole.poses).flatten(1).any(dim=1)
    assert 150 < int(mirrored.sum()) < 250
    assert torch.equal(flipped[mirrored][:, 0, :, left], -whole.poses[mirrored][:, 0, :, right])
    assert torch.equal(flipped[mirrored][:, 1, :, left], whole.poses[mirrored][:, 1, :, right])


def test_crop__stretches_a_part_of_the_real_frames() -> None:
    whole = batch(200)
    ramp = torch.arange(FRAMES).float() * whole.mask[0]
    ramp_batch = Batch(whole.ids, ramp[None, None, :, None, None].expand_as(whole.poses).clone(), whole.mask, None, whole.group)
    cropped = augment(ramp_batch, Augmentation(crop=0.5), COCO_17).poses[:, 0, :, 0, 0]
    real = cropped[:, :REAL]
    steps = real.diff(dim=1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps))
    assert float(steps.min()) >= 0.5 - 1e-5
    assert float(steps.max()) <= 1 + 1e-5
    assert float(real.min()) >= -1e-5
    assert float(real.max()) <= REAL - 1 + 1e-5, "the padding is no part of the clip"


def test_noise__is_the_same_in_every_frame_and_jitter_is_not() -> None:
    whole = batch(padded=False)
    noise = augment(whole, Augmentation(noise=0.1), COCO_17).poses - whole.poses
    torch.testing.assert_close(noise, noise[:, :, :1].expand_as(noise))
    assert 0.09 < float(noise[:, :, 0].std()) < 0.11
    jitter = augment(whole, Augmentation(jitter=0.1), COCO_17).poses - whole.poses
    assert 0.09 < float(jitter.std()) < 0.11
    assert not torch.allclose(jitter[:, :, 0], jitter[:, :, 1])


def test_drop_joints__is_zero_in_the_whole_clip() -> None:
    gone = augment(batch(400), Augmentation(drop_joints=0.3), COCO_17).poses[:, :, :REAL].abs().sum(dim=(1, 2, 4)) == 0
    assert 0.25 < float(gone.float().mean()) < 0.35
