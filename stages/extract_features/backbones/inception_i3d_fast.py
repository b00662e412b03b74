"""Inception-I3D made fast for inference: the same function of the same weights, in another order of work.

Batch norm is folded into the convolutions; the three 1×1×1 convolutions that read a block's input become one; symmetric padding is left to
the convolutions and pools; tensors are channels-last, in fp32 or bf16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.extract_features.backbones.inception_i3d import (
    LAYERS,
    Conv,
    InceptionI3D,
    InceptionModule,
    Pool,
    Size,
    Unit3D,
    pad_same,
    same_padding,
)


def fold(unit: Unit3D) -> tuple[Tensor, Tensor]:
    """Return a unit's weight and bias with its batch norm folded in."""
    weight = unit.conv3d.weight.detach().double()
    assert unit.bn is not None
    mean, variance, gain, bias = (
        value.detach().double() for value in (unit.bn.running_mean, unit.bn.running_var, unit.bn.weight, unit.bn.bias) if value is not None
    )
    scale = gain / torch.sqrt(variance + unit.bn.eps)
    return (weight * scale.reshape(-1, 1, 1, 1, 1)).float(), (bias - mean * scale).float()


def max_of_three(x: Tensor, dim: int) -> Tensor:
    """Return the maximum of each value and its two neighbours along ``dim``; thrice this is the 3×3×3 pool, in 6 comparisons, not 26."""
    last = x.shape[dim] - 1
    if last < 1:
        return x
    pairs = torch.maximum(x.narrow(dim, 0, last), x.narrow(dim, 1, last))
    found = torch.empty_like(x)
    found.narrow(dim, 0, 1).copy_(pairs.narrow(dim, 0, 1))
    found.narrow(dim, last, 1).copy_(pairs.narrow(dim, last - 1, 1))
    torch.maximum(pairs.narrow(dim, 0, last - 1), pairs.narrow(dim, 1, last - 1), out=found.narrow(dim, 1, last - 1))
    return found


class _Convolution(nn.Module):
    def __init__(self, weight: Tensor, bias: Tensor, kernel: Size, stride: Size) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last_3d), requires_grad=False)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        padding = same_padding(x.shape[2:], self.kernel, self.stride)
        if any(before != behind for before, behind in padding):
            x, padding = pad_same(x, self.kernel, self.stride), [(0, 0)] * 3
        return F.conv3d(x, self.weight, self.bias, self.stride, [before for before, _ in padding]).relu_()


class _Pool(nn.Module):
    """A max pool whose border is left to the pool: what comes in is never negative, so zeros and nothing are the same to a maximum."""

    def __init__(self, kernel: Size, stride: Size) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        if (self.kernel, self.stride) == ((3, 3, 3), (1, 1, 1)):
            return max_of_three(max_of_three(max_of_three(x, 2), 3), 4)
        padding = [before for before, _ in same_padding(x.shape[2:], self.kernel, self.stride)]
        return F.max_pool3d(x, self.kernel, self.stride, padding, ceil_mode=True)


class _Block(nn.Module):
    def __init__(self, block: InceptionModule) -> None:
        super().__init__()
        parts = [fold(unit) for unit in (block.b0, block.b1a, block.b2a)]
        self.sizes = [len(bias) for _, bias in parts]
        self.first = _Convolution(torch.cat([w for w, _ in parts]), torch.cat([b for _, b in parts]), (1, 1, 1), (1, 1, 1))
        self.second, self.third = (_Convolution(*fold(unit), unit.kernel, unit.stride) for unit in (block.b1b, block.b2b))
        self.pool, self.fourth = _Pool((3, 3, 3), (1, 1, 1)), _Convolution(*fold(block.b3b), (1, 1, 1), (1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        one, three, five = self.first(x).split(self.sizes, dim=1)
        return torch.cat([one, self.second(three), self.third(five), self.fourth(self.pool(x))], dim=1)


class FastI3D(nn.Module):
    """Clips (N, C, T, H, W) into the maps (N, 1024, t, h, w) of the network that it is made from."""

    def __init__(self, network: InceptionI3D, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.dtype = dtype
        layers: list[nn.Module] = []
        for layer in LAYERS:
            part = getattr(network, layer.name)
            if isinstance(layer, Conv):
                layers.append(_Convolution(*fold(part), layer.kernel, layer.stride))
            else:
                layers.append(_Pool(layer.kernel, layer.stride) if isinstance(layer, Pool) else _Block(part))
        self.layers = nn.Sequential(*layers).to(dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Return the last block's output as float32."""
        maps: Tensor = self.layers(x.to(dtype=self.dtype, memory_format=torch.channels_last_3d))
        return maps.float()
