"""The changes that AimCLR and PSTL make: what they change, what they leave alone, and that padding is no part of a clip."""

from __future__ import annotations

import math

import pytest
import torch

from stages.configuration import Layer, resolve
from stages.errors import UsageError
from stages.pretrain.methods.skeleton_changes import Changes, Extreme, blur, changed, crop, rearranged, reverse, rotate, shear, without_axis
from stages.skeletons.layouts import COCO_17

FRAMES, REAL = 16, 12
EVERYTHING = Extreme()


def mask_of(count: int, *, front: bool = False) -> torch.Tensor:
    mask = torch.zeros(count, FRAMES, dtype=torch.bool)
    mask[:, FRAMES - REAL :] = True
    return mask if front else mask.flip(1)


def poses_of(mask: torch.Tensor, channels: int = 3, people: int = 1) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(len(mask), channels, FRAMES, 17, people) * mask[:, None, :, None, None]


def ramp(mask: torch.Tensor) -> torch.Tensor:
    """One joint at x = 1, 2 … in the real frames: (N, 1, T, 1, 1)."""
    return (mask.cumsum(dim=1) * mask).float()[:, None, :, None, None]


@pytest.mark.parametrize("front", [False, True], ids=["behind", "in-front"])
@pytest.mark.parametrize(("channels", "people"), [(2, 1), (3, 2)])
def test_changed__the_seed_decides_and_padding_is_no_part_of_the_clip(channels: int, people: int, front: bool) -> None:
    mask = mask_of(64, front=front)
    poses = poses_of(mask, channels, people)

    def once(values: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)
        return changed(values, mask, EVERYTHING, COCO_17)

    found = once(poses)
    assert not found[(~mask)[:, None, :, None, None].expand_as(found)].any()
    assert torch.equal(found, once(poses))
    torch.testing.assert_close(found, once(poses + 100 * (~mask)[:, None, :, None, None]), msg="what lies in the padding is read")
    assert not torch.equal(found, changed(poses, mask, EVERYTHING, COCO_17))


def test_changed__nothing_on_changes_nothing() -> None:
    mask = mask_of(4)
    assert torch.equal(changed(poses_of(mask), mask, Changes(), COCO_17), poses_of(mask))


@pytest.mark.parametrize("front", [False, True], ids=["behind", "in-front"])
def test_crop__a_reflected_stretch_of_the_old_length(front: bool) -> None:
    mask = mask_of(600, front=front)
    found = crop(ramp(mask), mask, 6)[:, 0, :, 0, 0][mask].view(600, REAL).int().tolist()
    whole = [2, 1, *range(1, 13), 12, 11]  # 12 // 6 frames at each end, the first and the last twice
    stretches = [whole[start : start + REAL] for start in range(5)]
    counts = [sum(row == stretch for row in found) for stretch in stretches]
    assert sum(counts) == 600
    assert all(80 < count < 160 for count in counts)  # uniform: 120 each


def test_crop__of_clips_shorter_than_the_ratio_and_of_empty_ones_changes_nothing() -> None:
    mask = torch.arange(FRAMES) < torch.tensor([[0], [1], [5]])
    assert torch.equal(crop(ramp(mask), mask, 6), ramp(mask))


def test_reverse__turns_the_real_frames_round() -> None:
    mask = mask_of(1, front=True)
    found = reverse(ramp(mask), mask)[0, 0, :, 0, 0]
    assert found.tolist() == [0] * 4 + list(range(12, 0, -1))


def test_rearranged__takes_positions_among_the_real_frames() -> None:
    mask = torch.tensor([[False, True, True, True, False]])
    poses = torch.tensor([9.0, 1, 2, 3, 9])[None, None, :, None, None]
    found = rearranged(poses, mask, torch.tensor([[2, 2, 0, 0, 0]]))
    assert found[0, 0, :, 0, 0].tolist() == [0, 3, 3, 1, 0]


@pytest.mark.parametrize("channels", [2, 3])
def test_shear__is_one_matrix_per_clip_with_ones_on_its_diagonal(channels: int) -> None:
    basis = torch.eye(channels)[None, :, None, :, None].expand(500, channels, 1, channels, 1)
    matrix = shear(basis, 0.5)[:, :, 0, :, 0]
    assert torch.equal(matrix.diagonal(dim1=1, dim2=2), torch.ones(500, channels))
    beside = matrix[:, ~torch.eye(channels, dtype=torch.bool)]
    assert -0.5 <= beside.min() < -0.48
    assert 0.48 < beside.max() <= 0.5
    assert beside[:, 0].std() == pytest.approx(1 / math.sqrt(12), rel=0.1)
    assert beside.unique().numel() == beside.numel(), "each entry is drawn for itself"


