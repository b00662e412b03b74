"""EfficientGCN: graph convolutions made small (Song et al., "Constructing Stronger and Faster Baselines for Skeleton-based Action
Recognition", TPAMI 2022), B0 to B4.

Three branches see joints, velocities and bones, which the encoder makes of the positions itself (leave ``input.stream`` at ``joint``);
their features are joined early into one main stream.  A block is a graph convolution by distance, sandglass layers of separable
temporal convolutions (the paper's SG layers), and the attention to joints and frames together (ST-JointAtt).  Widths grow by 1.2 and
depths by 1.35 per step of the scale (compound scaling).  With a classifier of NTU's 60 classes, B0, B2 and B4 have the 0.29, 0.51 and
1.10 million parameters that the paper gives, plus 20,625 that weigh the graphs' edges.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.arrays import Array
from stages.configuration import Config
from stages.encoders.real_frames import as_factor, coarser, mean_of_real
from stages.skeletons.layouts import Layout

REACH = 2
"""Largest distance between joints that one graph convolution spans."""
_BRANCHES = 3
_WINDOW = 5
_REDUCTION = 2
_BASE_STEM = 64
_WIDER, _DEEPER = 1.2, 1.35
_BRANCH_BLOCKS = ((48, 1, 0.5), (24, 1, 0.5))
_MAIN_BLOCKS = ((64, 2, 1.0), (128, 2, 1.0))
"""(channels, temporal stride, temporal layers) of each block at scale 0."""
_Real = tuple[Tensor, int]
"""A mask (N, T), and how many people each of its clips has."""


class EfficientGCNConfig(Config):
    """Sizes; the defaults are EfficientGCN-B4's."""

    scale: int = Field(4, ge=0, le=8)
    """x of EfficientGCN-Bx."""
    width: int = Field(64, ge=4)
    """Channels of the stems; all blocks change in proportion, in steps of 16."""


