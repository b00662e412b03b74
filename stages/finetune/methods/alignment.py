"""Bringing two distributions of representations together: gradient reversal with a discriminator, and maximum mean discrepancy.

Gradient reversal: Ganin and Lempitsky, ICML 2015.  MMD: Gretton et al., JMLR 2012.  S4AQA compares both (section III-D, table VIII).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.engine import ranks

Kernel = Literal["laplacian", "rbf"]


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, coefficient: float) -> Tensor:
        ctx.coefficient = coefficient
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.coefficient * gradient, None


def reverse_gradient(values: Tensor, coefficient: float = 1.0) -> Tensor:
    """Return the values as they are; on its way back, their gradient is multiplied by -``coefficient``."""
    result: Tensor = _Reversed.apply(values, coefficient)
    return result


class Discriminator(nn.Module):
    """Representations (N, D) → the logit (N,) of being labelled; two linear layers with a ReLU between them."""

    def __init__(self, dimensions: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dimensions, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, values: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.layers(values)[:, 0]
        return logits


def domain_loss(labelled: Tensor, unlabelled: list[Tensor]) -> Tensor:
    """Return the cross-entropy of the domains, averaged within each (S4AQA, equations 6 and 7).

    Args:
        labelled: logits (L,) of labelled clips, whose class is 1.
        unlabelled: logits (U,) of each kind of unlabelled clips, whole and masked, whose class is 0.
    """
    zeros = [F.softplus(logits).mean() for logits in unlabelled]
    return F.softplus(-labelled).mean() + torch.stack(zeros).mean()


def mmd(one: Tensor, two: Tensor, kernel: Kernel, bandwidth: float | None = None) -> Tensor:
    """Return the squared maximum mean discrepancy of two samples (N, D) and (M, D): the biased estimate, which is never negative.

    Args:
        one: a sample.
        two: another.
        kernel: ``laplacian``, exp(-|x - y|₁ / σ), or ``rbf``, exp(-|x - y|₂² / (2 σ²)).
        bandwidth: σ; None takes the median distance between the points of both samples, in the kernel's own metric.
    """
    one, two = ranks.gathered(one), ranks.gathered(two)
    both = torch.cat([one, two])
    power = 1 if kernel == "laplacian" else 2
    distances = torch.cdist(both, both, p=power)
    if bandwidth is None:
        apart = distances.detach()[~torch.eye(len(both), dtype=torch.bool, device=both.device)]
        sigma = apart.median().clamp(min=1e-6)
    else:
        sigma = torch.as_tensor(bandwidth, dtype=both.dtype, device=both.device)
    similar = torch.exp(-distances / sigma) if kernel == "laplacian" else torch.exp(-distances.square() / (2 * sigma**2))
    n = len(one)
    return similar[:n, :n].mean() + similar[n:, n:].mean() - 2 * similar[:n, n:].mean()
