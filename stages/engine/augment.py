"""Random changes of a batch of poses that leave its target alone.  All randomness is torch's, seeded per step by the loop."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from stages.configuration import Config
from stages.engine.batch import Batch
from stages.skeletons.layouts import Layout


class Augmentation(Config):
    """Strengths; 0 switches a change off."""

    rotate: float = Field(0.0, ge=0)
    """Largest turn about the vertical axis (3-D), or in the image plane (2-D), in degrees."""
    scale: float = Field(0.0, ge=0, lt=1)
    """Largest relative change of size."""
    noise: float = Field(0.0, ge=0)
    """Standard deviation of noise that is the same in every frame of a clip, per joint, in the input's units (trunk lengths)."""
    jitter: float = Field(0.0, ge=0)
    """Standard deviation of noise that is new in every frame."""
    crop: float = Field(0.0, ge=0, lt=1)
    """Largest share of the clip that is cut off, at random from both ends; the rest is resampled to the clip's length."""
    flip: bool = False
    """Swap left and right with probability one half."""
    drop_joints: float = Field(0.0, ge=0, lt=1)
    """Probability that a joint is zero in the whole clip."""


def augment(batch: Batch, settings: Augmentation, layout: Layout) -> Batch:
    """Return a randomly changed copy of ``batch``."""
    poses = batch.poses
    count, channels, _, joints, people = poses.shape
    if settings.flip:
        mirrored = poses[:, :, :, list(layout.mirrored)] * _signs(channels, poses)
        poses = torch.where((torch.rand(count, device=poses.device) < 0.5)[:, None, None, None, None], mirrored, poses)
    if settings.rotate:
        poses = torch.einsum("nij,njtvm->nitvm", _rotations(count, channels, settings.rotate, poses), poses)
    if settings.scale:
        poses = poses * (1 + settings.scale * (2 * torch.rand(count, 1, 1, 1, 1, device=poses.device) - 1))
    if settings.crop:
        poses = _crop(poses, batch.mask, settings.crop)
    if settings.noise:
        poses = poses + settings.noise * torch.randn(count, channels, 1, joints, people, device=poses.device)
    if settings.jitter:
        poses = poses + settings.jitter * torch.randn_like(poses)
    if settings.drop_joints:
        poses = poses * (torch.rand(count, 1, 1, joints, 1, device=poses.device) >= settings.drop_joints)
    return replace(batch, poses=poses * batch.mask[:, None, :, None, None])


def _signs(channels: int, like: Tensor) -> Tensor:
    signs = torch.ones(1, channels, 1, 1, 1, device=like.device)
    signs[:, 0] = -1
    return signs


def _rotations(count: int, channels: int, degrees: float, like: Tensor) -> Tensor:
    angle = math.radians(degrees) * (2 * torch.rand(count, device=like.device) - 1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    matrix = torch.eye(channels, device=like.device).repeat(count, 1, 1)
    other = channels - 1  # z for 3-D bodies (a turn about the vertical), y for 2-D (a tilt)
    matrix[:, 0, 0], matrix[:, 0, other], matrix[:, other, 0], matrix[:, other, other] = cos, -sin, sin, cos
    return matrix


def _crop(poses: Tensor, mask: Tensor, share: float) -> Tensor:
    count, channels, frames, joints, people = poses.shape
    length = 1 - share * torch.rand(count, device=poses.device)
    start = (1 - length) * torch.rand(count, device=poses.device)
    frame = torch.arange(frames, device=poses.device)
    first, span = mask.float().argmax(dim=1), (mask.sum(dim=1) - 1).clamp(min=1)
    place = ((frame - first[:, None]) / span[:, None]).clamp(0, 1)  # in the real part of the clip, from 0 to 1
    wanted = first[:, None] + span[:, None] * (start[:, None] + length[:, None] * place)
    where = 2 * wanted / max(frames - 1, 1) - 1
    grid = torch.stack([torch.zeros_like(where), where], dim=-1)[:, :, None]
    flat = poses.permute(0, 1, 3, 4, 2).reshape(count, channels * joints * people, frames, 1)
    sampled = F.grid_sample(flat, grid, align_corners=True, padding_mode="border")
    return sampled.view(count, channels, joints, people, frames).permute(0, 1, 4, 2, 3)