class EfficientGCN(nn.Module):
    """Poses (N, C, T, V, M) → representation (N, D), D = 272 for B4, the mean over people, joints and real frames."""

    SETTINGS: ClassVar = EfficientGCNConfig

    def __init__(self, config: EfficientGCNConfig, layout: Layout, channels: int = 3, people: int = 1) -> None:
        super().__init__()
        self.layout = layout
        adjacency = torch.from_numpy(by_distance(layout, REACH))
        branch, main = scaled(_BRANCH_BLOCKS, config), scaled(_MAIN_BLOCKS, config)
        self.stems = nn.ModuleList(_Stem(2 * channels, config.width, adjacency) for _ in range(_BRANCHES))
        self.branches = nn.ModuleList(_blocks(config.width, branch, adjacency) for _ in range(_BRANCHES))
        self.main = _blocks(_BRANCHES * branch[-1][0], main, adjacency)
        self.dimensions = main[-1][0]
        self.apply(_initialise)

    def frames(self, poses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the representation per frame (N, T', D), the mean over people and joints, and its mask (N, T')."""
        features, mask = self.joints(poses, mask)
        return features.mean(dim=(1, 4)).transpose(1, 2), mask

    def joints(self, poses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the feature map (N, M, D, T', V) before any pooling, and the mask (N, T') at its temporal resolution."""
        batch, _, _, _, people = poses.shape
        positions = poses.permute(0, 4, 1, 2, 3).flatten(0, 1)
        parts = []
        for values, stem, blocks in zip(inputs(positions, mask, people, self.layout), self.stems, self.branches, strict=True):
            x, real = stem(values, (mask, people)), (mask, people)
            for block in cast(nn.ModuleList, blocks):
                x, real = block(x, real)
            parts.append(x)
        x, real = torch.cat(parts, dim=1), (mask, people)
        for block in self.main:
            x, real = block(x, real)
        return x.view(batch, people, *x.shape[1:]), real[0]

    def forward(self, poses: Tensor, mask: Tensor) -> Tensor:
        """Return the clip's representation (N, D); ``mask`` (N, T) is true where a frame is real."""
        return mean_of_real(*self.frames(poses, mask))


def scaled(blocks: tuple[tuple[int, int, float], ...], config: EfficientGCNConfig) -> list[tuple[int, int, int]]:
    """Return (channels, temporal stride, temporal layers) of each block at the configured scale."""
    wider, deeper = config.width / _BASE_STEM * _WIDER**config.scale, _DEEPER**config.scale
    return [(max(16, 16 * round(channels * wider / 16)), stride, round(layers * deeper)) for channels, stride, layers in blocks]


def by_distance(layout: Layout, reach: int) -> Array:
    """Return the adjacency by distance, (reach + 1, V, V): subset k joins joints that are k edges apart.

    Every joint that is at most ``reach`` away weighs the same, and a column's weights over all subsets sum to one (ST-GCN's distance
    partition, normalised as EfficientGCN does).
    """
    joints = len(layout.joints)
    near = np.eye(joints, dtype=bool)
    for one, two in layout.edges:
        near[one, two] = near[two, one] = True
    within = [np.linalg.matrix_power(near.astype(np.int64), steps) > 0 for steps in range(reach + 1)]
    exactly = np.stack([within[0], *(after & ~before for before, after in pairwise(within))])
    return (exactly / within[-1].sum(axis=0)).astype(np.float32)


def inputs(positions: Tensor, mask: Tensor, people: int, layout: Layout) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the three branches see, each (N × M, 2C, T, V): joints, velocities and bones.

    Joints: positions, and positions relative to the body's centre.  Velocities: the steps to the next frame and to the one after it,
    zero where that lies beyond the clip.  Bones: the vectors to the parents, and their angles with the axes.

    Args:
        positions: (N × M, C, T, V).
        mask: (N, T), true where a frame is real.
        people: M.
        layout: of the joints.
    """
    centre = positions[..., layout.numbers(layout.centre)].mean(dim=3, keepdim=True)
    steps = []
    for distance in (1, 2):
        ahead = min(distance, positions.shape[2])
        follows = F.pad(mask[:, ahead:], (0, ahead)) & mask
        step = F.pad(positions[:, :, ahead:], (0, 0, 0, ahead)) - positions
        steps.append(step * as_factor(follows, step, people))
    parents = list(range(len(layout.joints)))
    for child, parent in layout.edges:
        parents[child] = parent
    bones = positions - positions[..., parents]
    angles = torch.arccos(bones / (bones.norm(dim=1, keepdim=True) + 1e-4))
    return torch.cat([positions, positions - centre], dim=1), torch.cat(steps, dim=1), torch.cat([bones, angles], dim=1)


def _blocks(before: int, blocks: list[tuple[int, int, int]], adjacency: Tensor) -> nn.ModuleList:
    sizes = [before, *(channels for channels, _, _ in blocks)]
    return nn.ModuleList(
        _Block(width, channels, stride, layers, adjacency) for width, (channels, stride, layers) in zip(sizes[:-1], blocks, strict=True)
    )


class _Stem(nn.Module):
    def __init__(self, channels: int, width: int, adjacency: Tensor) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.space = _Space(channels, width, adjacency)
        self.time = nn.Conv2d(width, width, (_WINDOW, 1), padding=(_WINDOW // 2, 0))
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor, real: _Real) -> Tensor:
        x = self.space(self.norm(x))
        return F.silu(self.bn(self.time(x * as_factor(real[0], x, real[1]))) + x)


class _Block(nn.Module):
    """A graph convolution, sandglass layers of which the first strides, and the attention."""

    def __init__(self, before: int, after: int, stride: int, layers: int, adjacency: Tensor) -> None:
        super().__init__()
        self.stride = stride if layers else 1
        self.space = _Space(before, after, adjacency)
        self.times = nn.ModuleList(_Sandglass(after, stride if number == 0 else 1) for number in range(layers))
        self.attention = _Attention(after)

    def forward(self, x: Tensor, real: _Real) -> tuple[Tensor, _Real]:
        mask, people = real
        x = self.space(x)
        for number, layer in enumerate(self.times):
            x = layer(x, as_factor(mask, x, people))
            if number == 0:
                mask = coarser(mask, self.stride)
        return self.attention(x, as_factor(mask, x, people)), (mask, people)


class _Space(nn.Module):
    """Graph convolution: one subset per distance, a learned importance of each edge, a residual."""

    adjacency: Tensor

    def __init__(self, before: int, after: int, adjacency: Tensor) -> None:
        super().__init__()
        self.register_buffer("adjacency", adjacency.clone(), persistent=False)
        self.importance = nn.Parameter(torch.ones_like(adjacency))
        self.conv = nn.Conv2d(before, len(adjacency) * after, 1)
        self.bn = nn.BatchNorm2d(after)
        self.residual = nn.Sequential(nn.Conv2d(before, after, 1), nn.BatchNorm2d(after)) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        parts = self.conv(x).unflatten(1, (len(self.adjacency), -1))
        y = torch.einsum("nkctv,kvw->nctw", parts, self.adjacency * self.importance)
        return F.silu(self.bn(y) + self.residual(x))


class _Sandglass(nn.Module):
    """Depth-wise, narrow, widen, depth-wise, with a residual between the wide ends (SG layer, after MobileNeXt)."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        window, padding, narrow = (_WINDOW, 1), (_WINDOW // 2, 0), channels // _REDUCTION
        self.first = nn.Conv2d(channels, channels, window, padding=padding, groups=channels)
        self.first_bn = nn.BatchNorm2d(channels)
        self.mix = nn.Sequential(
            nn.Conv2d(channels, narrow, 1),
            nn.BatchNorm2d(narrow),
            nn.Conv2d(narrow, channels, 1),
            nn.BatchNorm2d(channels),
            nn.SiLU(),
        )
        self.last = nn.Conv2d(channels, channels, window, stride=(stride, 1), padding=padding, groups=channels)
        self.last_bn = nn.BatchNorm2d(channels)
        self.residual: nn.Module = nn.Identity()
        if stride != 1:
            self.residual = nn.Sequential(nn.Conv2d(channels, channels, 1, stride=(stride, 1)), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        y = self.mix(F.silu(self.first_bn(self.first(x * real))))
        return self.last_bn(self.last(y * real)) + self.residual(x)


class _Attention(nn.Module):
    """ST-JointAtt: what matters is a joint in a frame, the product of a weight per frame and one per joint."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = channels // _REDUCTION
        self.squeeze = nn.Sequential(nn.Conv1d(channels, narrow, 1), nn.BatchNorm1d(narrow), nn.Hardswish())
        self.of_frames = nn.Conv1d(narrow, channels, 1)
        self.of_joints = nn.Conv1d(narrow, channels, 1)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        over_time = (x * real).sum(dim=2) / real.sum(dim=2).clamp(min=1)
        both = self.squeeze(torch.cat([x.mean(dim=3), over_time], dim=2))
        frames, joints = both.split(x.shape[2:], dim=2)
        weight = torch.sigmoid(self.of_frames(frames))[:, :, :, None] * torch.sigmoid(self.of_joints(joints))[:, :, None]
        return F.silu(self.bn(x * weight) + x)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        assert module.bias is not None
        nn.init.zeros_(module.bias)
