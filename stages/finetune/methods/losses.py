"""Losses that several methods share."""

from __future__ import annotations

from torch import Tensor


def regression_loss(predicted: Tensor, target: Tensor, kind: str, mse_weight: float = 1.0, mae_weight: float = 1.0) -> Tensor:
    """Return λ1 · MSE + λ2 · MAE (2M-AF, equation 6, without its stray minus sign), or one of the two; (N,), (N,) → scalar."""
    error = predicted - target
    if kind == "mse":
        return error.square().mean()
    if kind == "mae":
        return error.abs().mean()
    return mse_weight * error.square().mean() + mae_weight * error.abs().mean()
