"""The field's metrics, each as published code computes it, on one set of samples or on many bootstrap draws of it at once.

N samples, B draws.  A draw is how often each sample occurs, so the functions ``*_of_draws`` take weights (B, N) beside the samples
(N,) and return (B,): values are sorted once and every draw's ranks follow from cumulative sums of its weights.  Without a suffix, a
function takes the samples as they are.  What is not defined is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.arrays import Array

_LARGEST = 1 - 1e-12
"""Correlations are kept below this in size before artanh, so that a perfect class does not make a mean infinite."""


def spearman(predicted: Array, truth: Array) -> float:
    """Return Spearman's rank correlation (average ranks for ties); NaN where either side is constant or N < 2."""
    return float(spearman_of_draws(predicted, truth, _once(truth))[0])


def spearman_of_draws(predicted: Array, truth: Array, weights: Array) -> Array:
    """Return each draw's :func:`spearman`: Pearson's correlation of the average ranks within the draw."""
    middle = (weights.sum(axis=1, keepdims=True) + 1) / 2
    x, y = (_ranks(values, weights) - middle for values in (predicted, truth))
    weighted = weights * x
    norm = np.sqrt((weighted * x).sum(axis=1) * (weights * y * y).sum(axis=1))
    return np.clip(_divide((weighted * y).sum(axis=1), norm), -1, 1)


def mean_of_defined(values: Sequence[float] | Array) -> Array:
    """Return the mean over the last axis of what is not NaN; NaN where nothing is."""
    numbers = np.asarray(values, dtype=float)
    there = np.isfinite(numbers)
    return _divide(np.where(there, numbers, 0).sum(axis=-1), there.sum(axis=-1))


def fisher_mean(correlations: Sequence[float] | Array) -> Array:
    """Return tanh of the mean of artanh over the last axis, the average over classes of AQA-7, RG and JIGSAWS papers.

    NaN is left out, as in :func:`mean_of_defined`.
    """
    values = np.clip(np.asarray(correlations, dtype=float), -_LARGEST, _LARGEST)
    return np.tanh(mean_of_defined(np.arctanh(values)))


def relative_l2(predicted: Array, truth: Array, low: float | None = None, high: float | None = None) -> float:
    """Return R-ℓ2 × 100: the mean of ((p − t) / (high − low))²; the range is the evaluated truth's unless given (CoRe, TPT)."""
    low = float(truth.min()) if low is None else low
    high = float(truth.max()) if high is None else high
    return float(relative_l2_of_draws(predicted, truth, _once(truth), low, high)[0])


def relative_l2_of_draws(predicted: Array, truth: Array, weights: Array, low: float, high: float) -> Array:
    """Return each draw's :func:`relative_l2`; the range stays the same over draws.  NaN for an empty range."""
    if high <= low:
        return np.full(len(weights), np.nan)
    return 100 * _mean(((predicted - truth) / (high - low)) ** 2, weights)


def mean_absolute_error(predicted: Array, truth: Array) -> float:
    """Return the mean of |p − t|, in the score's units."""
    return float(mean_absolute_error_of_draws(predicted, truth, _once(truth))[0])


def mean_absolute_error_of_draws(predicted: Array, truth: Array, weights: Array) -> Array:
    """Return each draw's :func:`mean_absolute_error`."""
    return _mean(np.abs(predicted - truth), weights)


def root_mean_squared_error(predicted: Array, truth: Array) -> float:
    """Return the root of the mean of (p − t)², in the score's units."""
    return float(root_mean_squared_error_of_draws(predicted, truth, _once(truth))[0])


def root_mean_squared_error_of_draws(predicted: Array, truth: Array, weights: Array) -> Array:
    """Return each draw's :func:`root_mean_squared_error`."""
    return np.sqrt(_mean((predicted - truth) ** 2, weights))


def accuracy(predicted: Array, truth: Array) -> float:
    """Return the share of right classes; equal to micro-F1 where every clip has one label."""
    return float(accuracy_of_draws(predicted, truth, _once(truth))[0])


def accuracy_of_draws(predicted: Array, truth: Array, weights: Array) -> Array:
    """Return each draw's :func:`accuracy`."""
    return _mean((predicted == truth).astype(float), weights)


def recall_of_draws(predicted: Array, truth: Array, weights: Array, label: float) -> Array:
    """Return each draw's share of the clips of class ``label`` that were recognised; NaN where a draw has none."""
    of_label = weights * (truth == label)
    return _divide(of_label @ (predicted == label).astype(float), of_label.sum(axis=1))


def macro_f1(predicted: Array, truth: Array) -> float:
    """Return the mean of F1 over the classes that occur, in the truth or in the predictions."""
    return float(macro_f1_of_draws(predicted, truth, _once(truth))[0])


def macro_f1_of_draws(predicted: Array, truth: Array, weights: Array) -> Array:
    """Return each draw's :func:`macro_f1`, over the classes that occur in it."""
    total, occurring = np.zeros(len(weights)), np.zeros(len(weights))
    for label in np.union1d(predicted, truth):
        is_predicted, is_true = (predicted == label).astype(float), (truth == label).astype(float)
        occurrences = weights @ (is_predicted + is_true)
        total += np.where(occurrences > 0, 2 * (weights @ (is_predicted * is_true)) / np.maximum(occurrences, 1), 0)
        occurring += occurrences > 0
    return _divide(total, occurring)


def _once(samples: Array) -> Array:
    return np.ones((1, len(samples)))


def _ranks(values: Array, weights: Array) -> Array:
    """Return the average rank of each value in each draw, (B, N); those of samples that a draw leaves out mean nothing."""
    distinct, place = np.unique(values, return_inverse=True)
    if len(distinct) == len(values):
        per_value = np.empty_like(weights)
        per_value[:, place] = weights
    else:
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(len(distinct)))
        per_value = np.add.reduceat(weights[:, order], starts, axis=1)
    return (np.cumsum(per_value, axis=1) - per_value / 2 + 0.5)[:, place]


def _mean(values: Array, weights: Array) -> Array:
    return _divide(weights @ values, weights.sum(axis=1))


def _divide(numerator: Array, denominator: Array) -> Array:
    return np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator > 0)
