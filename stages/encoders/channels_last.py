"""Batch normalisation of feature maps (N, C, T, V) whose channels lie last in memory.

On a CPU, PyTorch's kernel for this layout adds up each channel one value after the other in single precision, which costs a
ten-block network two decimals of its outputs (the one for channels that lie first adds in double precision and takes four times
as long).  Here the same kernels see every joint's channels as channels of their own, so that each sum has fewer terms by the number
of joints, and the joints' sums are put together afterwards: exact to rounding, and in fewer passes over memory.
Normalising several parts of the channels at once saves a pass and a kernel for each.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from stages.engine import ranks


def batch_norm(x: Tensor, *modules: nn.Module) -> Tensor:
    """Normalise the channels of x (N, C, T, V), the first of them with the first of the batch norms, and so on.

    Equal to concatenating what each makes of its part; their running statistics are updated in training.
    """
    norms = [module for module in modules if isinstance(module, nn.BatchNorm2d)]
    weight, bias, mean, variance = (
        torch.cat([getattr(norm, name) for norm in norms]) for name in ("weight", "bias", "running_mean", "running_var")
    )
    first = norms[0]
    assert first.momentum is not None
    if not first.training:
        return F.batch_norm(x, mean, variance, weight, bias, eps=first.eps)
    if x.device.type == "cpu" and x.dtype == weight.dtype and x.dtype in (torch.float32, torch.float64) and not ranks.is_split():
        y, batch_mean, batch_variance = _Normalised.apply(x, weight, bias, first.eps)
        count = x.numel() // x.shape[1]
        mean.lerp_(batch_mean, first.momentum)
        variance.lerp_(batch_variance * (count / max(count - 1, 1)), first.momentum)
    else:
        y = F.batch_norm(x, mean, variance, weight, bias, training=True, momentum=first.momentum, eps=first.eps)
    sizes = [norm.num_features for norm in norms]
    for norm, its_mean, its_variance in zip(norms, torch.split(mean, sizes), torch.split(variance, sizes), strict=True):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        norm.running_mean.copy_(its_mean)
        norm.running_var.copy_(its_variance)
        norm.num_batches_tracked.add_(1)
    return y


def _rows(x: Tensor) -> Tensor:
    """(N, C, T, V) → (N × T × V, C), a view where the channels are last in memory."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


class _Normalised(torch.autograd.Function):
    """Normalise with the batch's own statistics → the result, the means and the (biased) variances."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        joints = x.shape[3]
        y = torch.empty_like(x, memory_format=torch.channels_last)
        rows = _rows(x)
        statistics = torch.batch_norm_update_stats(rows.reshape(-1, joints * len(weight)), None, None, 0.0)
        means, variances = (value.view(joints, -1) for value in statistics)
        mean = means.mean(dim=0)
        variance = variances.mean(dim=0) + (means - mean).square().mean(dim=0)
        inverse = (variance + eps).rsqrt()
        scale = weight * inverse
        torch.addcmul(bias - mean * scale, rows, scale, out=_rows(y))
        ctx.save_for_backward(x, mean, inverse, weight)
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        x, mean, inverse, weight = ctx.saved_tensors
        joints = x.shape[3]
        rows, given = _rows(x), _rows(gradient)
        wide = (-1, joints * len(weight))
        known = (value.repeat(joints) for value in (mean, inverse))
        _, slopes, shifts = torch.ops.aten.native_batch_norm_backward(
            given.reshape(wide), rows.reshape(wide), weight.repeat(joints), None, None, *known, True, 0.0, [False, True, True]
        )
        slope, shift = (value.view(joints, -1).sum(dim=0) for value in (slopes, shifts))
        scale = weight * inverse
        tilt = -scale * inverse * slope / len(rows)
        result = torch.empty_like(x, memory_format=torch.channels_last)
        torch.addcmul(-scale * shift / len(rows) - mean * tilt, rows, tilt, out=_rows(result)).addcmul_(given, scale)
        return result, slope, shift, None
