"""Random changes of skeleton sequences that AimCLR (Guo et al., AAAI 2022, section 3.2) and PSTL (Zhou et al., AAAI 2023) contrast.

Each clip draws its own change, which all of its people share.  Only real frames are read and written: a change in time works on a
clip's T_valid real frames wherever they lie, and padding stays zero.  What the papers define for three axes is said for two as well.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from stages.configuration import Config
from stages.engine.batch import Batch
from stages.skeletons.finish import finish
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import Layout

Chance = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]


class Changes(Config):
    """Strengths and chances, in the order in which the changes are made; 0 switches a change off."""

    crop: int = Field(0, ge=0)
    """1 / this share of the clip is reflected at both ends; of the longer clip a random stretch of the old length is taken."""
    shear: Amount = 0.0
    """Largest entry beside the diagonal of the random shear matrix."""
    swap_sides: Chance = 0.0
    """Chance that the joints of left and right change places, their coordinates as they are."""
    rotate: Amount = 0.0
    """Largest turn about one random axis (3-D), or in the image plane (2-D), in degrees."""
    rotate_others: Amount = 0.0
    """Largest turn about the two other axes, in degrees; 2-D poses have none."""
    reverse: Chance = 0.0
    """Chance that the clip runs backwards."""
    noise: Amount = 0.0
    """Standard deviation of noise that is new in every frame, in the input's units."""
    noise_chance: Chance = 0.5
    blur: tuple[Amount, Amount] = (0.0, 0.0)
    """Range of the standard deviation σ of a Gaussian blur over time, in frames."""
    blur_width: int = Field(15, ge=1)
    """Frames under the kernel, an odd number."""
    blur_chance: Chance = 0.5
    drop_axis: Chance = 0.0
    """Chance that one random axis of all coordinates is zero."""

    @model_validator(mode="after")
    def _blur_is_a_kernel(self) -> Changes:
        if self.blur_width % 2 == 0:
            raise ValueError("blur_width must be odd")
        if self.blur[0] > self.blur[1] or (self.blur[0] == 0 < self.blur[1]):
            raise ValueError("blur must be two rising numbers above 0, or [0, 0] for none")
        return self


class Normal(Changes):
    """AimCLR's normal changes."""

    crop: int = Field(6, ge=0)
    shear: Amount = 0.5


class Extreme(Normal):
    """AimCLR's extreme changes: the normal ones and six more."""

    swap_sides: Chance = 0.5
    rotate: Amount = 30.0
    rotate_others: Amount = 1.0
    reverse: Chance = 0.5
    noise: Amount = 0.01
    blur: tuple[Amount, Amount] = (0.1, 2.0)
    drop_axis: Chance = 0.5


def changed_view(batch: Batch, changes: Changes, settings: PoseInput, layout: Layout) -> Tensor:
    """Return what an encoder sees of a randomly changed copy of the clips, (N, C, T, V, M)."""
    return finish(changed(batch.to_change(), batch.mask, changes, layout), batch.mask, settings, layout)


def changed(poses: Tensor, mask: Tensor, changes: Changes, layout: Layout) -> Tensor:
    """Return a randomly changed copy of poses (N, C, T, V, M), whose real frames are ``mask`` (N, T)."""
    if changes.crop:
        poses = crop(poses, mask, changes.crop)
    if changes.shear:
        poses = shear(poses, changes.shear)
    if changes.swap_sides:
        poses = _sometimes(poses[:, :, :, list(layout.mirrored)], poses, changes.swap_sides)
    if changes.rotate:
        poses = rotate(poses, changes.rotate, changes.rotate_others)
    if changes.reverse:
        poses = _sometimes(reverse(poses, mask), poses, changes.reverse)
    if changes.noise:
        poses = _sometimes(poses + changes.noise * torch.randn_like(poses), poses, changes.noise_chance)
    if changes.blur[1]:
        low, high = changes.blur
        sigma = low + (high - low) * torch.rand(len(poses), device=poses.device)
        poses = _sometimes(blur(poses, mask, sigma, changes.blur_width), poses, changes.blur_chance)
    if changes.drop_axis:
        poses = _sometimes(without_axis(poses), poses, changes.drop_axis)
    return poses * mask[:, None, :, None, None]


def crop(poses: Tensor, mask: Tensor, ratio: int) -> Tensor:
    """Reflect ``T_valid // ratio`` frames at both ends, and cut T_valid frames out of the longer clip, at random."""
    lengths = mask.sum(dim=1)
    border = lengths // ratio
    start = (torch.rand(len(poses), device=poses.device) * (2 * border + 1)).long()
    place = torch.arange(poses.shape[2], device=poses.device) + (start - border)[:, None]
    last = lengths[:, None] - 1
    place = torch.where(place < 0, -1 - place, place)
    place = torch.where(place > last, 2 * last + 1 - place, place)
    return rearranged(poses, mask, place)


