"""Pace, halves, limbs and shuffled segments: what comes out, and that padding is no part of a clip."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stages.pretrain.methods.sequence_changes import LIMBS, first_half, limbs, paced, shuffled
from stages.skeletons.layouts import COCO_17, LAYOUTS, Layout

FRAMES = 20


def ramps(lengths: list[int], *, front: bool = False) -> tuple[Tensor, Tensor]:
    """Return clips whose every coordinate is the number of the real frame, counted from 1."""
    mask = torch.arange(FRAMES) < torch.tensor(lengths)[:, None]
    mask = mask.flip(1) if front else mask
    return (mask.cumsum(dim=1) * mask).float()[:, None, :, None, None].expand(-1, 3, -1, 17, 1).clone(), mask


@pytest.mark.parametrize("front", [True, False], ids=["front", "back"])
@pytest.mark.parametrize("pace", [0.6, 0.7, 0.8, 0.9, 1.0])
def test_paced__stretches_consecutive_frames_over_the_clip(pace: float, front: bool) -> None:
    poses, mask = ramps([20, 10, 5] * 30, front=front)
    slow = paced(poses, mask, torch.full((90,), pace), "interpolate")
    assert not slow[~mask[:, None, :, None, None].expand_as(slow)].any()
    for length, kept, clip in zip([20, 10, 5] * 30, [-(-round(10 * pace * n) // 10) for n in [20, 10, 5]] * 30, range(90), strict=True):
        values = slow[clip, 0, mask[clip], 3, 0]
        assert len(values) == length
        torch.testing.assert_close(values.diff(), torch.full((length - 1,), (kept - 1) / (length - 1)), rtol=1e-4, atol=1e-4)
        assert 1 <= round(float(values[0])) <= length - kept + 1
    starts = {round(float(slow[clip, 0, mask[clip], 3, 0][0])) for clip in range(0, 90, 3)}
    assert (len(starts) > 1) == (pace < 1)


def test_paced__repetition_shows_only_real_frames_and_all_that_it_took() -> None:
    poses, mask = ramps([20, 10] * 20)
    slow = paced(poses, mask, torch.full((40,), 0.6), "repeat")
    for clip, kept in zip(range(40), [12, 6] * 20, strict=True):
        values = slow[clip, 0, mask[clip], 3, 0]
        torch.testing.assert_close(values, values.round(), rtol=0, atol=1e-4)
        assert values.round().unique().diff().tolist() == [1] * (kept - 1)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_limbs__are_four_disjoint_parts_and_not_the_trunk(layout: Layout) -> None:
    members = limbs(layout)
    assert members.sum(dim=1).min() >= 3
    assert members.sum(dim=0).max() == 1
    assert not members[:, list(layout.parts["trunk"])].any()
    assert members[LIMBS.index("left_arm"), layout.index["left_elbow"]]


def test_first_half__is_of_the_real_frames() -> None:
    _, mask = ramps([20, 5], front=True)
    half = first_half(mask)
    assert half[0].nonzero().flatten().tolist() == list(range(10))
    assert half[1].nonzero().flatten().tolist() == [15, 16, 17]


@pytest.mark.parametrize("front", [True, False], ids=["front", "back"])
def test_shuffled__moves_whole_segments_and_says_where_they_came_from(front: bool) -> None:
    poses, mask = ramps([20, 10, 7] * 20, front=front)
    moved, place, order = shuffled(poses, mask, 5)
    for clip, length in zip(range(60), [20, 10, 7] * 20, strict=True):
        numbers = moved[clip, 0, mask[clip], 0, 0].long() - 1
        assert sorted(numbers.tolist()) == list(range(length))
        came_from = order[clip][place[clip][mask[clip]]]
        assert torch.equal(came_from, numbers * 5 // length)
        assert (place[clip][mask[clip]].diff() >= 0).all()
        assert all((numbers[came_from == segment].diff() == 1).all() for segment in range(5))
    assert len({tuple(row) for row in order.tolist()}) > 20
    assert not moved[~mask[:, None, :, None, None].expand_as(moved)].any()


def test_shuffled__fewer_frames_than_segments() -> None:
    poses, mask = ramps([3])
    moved, place, order = shuffled(poses, mask, 5)
    assert torch.equal(order[0][place[0][mask[0]]], (moved[0, 0, mask[0], 0, 0].long() - 1) * 5 // 3)


def test_limbs__of_coco_are_arms_and_legs() -> None:
    assert limbs(COCO_17).sum() == 12
