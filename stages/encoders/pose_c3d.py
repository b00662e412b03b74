"""PoseC3D: 3-D convolutions over heat maps of the joints (Duan et al., "Revisiting Skeleton-based Action Recognition", CVPR 2022).

Each joint of each frame is drawn as a Gaussian, one channel per joint, and the volume goes through mmaction2's SlowOnly network with the
paper's sizes.  Of 3-D poses x and y are drawn, the orthographic projection.  The paper weighs the
Gaussians with the joints' confidences, which a pose tensor does not carry, and samples 48 frames: here ``input.frames`` says how many.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from stages import openmmlab
from stages.configuration import Config
from stages.encoders.real_frames import as_factor, coarser, mean_of_real
from stages.skeletons.heat_maps import draw
from stages.skeletons.layouts import Layout

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
