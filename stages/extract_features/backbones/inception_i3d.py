"""Inception-v1 I3D as it is published, with the keys of ``rgb_imagenet.pt`` and ``flow_imagenet.pt``.

Carreira & Zisserman, Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset, CVPR 2017.  The published networks come from
TensorFlow, whose "same" padding puts the odd zero behind; the PyTorch port that everyone's features come from keeps that rule, layer by
layer, and so does this network.  It is written for agreement; :mod:`.inception_i3d_fast` is the same network made fast for inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Size = tuple[int, int, int]
BATCH_NORM_EPS = 1e-3
DIMENSIONS = 1024
POOL = (2, 7, 7)
"""The average pool behind the last block: 16 frames of 224 × 224 pixels leave exactly one value per dimension."""
ENDPOINT = "Mixed_5c"


class Conv(NamedTuple):
    """A convolution with batch norm and ReLU: its name, channels out, kernel and stride."""

    name: str
    channels: int
    kernel: Size
    stride: Size = (1, 1, 1)


class Pool(NamedTuple):
    """A max pool; it has no weights."""

    name: str
    kernel: Size
    stride: Size


class Mixed(NamedTuple):
    """An Inception block: channels out of 1×1, reduced and out of the first 3×3, reduced and out of the second 3×3, behind the pool."""

    name: str
    channels: tuple[int, int, int, int, int, int]


LAYERS: Sequence[Conv | Pool | Mixed] = (
    Conv("Conv3d_1a_7x7", 64, (7, 7, 7), (2, 2, 2)),
    Pool("MaxPool3d_2a_3x3", (1, 3, 3), (1, 2, 2)),
    Conv("Conv3d_2b_1x1", 64, (1, 1, 1)),
    Conv("Conv3d_2c_3x3", 192, (3, 3, 3)),
    Pool("MaxPool3d_3a_3x3", (1, 3, 3), (1, 2, 2)),
    Mixed("Mixed_3b", (64, 96, 128, 16, 32, 32)),
    Mixed("Mixed_3c", (128, 128, 192, 32, 96, 64)),
    Pool("MaxPool3d_4a_3x3", (3, 3, 3), (2, 2, 2)),
    Mixed("Mixed_4b", (192, 96, 208, 16, 48, 64)),
    Mixed("Mixed_4c", (160, 112, 224, 24, 64, 64)),
    Mixed("Mixed_4d", (128, 128, 256, 24, 64, 64)),
    Mixed("Mixed_4e", (112, 144, 288, 32, 64, 64)),
    Mixed("Mixed_4f", (256, 160, 320, 32, 128, 128)),
    Pool("MaxPool3d_5a_2x2", (2, 2, 2), (2, 2, 2)),
    Mixed("Mixed_5b", (256, 160, 320, 32, 128, 128)),
    Mixed("Mixed_5c", (384, 192, 384, 48, 128, 128)),
)


def same_padding(sizes: Sequence[int], kernel: Size, stride: Size) -> list[tuple[int, int]]:
    """Return the zeros before and behind each dimension that TensorFlow's "same" padding adds; the odd one goes behind."""
    totals = [max(k - (size % s or s), 0) for size, k, s in zip(sizes, kernel, stride, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


def pad_same(x: Tensor, kernel: Size, stride: Size) -> Tensor:
    """Return ``x`` (N, C, T, H, W) with the zeros of "same" padding."""
    amounts = same_padding(x.shape[2:], kernel, stride)
    return F.pad(x, [amount for pair in reversed(amounts) for amount in pair])


class Unit3D(nn.Module):
    """A convolution with "same" padding, batch norm and ReLU; without the last two for the logits."""

    def __init__(self, before: int, after: int, kernel: Size = (1, 1, 1), stride: Size = (1, 1, 1), *, plain: bool = False) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv3d = nn.Conv3d(before, after, kernel, stride, bias=plain)
        self.bn: nn.BatchNorm3d | None = None if plain else nn.BatchNorm3d(after, eps=BATCH_NORM_EPS, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, T', H', W')."""
        x = self.conv3d(pad_same(x, self.kernel, self.stride))
        return x if self.bn is None else F.relu(self.bn(x))


class MaxPoolSame(nn.Module):
    """A max pool with "same" padding by zeros, as published."""

    def __init__(self, kernel: Size, stride: Size) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, T', H', W')."""
        return F.max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class InceptionModule(nn.Module):
    """Four branches side by side: 1×1; 1×1 and 3×3; 1×1 and 3×3; a max pool and 1×1."""

    def __init__(self, before: int, channels: Sequence[int]) -> None:
        super().__init__()
        one, reduced_3, three, reduced_5, five, pooled = channels
        self.b0 = Unit3D(before, one)
        self.b1a, self.b1b = Unit3D(before, reduced_3), Unit3D(reduced_3, three, (3, 3, 3))
        self.b2a, self.b2b = Unit3D(before, reduced_5), Unit3D(reduced_5, five, (3, 3, 3))
        self.b3a, self.b3b = MaxPoolSame((3, 3, 3), (1, 1, 1)), Unit3D(before, pooled)

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches' channels one behind the other."""
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1)


class InceptionI3D(nn.Module):
    """The published network.

    Args:
        channels: 3 for RGB, 2 for optical flow.
        classes: of the logits; 400 for Kinetics.
    """

    def __init__(self, channels: int = 3, classes: int = 400) -> None:
        super().__init__()
        before = channels
        for layer in LAYERS:
            if isinstance(layer, Conv):
                self.add_module(layer.name, Unit3D(before, layer.channels, layer.kernel, layer.stride))
                before = layer.channels
            elif isinstance(layer, Pool):
                self.add_module(layer.name, MaxPoolSame(layer.kernel, layer.stride))
            else:
                one, _, three, _, five, pooled = layer.channels
                self.add_module(layer.name, InceptionModule(before, layer.channels))
                before = one + three + five + pooled
        self.logits = Unit3D(before, classes, plain=True)

    def maps(self, x: Tensor) -> Tensor:
        """Return the last block's output (N, 1024, T/8, H/32, W/32) of clips (N, C, T, H, W) scaled to [-1, 1]."""
        for layer in LAYERS:
            x = getattr(self, layer.name)(x)
        return x

    def pooled(self, x: Tensor) -> Tensor:
        """Return the average pool (N, 1024, t, h, w) that features and logits come from."""
        return pool(self.maps(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes, t)."""
        logits: Tensor = self.logits(self.pooled(x))
        return logits.squeeze(4).squeeze(3)


def pool(maps: Tensor) -> Tensor:
    """Return the average pool of the last block's output; smaller maps than the published ones are averaged whole."""
    t, h, w = (min(kernel, size) for kernel, size in zip(POOL, maps.shape[2:], strict=True))
    return F.avg_pool3d(maps, (t, h, w), stride=1)


def features(maps: Tensor) -> Tensor:
    """Return one vector per clip (N, 1024): the mean over what the average pool leaves."""
    return pool(maps).mean((2, 3, 4))
