"""Making a trained convolutional network fast without changing what it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # what mmengine makes of a SyncBN is no BatchNorm2d
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-6
"""Folding keeps the outputs to this part of their largest value, in float64, or it is not done."""


def fold(network: nn.Module, outputs: Callable[[Tensor], Any], example: Tensor) -> bool:
    """Fold each batch norm into the convolution before it, where that leaves the outputs as they are.

    Which norm follows which convolution is read off the order in which a module registers its parts; networks that run them in
    another order are noticed by their outputs and left alone.  All of it happens in float64, where rounding hides no difference.

    Args:
        network: in evaluation mode, on the CPU; changed in place.
        outputs: runs the network on a batch and returns a tensor, or tensors in tuples and lists.
        example: such a batch.

    Returns:
        Whether anything was folded.
    """
    network.double()
    with torch.inference_mode():
        before = _flat(outputs(example.double()))
    kept = [(parent, conv, norm, getattr(parent, conv), getattr(parent, norm)) for parent, conv, norm in _pairs(network)]
    for parent, conv, norm, convolution, normalisation in kept:
        setattr(parent, conv, fuse_conv_bn_eval(convolution, normalisation))
        setattr(parent, norm, nn.Identity())
    with torch.inference_mode():
        same = all(map(_close, before, _flat(outputs(example.double()))))
    if not same:
        for parent, conv, norm, convolution, normalisation in kept:
            setattr(parent, conv, convolution)
            setattr(parent, norm, normalisation)
    network.float()
    return same and bool(kept)


def halve(*parts: Any) -> None:
    """Store the weights of the convolutions in some modules as bfloat16, so that autocast does not convert them for every batch."""
    for part in parts:
        for module in part.modules() if isinstance(part, nn.Module) else ():
            if isinstance(module, nn.Conv2d):
                module.to(torch.bfloat16)


def _pairs(network: nn.Module) -> list[tuple[nn.Module, str, str]]:
    found = []
    for parent in network.modules():
        last: tuple[str, nn.Conv2d] | None = None
        for name, child in parent.named_children():
            if isinstance(child, _BatchNorm) and last is not None and last[1].out_channels == child.num_features:
                found.append((parent, last[0], name))
            last = (name, child) if type(child) is nn.Conv2d else None
    return found


def _flat(outputs: Any) -> list[Tensor]:
    if isinstance(outputs, Tensor):
        return [outputs]
    return [tensor for part in outputs if part is not None for tensor in _flat(part)]


def _close(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= TOLERANCE * one.abs().max())
