"""Random changes of a batch of poses that leave its target alone.  All randomness is torch's, seeded per step by the loop."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from stages.configuration import Config
from stages.engine.batch import Batch
from stages.skeletons.finish import finish
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import Layout


class Augmentation(Config):
    """Strengths; 0 switches a change off."""

    rotate: float = Field(0.0, ge=0)
    """Largest turn about each of the axes, in degrees."""
    axes: Literal["y", "xy", "xyz"] = "y"
    """Axes of a turn in three dimensions, y being the vertical; 2-D bodies turn in the image plane."""
    scale: float = Field(0.0, ge=0, lt=1)
    """Largest relative change of size."""
    noise: float = Field(0.0, ge=0)
    """Standard deviation of noise that is the same in every frame of a clip, per joint, in the input's units (trunk lengths)."""
    jitter: float = Field(0.0, ge=0)
    """Standard deviation of noise that is new in every frame."""
    random_frames: bool = False
    """Take the frames at random times, in their order, and not at even distances."""
    crop: float = Field(0.0, ge=0, lt=1)
    """Largest share of the clip that is cut off, at random from both ends; the rest is resampled to the clip's length."""
    flip: bool = False
    """Swap left and right with probability one half."""
    drop_joints: float = Field(0.0, ge=0, lt=1)
    """Probability that a joint is zero in the whole clip."""


def augment(batch: Batch, settings: Augmentation, prepared: PoseInput, layout: Layout) -> Batch:
    """Return a randomly changed copy of ``batch``, prepared as a network sees it."""
    if settings == Augmentation():
        return batch
    poses = batch.to_change()
    count, channels, _, joints, people = poses.shape
    if settings.flip:
        mirrored = poses[:, :, :, list(layout.mirrored)] * _signs(channels, poses)
        poses = torch.where((torch.rand(count, device=poses.device) < 0.5)[:, None, None, None, None], mirrored, poses)
    if settings.rotate:
        poses = torch.einsum("nij,njtvm->nitvm", _rotations(count, channels, settings, poses), poses)
    if settings.scale:
        poses = poses * (1 + settings.scale * (2 * torch.rand(count, 1, 1, 1, 1, device=poses.device) - 1))
    if settings.crop:
        poses = at_places(poses, batch.mask, _crop(poses, batch.mask, settings.crop))
    if settings.random_frames:
        poses = at_places(poses, batch.mask, _random_places(batch.mask))
    if settings.noise:
        poses = poses + settings.noise * torch.randn(count, channels, 1, joints, people, device=poses.device)
    if settings.jitter:
        poses = poses + settings.jitter * torch.randn_like(poses)
    if settings.drop_joints:
        poses = poses * (torch.rand(count, 1, 1, joints, 1, device=poses.device) >= settings.drop_joints)
    poses = poses * batch.mask[:, None, :, None, None]
    return replace(batch, poses=finish(poses, batch.mask, prepared, layout), joints=poses)


def _signs(channels: int, like: Tensor) -> Tensor:
    signs = torch.ones(1, channels, 1, 1, 1, device=like.device)
    signs[:, 0] = -1
    return signs


def _rotations(count: int, channels: int, settings: Augmentation, like: Tensor) -> Tensor:
    """Return random rotations (N, C, C): about x, then y, then z, or in the image plane."""
    planes = {"x": (1, 2), "y": (0, 2), "z": (0, 1)}
    matrix = torch.eye(channels, device=like.device).repeat(count, 1, 1)
    for axis in settings.axes if channels == 3 else "z":
        angle = math.radians(settings.rotate) * (2 * torch.rand(count, device=like.device) - 1)
        cos, sin = torch.cos(angle), torch.sin(angle)
        one, two = planes[axis]
        turn = torch.eye(channels, device=like.device).repeat(count, 1, 1)
        turn[:, one, one], turn[:, one, two], turn[:, two, one], turn[:, two, two] = cos, -sin, sin, cos
        matrix = turn @ matrix
    return matrix


def _crop(poses: Tensor, mask: Tensor, share: float) -> Tensor:
    """Return places in the clips (N, T) that leave out up to a share of them, at random from both ends."""
    count, frames = mask.shape
    length = 1 - share * torch.rand(count, device=poses.device)
    start = (1 - length) * torch.rand(count, device=poses.device)
    frame = torch.arange(frames, device=poses.device)
    first, span = _extent(mask)
    return start[:, None] + length[:, None] * ((frame - first) / span).clamp(0, 1)


def _random_places(mask: Tensor) -> Tensor:
    """Return rising random places in the clips, (N, T); padded frames come first or last, where the padding is."""
    drawn = torch.rand(mask.shape, device=mask.device)
    first, _ = _extent(mask)
    before = torch.arange(mask.shape[1], device=mask.device) < first
    return torch.where(mask, drawn, torch.where(before, -1.0, 2.0)).sort(dim=1).values.clamp(0, 1)


def _extent(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first real frame and the number of steps to the last one (at least 1), (N, 1) each."""
    return mask.float().argmax(dim=1)[:, None], (mask.sum(dim=1) - 1).clamp(min=1)[:, None]


def at_places(poses: Tensor, mask: Tensor, places: Tensor) -> Tensor:
    """Return the clips at other places (N, T), 0 being the first real frame and 1 the last, linear between frames."""
    count, channels, frames, joints, people = poses.shape
    first, span = _extent(mask)
    where = 2 * (first + span * places) / max(frames - 1, 1) - 1
    grid = torch.stack([torch.zeros_like(where), where], dim=-1)[:, :, None]
    flat = poses.permute(0, 1, 3, 4, 2).reshape(count, channels * joints * people, frames, 1)
    sampled = F.grid_sample(flat, grid, align_corners=True, padding_mode="border")
    return sampled.view(count, channels, joints, people, frames).permute(0, 1, 4, 2, 3)
