"""What an examination of U-VI measures, on networks whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stages.pretrain.methods.u_vi_examined import (
    Looked,
    Networks,
    among_groups,
    angle_between,
    figures,
    moments_of,
    retrieval,
    sheet,
    shift_error,
)
from stages.pretrain.methods.u_vi_networks import rotation

SIDE, MOMENTS, POINTS = 20, 6, 5


class Says(nn.Module):
    """A network that says what it is told for each picture, which it knows by the value of its first pixel's first channel."""

    def __init__(self, *told: Tensor) -> None:
        super().__init__()
        self.told = told

    def forward(self, pictures: Tensor) -> Tensor | tuple[Tensor, ...]:
        index = (pictures[:, 0, 0, 0] * 100).round().long()
        found = tuple(each[index] for each in self.told)
        return found[0] if len(found) == 1 else found


class Paints(nn.Module):
    """A decoder that fills the picture with the pose's first coordinate."""

    def forward(self, poses: Tensor) -> Tensor:
        return poses[:, 0, 0][:, None, None, None].expand(-1, 3, SIDE, SIDE)


def marked(views: int = 2) -> Tensor:
    """Pictures (V, K, 3, SIDE, SIDE) whose value tells view and moment."""
    numbers = torch.arange(views * MOMENTS).view(views, MOMENTS) / 100
    return numbers[:, :, None, None, None].expand(-1, -1, 3, SIDE, SIDE)


def looked(poses: Tensor, angles: Tensor, *, paints: nn.Module | None = None) -> Looked:
    """A group of which encoder and viewpoint encoder say this: poses (V × K, 3, P), angles (V × K, 3); nothing is moved."""
    networks = Networks(Says(poses), Says(angles, torch.zeros(len(angles), 3)), paints or Paints())
    return Looked.at(networks, marked())


def alike() -> Tensor:
    """Poses that both views agree on, and that differ from moment to moment."""
    return torch.randn(MOMENTS, 3, POINTS, generator=torch.Generator().manual_seed(0)).repeat(2, 1, 1)


def test_moments__are_spread_over_the_clip_and_each_is_taken_once() -> None:
    assert moments_of(3).tolist() == [0, 1, 2]
    assert len(set(moments_of(100).tolist())) == 16
    assert moments_of(100).tolist()[::15] == [0, 99]


def test_retrieval__counts_those_whose_own_moment_is_nearest() -> None:
    one = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    assert retrieval(one, one + 0.1) == 1
    assert retrieval(one, one[[1, 0, 2, 3]]) == 0.5


def test_figures__of_views_that_agree_every_moment_is_found_and_swapping_changes_nothing() -> None:
    found = figures(looked(alike(), torch.zeros(2 * MOMENTS, 3)))
    assert found["moment_found"] == 1
    assert found["moment_found_by_chance"] == pytest.approx(1 / MOMENTS)
    assert found["error_swapped"] == pytest.approx(found["error"])
    assert found["error_with_pose_of_other_moment"] != pytest.approx(found["error"], rel=1e-3)
    assert found["turn_within_view"] == found["turn_between_views"] == 0


def test_figures__a_pose_that_says_nothing_is_found_out() -> None:
    constant = torch.ones(2 * MOMENTS, 3, POINTS)
    found = figures(looked(constant, torch.zeros(2 * MOMENTS, 3)))
    assert found["moment_found"] == pytest.approx(1 / MOMENTS), "ties fall to the first moment"
    assert found["error_with_pose_of_other_moment"] == pytest.approx(found["error"])


def test_figures__errors_are_those_of_the_pictures() -> None:
    found = figures(looked(torch.full((2 * MOMENTS, 3, POINTS), 0.5), torch.zeros(2 * MOMENTS, 3)))
    pictures = torch.arange(2 * MOMENTS) / 100
    assert found["error"] == pytest.approx(float((pictures - 0.5).square().mean()), rel=1e-5)
    per_view = [(view - view.mean()).square().mean() for view in pictures.view(2, MOMENTS)]
    assert found["error_of_mean_picture"] == pytest.approx(float(sum(per_view) / 2), rel=1e-4)


def test_figures__turns_are_told_in_degrees() -> None:
    angles = torch.zeros(2, MOMENTS, 3)
    angles[1, :, 1] = math.radians(45)
    found = figures(looked(alike(), angles.view(-1, 3)))
    assert found["turn_between_views"] == pytest.approx(45, abs=0.1)
    assert found["turn_within_view"] == pytest.approx(0, abs=0.1)


def test_angle_between__of_known_turns() -> None:
    angles = torch.tensor([[0.3, 0, 0], [0, -1.2, 0], [0, 0, math.pi / 2]])
    expected = torch.rad2deg(angles.abs().sum(dim=1))
    torch.testing.assert_close(angle_between(torch.eye(3).expand(3, 3, 3), rotation(angles)), expected, atol=1e-3, rtol=0)


class Centre(nn.Module):
    """A viewpoint encoder that reads the place of what is bright, exactly."""

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        grid = torch.arange(SIDE) / (SIDE / 2)
        weight = pictures[:, 0]
        total = weight.sum(dim=(1, 2))
        x, y = (weight * grid).sum(dim=(1, 2)) / total, (weight * grid[:, None]).sum(dim=(1, 2)) / total
        return torch.zeros(len(pictures), 3), torch.stack([x, y, torch.zeros_like(x)], dim=1)


class Still(nn.Module):
    """The same pose for every picture."""

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.ones(len(pictures), 3, POINTS)


def test_shift_error__is_nothing_where_the_place_moves_as_the_picture_and_whole_where_it_stays() -> None:
    pictures = torch.zeros(2, MOMENTS, 3, SIDE, SIDE)
    pictures[..., 6:10, 4:12] = 1
    exact = Looked.at(Networks(Still(), Centre(), Paints()), pictures)
    assert float(shift_error(exact)) == pytest.approx(0, abs=1e-5)
    zeros = torch.zeros(101, 3)
    fixed = Looked.at(Networks(Still(), Says(zeros, zeros), Paints()), pictures)
    assert float(shift_error(fixed)) == pytest.approx(1, abs=1e-5)


def test_among_groups__tells_clips_apart_by_their_middle() -> None:
    poses = torch.randn(7, 3, POINTS)
    pictures = torch.rand(2, 7, 3, SIDE, SIDE)
    middles = [(torch.stack([pose, pose + 0.001]), pictures[:, number]) for number, pose in enumerate(poses)]
    found = among_groups(middles)
    np.testing.assert_array_equal(found["clip_found"], np.ones(7))
    assert found["clip_found_by_pixels"].mean() < 0.7
    np.testing.assert_allclose(found["clip_found_by_chance"], 1 / 7)


def test_sheet__a_row_per_moment_and_a_tile_per_picture_and_pose() -> None:
    picture = sheet(looked(alike(), torch.zeros(2 * MOMENTS, 3)), 24)
    assert picture.shape == (4 * 24, 8 * 24, 3)
    assert picture.dtype == np.uint8
    poses = picture[:, 6 * 24 :].reshape(4, 24, 2, 24, 3)
    np.testing.assert_array_equal(poses[1:, :, 0], poses[1:, :, 1], err_msg="both views agree on the canonical pose")
    assert poses[1].max() == 255
