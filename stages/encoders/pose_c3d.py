"""PoseC3D: 3-D convolutions over heat maps of the joints (Duan et al., "Revisiting Skeleton-based Action Recognition", CVPR 2022).

Each joint of each frame is drawn as a Gaussian, one channel per joint, and the volume goes through mmaction2's SlowOnly network with the
paper's sizes.  Of 3-D poses x and y are drawn, the orthographic projection.  The paper weighs the
Gaussians with the joints' confidences, which a pose tensor does not carry, and samples 48 frames: here ``input.frames`` says how many.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from stages import openmmlab
from stages.configuration import Config
from stages.encoders.real_frames import as_factor, coarser, mean_of_real
from stages.skeletons.layouts import Layout

_MARGIN = 1.25
"""How much larger than the bodies' box the drawn square is."""
_REACH = 3.0
"""Standard deviations at which a Gaussian is cut off."""
_STRIDES = (1, 1, 2)
"""Temporal strides of the three stages."""


class PoseC3DConfig(Config):
    """Sizes; the defaults are the paper's."""

    size: int = Field(56, ge=8)
    """Height and width of the volume."""
    sigma: float = Field(0.6, gt=0)
    """Standard deviation of a joint's Gaussian, in pixels of the volume."""
    width: int = Field(32, ge=1)
    """Channels of the first layer; the representation has 16 times as many."""
    blocks: tuple[PositiveInt, PositiveInt, PositiveInt] = (4, 6, 3)
    """Residual blocks of the three stages."""


class PoseC3D(nn.Module):
    """Poses (N, C, T, V, M) → representation (N, D), D = 16 × width, the mean over the volume's pixels and real frames."""

    SETTINGS: ClassVar = PoseC3DConfig

    def __init__(self, config: PoseC3DConfig, layout: Layout, channels: int = 3, people: int = 1) -> None:
        super().__init__()
        self.config = config
        self.network = openmmlab.action_backbone(
            "ResNet3dSlowOnly",
            depth=50,
            pretrained=None,
            in_channels=len(layout.joints),
            base_channels=config.width,
            num_stages=3,
            out_indices=(2,),
            stage_blocks=config.blocks,
            conv1_stride_s=1,
            pool1_stride_s=1,
            inflate=(0, 1, 1),
            spatial_strides=(2, 2, 2),
            temporal_strides=_STRIDES,
            dilations=(1, 1, 1),
        )
        self.dimensions: int = self.network.feat_dim

    def frames(self, poses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the representation per frame (N, T', D), the mean over the volume's pixels, and its mask (N, T')."""
        volume = draw(poses, mask, self.config.size, self.config.sigma)
        x = self.network.maxpool(self.network.conv1(volume))
        for name, stride in zip(self.network.res_layers, _STRIDES, strict=True):
            for number, block in enumerate(getattr(self.network, name)):
                x = block(x * as_factor(mask, x))
                mask = coarser(mask, stride) if number == 0 else mask
        return x.mean(dim=(3, 4)).transpose(1, 2), mask

    def forward(self, poses: Tensor, mask: Tensor) -> Tensor:
        """Return the clip's representation (N, D); ``mask`` (N, T) is true where a frame is real."""
        return mean_of_real(*self.frames(poses, mask))


def draw(poses: Tensor, mask: Tensor, size: int, sigma: float) -> Tensor:
    """Draw the joints of the real frames as Gaussians of height one; where people overlap the higher value counts.

    The bodies' box over the whole clip is enlarged by a quarter to a square and fills the volume, so that neither position nor
    scale matter, but movement within the clip does.  A body whose joints all lie in the origin is one that was not seen (poses are
    filled with zeros there, and masked frames are zero) and is not drawn.

    Args:
        poses: (N, C, T, V, M); the first two channels are x and y.
        mask: (N, T), true where a frame is real.
        size: height and width of the volume.
        sigma: standard deviation in pixels; beyond three of them a Gaussian is zero.

    Returns:
        (N, V, T, size, size).
    """
    seen = (poses != 0).any(dim=3).any(dim=1) & mask[:, :, None]
    plane = poses[:, :2].permute(0, 2, 3, 4, 1).float()
    where = _in_pixels(plane, seen, size)
    grid = torch.arange(size, device=poses.device, dtype=plane.dtype)
    distance = grid - where[..., None]
    profiles = torch.exp(-distance.square() / (2 * sigma**2)) * (distance.abs() <= _REACH * sigma)
    profiles = profiles * seen[:, :, None, :, None, None]
    people = [torch.einsum("ntvh,ntvw->nvthw", one[..., 1, :], one[..., 0, :]) for one in profiles.unbind(dim=3)]
    return torch.stack(people).amax(dim=0) if len(people) > 1 else people[0]


def _in_pixels(plane: Tensor, seen: Tensor, size: int) -> Tensor:
    """Return x and y (N, T, V, M, 2) in pixels of the volume; ``seen`` (N, T, M) says which bodies make up the clip's box."""
    absent = ~seen[:, :, None, :, None]
    low = plane.masked_fill(absent, torch.inf).amin(dim=(1, 2, 3), keepdim=True)
    high = plane.masked_fill(absent, -torch.inf).amax(dim=(1, 2, 3), keepdim=True)
    empty = ~seen.any(dim=(1, 2)).view(-1, 1, 1, 1, 1)
    low, high = low.masked_fill(empty, 0), high.masked_fill(empty, 0)
    side = (_MARGIN * (high - low).amax(dim=-1, keepdim=True)).clamp(min=1e-6)
    return ((plane - (low + high) / 2) / side + 0.5) * (size - 1)
