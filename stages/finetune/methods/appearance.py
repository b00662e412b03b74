"""Appearance assessment modules (EAGLE-Eye, WACV 2021; the two-stage paper, section 3.2): visual clues of several tempos.

A module reduces the channels with a point-wise convolution, runs depth-wise separable temporal convolutions of different lengths side by
side, halves the time by max-pooling, and puts the branches' channels next to each other.  The next module therefore sees twice as far.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.real_frames import as_factor, coarser


class AppearanceStream(nn.Module):
    """Segment features (N, S, D) → (N, ``dimensions``): a stack of modules, and the largest value over time.

    Args:
        inputs: D.
        channels: behind each point-wise convolution, and of each branch.
        modules: how many follow each other; the paper has two.
        kernels: segments that each branch's convolution spans, odd numbers; three tempos by default.
    """

    def __init__(self, inputs: int, channels: int = 128, modules: int = 2, kernels: tuple[int, ...] = (1, 3, 5)) -> None:
        super().__init__()
        self.dimensions = channels * len(kernels)
        sizes = [inputs, *[self.dimensions] * (modules - 1)]
        self.blocks = nn.ModuleList([_Module(size, channels, kernels) for size in sizes])

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return what the stream sees of each clip; ``mask`` (N, S) is true where a segment is real."""
        x = features.transpose(1, 2)
        for block in self.blocks:
            x, mask = block(x, mask)
        return _pooled(x, mask, x.shape[2])[:, :, 0]


class _Module(nn.Module):
    """(N, D, S) → (N, channels × branches, ⌈S / 2⌉)."""

    def __init__(self, inputs: int, channels: int, kernels: tuple[int, ...]) -> None:
        super().__init__()
        self.reduce = nn.Conv1d(inputs, channels, 1)
        self.branches = nn.ModuleList([_Separable(channels, size) for size in kernels])

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x = self.reduce(x).relu() * as_factor(mask, x)
        branches = [_pooled(branch(x), mask, 2) for branch in self.branches]
        return torch.cat(branches, dim=1), coarser(mask, 2)


class _Separable(nn.Module):
    """A depth-wise temporal convolution and a point-wise one behind it."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, size, padding=size // 2, groups=channels)
        self.pointwise = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.pointwise(self.depthwise(x)).relu()
        return result


def _pooled(x: Tensor, mask: Tensor, size: int) -> Tensor:
    """Return the largest of every ``size`` real segments; 0, the least that a branch gives, where there is none."""
    return F.max_pool1d(x * as_factor(mask, x), size, ceil_mode=True)
