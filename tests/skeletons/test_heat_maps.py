"""Heat maps of joints, against mmaction2's and by hand."""

from __future__ import annotations

import importlib

import numpy as np
import torch

from stages import openmmlab
from stages.skeletons.heat_maps import draw, paint, place


def _real(count: int, frames: int) -> torch.Tensor:
    return torch.ones(count, frames, dtype=torch.bool)


def test_draw__as_mmaction2_draws() -> None:
    openmmlab.prepare()
    theirs = importlib.import_module("mmaction.datasets.transforms.pose_transforms").GeneratePoseTarget(sigma=0.6)
    poses = torch.rand(1, 2, 3, 17, 2, generator=torch.Generator().manual_seed(0)) + 0.1
    plane = poses[0].permute(3, 1, 2, 0).numpy()  # (M, T, V, xy)
    low, high = plane.min(axis=(0, 1, 2)), plane.max(axis=(0, 1, 2))
    pixels = ((plane - (low + high) / 2) / (1.25 * (high - low).max()) + 0.5) * 55
    document = {"keypoint": pixels, "keypoint_score": np.ones(pixels.shape[:3]), "img_shape": (56, 56)}
    expected = theirs.gen_an_aug(document).transpose(1, 0, 2, 3)  # (V, T, H, W)
    # mmaction2 cuts a Gaussian off between three and four pixels, at values below exp(-4.5) = .011
    np.testing.assert_allclose(draw(poses, _real(1, 3), 56, 0.6)[0].numpy(), expected, atol=0.0112)


def test_draw__a_box_of_two_joints_by_hand() -> None:
    poses = torch.zeros(1, 2, 1, 2, 1)
    poses[0, :, 0, :, 0] = torch.tensor([[1.0, 5.0], [2.0, 2.0]])  # x of both joints, y of both
    volume = draw(poses, _real(1, 1), 11, 0.5)
    # the square is 1.25 × 4 = 5 wide about (3, 2), 10 / 5 = 2 pixels per unit: x = 1, 5 lie in columns 1 and 9, y = 2 in row 5
    assert volume.shape == (1, 2, 1, 11, 11)
    assert [divmod(int(plane.argmax()), 11) for plane in volume[0, :, 0]] == [(5, 1), (5, 9)]
    torch.testing.assert_close(volume[0, 0, 0, 5, :4], torch.exp(-torch.tensor([1.0, 0.0, 1.0, 4.0]) * 2) * torch.tensor([1, 1, 1, 0]))


def test_draw__neither_place_nor_scale_matter_but_movement_does() -> None:
    poses = torch.randn(2, 3, 4, 17, 1)
    volume = draw(poses, _real(2, 4), 24, 0.6)
    torch.testing.assert_close(draw(300 + 50 * poses, _real(2, 4), 24, 0.6), volume, atol=1e-3, rtol=1e-3)
    assert not torch.allclose(volume[:, :, 0], volume[:, :, 1])
    torch.testing.assert_close(draw(poses * torch.tensor([-1, 1, 1]).view(1, 3, 1, 1, 1), _real(2, 4), 24, 0.6), volume.flip(4))


def test_draw__depth_is_not_drawn() -> None:
    poses = torch.randn(1, 3, 4, 17, 1)
    assert torch.equal(draw(poses, _real(1, 4), 24, 0.6), draw(poses[:, :2], _real(1, 4), 24, 0.6))


def test_draw__padding_masked_frames_and_absent_people_leave_no_trace() -> None:
    poses = torch.randn(1, 3, 6, 17, 2) + 5
    poses[..., 1] = 0
    poses[:, :, 1] = 0  # a frame that was masked
    mask = _real(1, 6)
    mask[:, 4:] = False
    volume = draw(poses, mask, 24, 0.6)
    assert volume.flatten(3).any(dim=3).all(dim=1)[0].tolist() == [True, False, True, True, False, False]
    torch.testing.assert_close(volume[:, :, :4], draw(poses[:, :, :4, :, :1], mask[:, :4], 24, 0.6))


def test_draw__a_clip_without_anybody_is_empty() -> None:
    assert not draw(torch.zeros(1, 3, 4, 17, 1), _real(1, 4), 24, 0.6).any()
    assert torch.isfinite(draw(torch.ones(1, 3, 4, 17, 1), _real(1, 4), 24, 0.6)).all()


def test_paint__some_frames_of_a_placed_clip_are_drawn_as_in_the_whole() -> None:
    poses = torch.randn(2, 2, 6, 17, 2)
    where, seen = place(poses, _real(2, 6), 24)
    torch.testing.assert_close(paint(where[:, 2:5], seen[:, 2:5], 24, 0.6), draw(poses, _real(2, 6), 24, 0.6)[:, :, 2:5])
