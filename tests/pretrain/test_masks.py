"""The frame masks of SME-GCN."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.pretrain.methods.masks import alteration, masked_frames, random_mask, temporal_mask, variance_mask


def _line(values: list[float]) -> torch.Tensor:
    """One joint that moves along x: (1, 1, T, 1, 1)."""
    return torch.tensor(values).view(1, 1, -1, 1, 1)


ALL = torch.ones(1, 4, dtype=torch.bool)


def test_alteration__four_frames_by_hand() -> None:
    # k = 1.  t=0: {0, 0}, mean 0 → 0.  t=1: {0, 0, 1}, mean 1/3 → 1/9 + 1/9 + 4/9 = 2/3.
    # t=2: {0, 1, 5}, mean 2 → 4 + 1 + 9 = 14.  t=3: {1, 5}, mean 3 → 4 + 4 = 8.
    degree = alteration(_line([0, 0, 1, 5]), ALL, 1)
    assert degree[0].tolist() == pytest.approx([0, 2 / 3, 14, 8])


@pytest.mark.parametrize(("rate", "masked"), [(0.25, [0]), (0.5, [0, 1]), (0.75, [0, 1, 3])])
def test_variance_mask__masks_the_frames_that_change_least(rate: float, masked: list[int]) -> None:
    found = variance_mask(_line([0, 0, 1, 5]), ALL, rate, 1)
    assert found[0].nonzero().flatten().tolist() == masked


def test_alteration__sums_over_channels_joints_and_people() -> None:
    poses = torch.randn(2, 3, 9, 5, 2)
    valid = torch.ones(2, 9, dtype=torch.bool)
    separate = sum(alteration(poses[:, c : c + 1, :, v : v + 1, m : m + 1], valid, 2) for c in range(3) for v in range(5) for m in range(2))
    torch.testing.assert_close(alteration(poses, valid, 2), separate)


def test_alteration__does_not_see_padding() -> None:
    poses = torch.randn(1, 3, 10, 4, 1)
    valid = torch.zeros(1, 10, dtype=torch.bool)
    valid[:, 3:] = True
    poses[:, :, :3] = 0
    padded = alteration(poses, valid, 2)[:, 3:]
    torch.testing.assert_close(padded, alteration(poses[:, :, 3:], valid[:, 3:], 2))


def test_variance_mask__ties_go_to_earlier_frames() -> None:
    still = torch.zeros(1, 2, 8, 3, 1)
    assert variance_mask(still, torch.ones(1, 8, dtype=torch.bool), 0.5, 2)[0].tolist() == [True] * 4 + [False] * 4


def test_temporal_mask__keeps_evenly_spaced_frames() -> None:
    valid = torch.ones(1, 12, dtype=torch.bool)
    assert (~temporal_mask(valid, 0.75))[0].nonzero().flatten().tolist() == [0, 4, 8]
    kept = (~temporal_mask(torch.ones(1, 103, dtype=torch.bool), 0.38))[0].nonzero().flatten()
    assert len(kept) == 64
    assert set(kept.diff().tolist()) == {1, 2}


@pytest.mark.parametrize(("rate", "kept"), [(0.38, 64), (0.69, 32), (0.84, 16)])
@pytest.mark.parametrize("name", ["variance", "temporal", "random"])
def test_masks__the_paper_s_rates_keep_the_paper_s_frames(name: str, rate: float, kept: int) -> None:
    valid = torch.ones(2, 103, dtype=torch.bool)
    masked = masked_frames(name, torch.randn(2, 3, 103, 17, 1), valid, rate, 2)
    assert (~masked).sum(dim=1).tolist() == [kept, kept]


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 40), padding=st.integers(0, 20), front=st.booleans(), rate=st.floats(0, 0.99), seed=st.integers(0, 999))
def test_masks__only_valid_frames_and_exactly_the_share(length: int, padding: int, front: bool, rate: float, seed: int) -> None:
    torch.manual_seed(seed)
    valid = torch.cat([torch.zeros(1, padding, dtype=torch.bool), torch.ones(1, length, dtype=torch.bool)], dim=1)
    valid = valid if front else valid.flip(1)
    poses = torch.randn(1, 2, length + padding, 3, 1) * valid[:, None, :, None, None]
    for masked in (variance_mask(poses, valid, rate, 2), temporal_mask(valid, rate), random_mask(valid, rate)):
        assert not (masked & ~valid).any()
        assert masked.sum() == round(rate * length)