def test_rotate__in_three_dimensions_mostly_about_one_axis() -> None:
    basis = torch.eye(3)[None, :, None, :, None].expand(900, 3, 1, 3, 1)
    turn = rotate(basis, 30.0, 1.0)[:, :, 0, :, 0]
    torch.testing.assert_close(turn @ turn.transpose(1, 2), torch.eye(3).expand(900, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(900))
    # To first order a turn by (a, b, c) has the antisymmetric part (a, b, c).
    parts = torch.stack([turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0], turn[:, 1, 0] - turn[:, 0, 1]], dim=1) / 2
    assert parts.min() > -0.02, "angles are not negative"
    degrees = torch.rad2deg(torch.arccos(((turn.diagonal(dim1=1, dim2=2).sum(dim=1) - 1) / 2).clamp(-1, 1)))
    assert 28 < degrees.max() < 32
    main = parts.argmax(dim=1)[degrees > 5]
    assert all(len(main) / 5 < int((main == axis).sum()) < len(main) / 2 for axis in range(3))
    assert parts[degrees > 5].sort(dim=1).values[:, :2].abs().max() < math.sin(math.radians(2))


def test_rotate__in_two_dimensions_turns_in_the_plane() -> None:
    basis = torch.eye(2)[None, :, None, :, None].expand(400, 2, 1, 2, 1)
    turn = rotate(basis, 30.0, 1.0)[:, :, 0, :, 0]
    angle = torch.rad2deg(torch.atan2(turn[:, 1, 0], turn[:, 0, 0]))
    torch.testing.assert_close(turn[:, 0, 0], turn[:, 1, 1])
    torch.testing.assert_close(turn[:, 0, 1], -turn[:, 1, 0])
    assert 0 <= angle.min() < 1
    assert 29 < angle.max() <= 30.001


def test_swap_sides__changes_joints_and_leaves_coordinates() -> None:
    mask = mask_of(400)
    poses = poses_of(mask)
    found = changed(poses, mask, Changes(swap_sides=0.5), COCO_17)
    swapped = (found != poses).flatten(1).any(dim=1)
    assert 150 < int(swapped.sum()) < 250
    assert torch.equal(found[swapped], poses[swapped][:, :, :, list(COCO_17.mirrored)])


@pytest.mark.parametrize(("change", "share"), [({"reverse": 0.25}, 0.25), ({"noise": 0.1}, 0.5), ({"drop_axis": 0.75}, 0.75)])
def test_changed__chances(change: dict[str, float], share: float) -> None:
    mask = mask_of(800)
    poses = poses_of(mask)
    hit = (changed(poses, mask, Changes(**change), COCO_17) != poses).flatten(1).any(dim=1)
    assert float(hit.float().mean()) == pytest.approx(share, abs=0.07)


def test_noise__has_its_standard_deviation_and_is_new_in_every_frame() -> None:
    mask = mask_of(50)
    noise = changed(poses_of(mask), mask, Changes(noise=0.1, noise_chance=1), COCO_17) - poses_of(mask)
    assert float(noise[:, :, :REAL].std()) == pytest.approx(0.1, rel=0.02)
    assert not torch.allclose(noise[:, :, 0], noise[:, :, 1])


def test_without_axis__each_axis_equally_often() -> None:
    gone = (without_axis(torch.ones(900, 3, 2, 5, 1)) == 0).all(dim=(2, 3, 4))
    assert torch.equal(gone.sum(dim=1), torch.ones(900, dtype=torch.long))
    assert all(240 < int(count) < 360 for count in gone.sum(dim=0))
    assert torch.equal((without_axis(torch.ones(60, 2, 2, 5, 1)) == 0).all(dim=(2, 3, 4)).sum(dim=1), torch.ones(60, dtype=torch.long))


def test_blur__is_the_weighted_mean_of_the_real_frames() -> None:
    mask = mask_of(2, front=True)
    poses = poses_of(mask, people=2)
    sigma = torch.tensor([0.5, 2.0])
    found = blur(poses, mask, sigma, 15)
    for n, t in ((0, 4), (0, 9), (1, 4), (1, 10), (1, 15)):
        frames = [s for s in range(4, FRAMES) if abs(s - t) <= 7]
        weights = torch.tensor([math.exp(-((s - t) ** 2) / (2 * float(sigma[n]) ** 2)) for s in frames])
        expected = (poses[n][:, frames] * weights[None, :, None, None]).sum(dim=1) / weights.sum()
        torch.testing.assert_close(found[n, :, t], expected)
    assert not found[:, :, :4].any()


def test_blur__a_body_at_rest_stays_and_a_tiny_sigma_changes_nothing() -> None:
    mask = mask_of(3)
    rest = torch.ones(3, 2, FRAMES, 17, 1) * mask[:, None, :, None, None]
    torch.testing.assert_close(blur(rest, mask, torch.tensor([0.1, 1.0, 2.0]), 15), rest)
    torch.testing.assert_close(blur(poses_of(mask), mask, torch.full((3,), 0.1), 15), poses_of(mask))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"blur_width": 4}, "blur_width must be odd"),
        ({"blur": [2.0, 1.0]}, "blur must be two rising numbers above 0"),
        ({"blur": [0.0, 1.0]}, "blur must be two rising numbers above 0"),
        ({"reverse": 1.5}, "'reverse' .*less than or equal to 1"),
    ],
)
def test_changes__values_that_make_no_sense(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(Changes, [Layer("--set", values)])