def reverse(poses: Tensor, mask: Tensor) -> Tensor:
    """Return the clips with their real frames in reverse order."""
    return rearranged(poses, mask, mask.sum(dim=1, keepdim=True) - 1 - torch.arange(poses.shape[2], device=poses.device))


def rearranged(poses: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return the clips with real frame p taken from real frame ``source[n, p]``; padding is zero.

    Args:
        poses: (N, C, T, V, M).
        mask: (N, T).
        source: (N, T) long, positions among the real frames; entries from T_valid on are not read.
    """
    frames = real_frames(mask)
    position = (mask.cumsum(dim=1) - 1).clamp(min=0)
    wanted = frames.gather(1, source.clamp(0, poses.shape[2] - 1).gather(1, position))
    taken = poses.gather(2, wanted[:, None, :, None, None].expand_as(poses))
    return taken * mask[:, None, :, None, None]


def real_frames(mask: Tensor) -> Tensor:
    """Return (N, T): the numbers of the frames where ``mask`` is true, in order, then those of the others."""
    return torch.sort((~mask).byte(), dim=1, stable=True).indices


def shear(poses: Tensor, amplitude: float) -> Tensor:
    """Multiply the coordinates by a matrix with ones on its diagonal and uniform random entries up to ±``amplitude`` beside it."""
    count, channels = poses.shape[:2]
    matrix = amplitude * (2 * torch.rand(count, channels, channels, device=poses.device) - 1)
    matrix.diagonal(dim1=1, dim2=2).fill_(1)
    return torch.einsum("nij,njtvm->nitvm", matrix, poses)


def rotate(poses: Tensor, main: float, others: float) -> Tensor:
    """Turn by 0 to ``main`` degrees about one random axis, and by 0 to ``others`` about the rest; 2-D poses only in their plane."""
    count, channels = poses.shape[:2]
    if channels == 2:
        angle = math.radians(main) * torch.rand(count, device=poses.device)
        return torch.einsum("nij,njtvm->nitvm", _turn(angle, 2, 0, 1), poses)
    axis = torch.randint(channels, (count, 1), device=poses.device)
    largest = torch.where(torch.arange(channels, device=poses.device) == axis, math.radians(main), math.radians(others))
    angles = largest * torch.rand(count, channels, device=poses.device)
    about_x, about_y, about_z = (_turn(angles[:, a], 3, (a + 1) % 3, (a + 2) % 3) for a in range(3))
    return torch.einsum("nij,njtvm->nitvm", about_z @ about_y @ about_x, poses)


def blur(poses: Tensor, mask: Tensor, sigma: Tensor, width: int) -> Tensor:
    """Average over time with the weights exp(-t² / 2σ²), t = -⌊width/2⌋ …; ``sigma`` (N,).

    The weights of the real frames under the kernel are made to add up to one, so that a body at rest stays as it is, also at the ends
    of a clip.  (The paper's kernel is not normalised, which makes the body up to five times as large.)
    """
    count, channels, frames, joints, people = poses.shape
    offset = torch.arange(width, device=poses.device) - width // 2
    kernel = torch.exp(-offset.square() / (2 * sigma[:, None].square()))[:, None]
    real = mask.to(poses.dtype)
    flat = (poses * real[:, None, :, None, None]).permute(1, 3, 4, 0, 2).reshape(-1, count, frames)
    total = F.conv1d(flat, kernel, padding=width // 2, groups=count)
    weight = F.conv1d(real[None], kernel, padding=width // 2, groups=count)
    mean = total / weight.clamp(min=torch.finfo(poses.dtype).tiny)
    return mean.view(channels, joints, people, count, frames).permute(3, 0, 4, 1, 2) * real[:, None, :, None, None]


def without_axis(poses: Tensor) -> Tensor:
    """Set one random axis of each clip to zero."""
    count, channels = poses.shape[:2]
    axis = torch.randint(channels, (count, 1), device=poses.device)
    return poses * (torch.arange(channels, device=poses.device) != axis)[:, :, None, None, None]


def _turn(angle: Tensor, channels: int, one: int, two: int) -> Tensor:
    """Return (N, C, C): turns of axis ``one`` towards axis ``two``."""
    matrix = torch.eye(channels, device=angle.device).repeat(len(angle), 1, 1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    matrix[:, one, one], matrix[:, one, two], matrix[:, two, one], matrix[:, two, two] = cos, -sin, sin, cos
    return matrix


def _sometimes(new: Tensor, old: Tensor, chance: float) -> Tensor:
    return torch.where((torch.rand(len(old), device=old.device) < chance)[:, None, None, None, None], new, old)
