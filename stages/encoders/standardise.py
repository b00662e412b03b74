"""Standardisation by the training clips, as a layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Subtract the training clips' mean and divide by their deviation, number by number; (…, D) → (…, D).

    The statistics are part of the weights, so that a model applies those of its own training.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))

    @torch.no_grad()
    def measure(self, rows: Tensor) -> None:
        """Take the statistics of ``rows`` (N, D); numbers that never vary are left as they are, but for their mean."""
        self.mean.copy_(rows.mean(dim=0))
        spread = rows.std(dim=0, unbiased=False)
        self.deviation.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(self, values: Tensor) -> Tensor:
        """Return the standardised values."""
        return (values - self.mean) / self.deviation
