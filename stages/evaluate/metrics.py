"""The field's metrics, each as published code computes it.  N samples; every function takes (N,) arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from stages.arrays import Array


def spearman(predicted: Array, truth: Array) -> float:
    """Return Spearman's rank correlation (average ranks for ties); NaN where either side is constant or N < 2."""
    return float(spearman_rows(predicted[None], truth[None])[0])


def spearman_rows(predicted: Array, truth: Array) -> Array:
    """Return Spearman's correlation of each row of two (B, N) arrays: Pearson's correlation of average ranks."""
    if predicted.shape[-1] < 2:
        return np.full(len(predicted), np.nan)
    return pearson_rows(stats.rankdata(predicted, axis=-1), stats.rankdata(truth, axis=-1))


def pearson_rows(x: Array, y: Array) -> Array:
    """Return Pearson's correlation of each row; NaN where a row is constant."""
    x = x - x.mean(axis=-1, keepdims=True)
    y = y - y.mean(axis=-1, keepdims=True)
    norm = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    return np.divide((x * y).sum(axis=-1), norm, out=np.full(norm.shape, np.nan), where=norm > 0)


def fisher_mean(correlations: Sequence[float] | Array) -> float:
    """Return tanh of the mean of artanh, the average over classes of AQA-7, RG and JIGSAWS papers; NaN values count as NaN."""
    values = np.clip(np.asarray(correlations, dtype=float), -1 + 1e-12, 1 - 1e-12)
    return float(np.tanh(np.mean(np.arctanh(values))))


def relative_l2(predicted: Array, truth: Array, low: float | None = None, high: float | None = None) -> float:
    """Return R-ℓ2 × 100: the mean of ((p − t) / (high − low))²; the range is the evaluated truth's unless given (CoRe, TPT)."""
    low = float(truth.min()) if low is None else low
    high = float(truth.max()) if high is None else high
    if high <= low:
        return float("nan")
    return float(100 * np.mean(((predicted - truth) / (high - low)) ** 2))


def mean_absolute_error(predicted: Array, truth: Array) -> float:
    """Return the mean of |p − t|, in the score's units."""
    return float(np.mean(np.abs(predicted - truth)))


def root_mean_squared_error(predicted: Array, truth: Array) -> float:
    """Return the root of the mean of (p − t)², in the score's units."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def accuracy(predicted: Array, truth: Array) -> float:
    """Return the share of right classes; equal to micro-F1 where every clip has one label."""
    return float(np.mean(predicted == truth))


def macro_f1(predicted: Array, truth: Array) -> float:
    """Return the mean over the classes that occur of F1."""
    values = []
    for label in np.union1d(predicted, truth):
        hits = float(np.sum((predicted == label) & (truth == label)))
        values.append(2 * hits / float(np.sum(predicted == label) + np.sum(truth == label)))
    return float(np.mean(values))
