"""Plain structures to time against, written for this comparison."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.skeletons.graph import spatial
from stages.skeletons.layouts import Layout

_BLOCKS = ((1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (2, 1), (2, 1), (4, 2), (4, 1), (4, 1))


class Relation(nn.Module):
    """One subset of a graph unit: its own four convolutions, the relations over the full sequence before the mean."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        hidden = 8 if before in (3, 9) else before // 8
        self.conv1, self.conv2 = nn.Conv2d(before, hidden, 1), nn.Conv2d(before, hidden, 1)
        self.conv3, self.conv4 = nn.Conv2d(before, after, 1), nn.Conv2d(hidden, after, 1)

    def forward(self, x: Tensor, adjacency: Tensor, alpha: Tensor) -> Tensor:
        one, two = self.conv1(x).mean(2), self.conv2(x).mean(2)
        relation = self.conv4(torch.tanh(one[..., None] - two[..., None, :])) * alpha + adjacency
        return torch.einsum("ncuv,nctv->nctu", relation, self.conv3(x))


class Graph(nn.Module):
    def __init__(self, before: int, after: int, adjacency: Tensor) -> None:
        super().__init__()
        self.PA, self.alpha = nn.Parameter(adjacency.clone()), nn.Parameter(torch.zeros(1))
        self.convs = nn.ModuleList(Relation(before, after) for _ in range(3))
        self.bn = nn.BatchNorm2d(after)
        self.down = nn.Sequential(nn.Conv2d(before, after, 1), nn.BatchNorm2d(after)) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = sum(conv(x, self.PA[number], self.alpha) for number, conv in enumerate(self.convs))
        return F.relu(self.bn(y) + self.down(x))


class Convolution(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, stride: int, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv2d(before, after, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1))
        self.bn = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class Time(nn.Module):
    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        part = channels // 4
        point = lambda s=1: [nn.Conv2d(channels, part, 1, (s, 1)), nn.BatchNorm2d(part)]  # noqa: E731
        self.branches = nn.ModuleList(nn.Sequential(*point(), nn.ReLU(), Convolution(part, part, 5, stride, d)) for d in (1, 2))
        pool = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        self.branches.append(nn.Sequential(*point(), nn.ReLU(), pool, nn.BatchNorm2d(part)))
        self.branches.append(nn.Sequential(*point(stride)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Unit(nn.Module):
    def __init__(self, before: int, after: int, stride: int, adjacency: Tensor, *, first: bool) -> None:
        super().__init__()
        self.gcn1, self.tcn1, self.first = Graph(before, after, adjacency), Time(after, stride), first
        changes = not first and (before != after or stride != 1)
        self.residual = Convolution(before, after, 1, stride) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.tcn1(self.gcn1(x))
        return F.relu(y if self.first else y + self.residual(x))


class ThreeBranchCTRGCN(nn.Module):
    """CTR-GCN as it is published: three separate branches per unit.  Its state dict has the published keys."""

    def __init__(self, layout: Layout, width: int = 64) -> None:
        super().__init__()
        adjacency, before = torch.from_numpy(spatial(layout)), 3
        self.data_bn = nn.BatchNorm1d(3 * len(layout.joints))
        for number, (multiple, stride) in enumerate(_BLOCKS):
            self.add_module(f"l{number + 1}", Unit(before, width * multiple, stride, adjacency, first=number == 0))
            before = width * multiple

    def forward(self, poses: Tensor) -> Tensor:
        count, channels, frames, joints, _ = poses.shape
        x = self.data_bn(poses[..., 0].permute(0, 3, 1, 2).reshape(count, joints * channels, frames))
        x = x.view(count, joints, channels, frames).permute(0, 2, 3, 1)
        for number in range(len(_BLOCKS)):
            x = getattr(self, f"l{number + 1}")(x)
        return x.mean((2, 3))
