"""Uncertainty: bootstrap intervals that respect who repeats, and spread over seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.engine.seeding import generator

Figure = Callable[[Array, Array], Array]
"""(predictions (N,), weights (B, N): how often each draw holds each sample) → the figure on each draw (B,)."""

_CELLS = 2**20
"""Draws are made and used in blocks of about this many weights, so that memory does not grow with their number."""


@dataclass(frozen=True)
class Estimate:
    """A figure, its bootstrap interval, and its value for each seed; NaN where it is not defined."""

    value: float
    low: float
    high: float
    seeds: tuple[float, ...] = ()

    @property
    def deviation(self) -> float:
        """Standard deviation over seeds (ddof 1); NaN for fewer than two."""
        return float(np.std(self.seeds, ddof=1)) if len(self.seeds) > 1 else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; what is not a number is null."""
        values = {"value": self.value, "low": self.low, "high": self.high, "sd_over_seeds": self.deviation}
        return {key: _null(value) for key, value in values.items()} | {"seeds": [_null(value) for value in self.seeds]}


@dataclass(frozen=True)
class Drawn:
    """A figure's value for each seed, and its mean over seeds on each bootstrap draw, (B,): no draws where it is not defined."""

    seeds: tuple[float, ...]
    draws: Array

    def estimate(self, confidence: float) -> Estimate:
        """Return the mean over seeds with its percentile interval."""
        low, high = interval(self.draws, confidence)
        return Estimate(float(np.mean(self.seeds)), low, high, self.seeds)


def resamples(clusters: Array, count: int, seed: int) -> Iterator[Array]:
    """Yield blocks of bootstrap draws, (b, N) weights: whole clusters (subjects) are drawn with replacement.

    Args:
        clusters: (N,) the cluster of each sample; all different draws single samples.
        count: how many draws in all.
        seed: of the draws.
    """
    random = generator("bootstrap", seed)
    names, inverse = np.unique(clusters, return_inverse=True)
    size = len(names)
    block = max(1, _CELLS // len(clusters))
    for start in range(0, count, block):
        rows = min(block, count - start)
        drawn = random.integers(0, size, (rows, size)) + size * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
        yield times[:, inverse].astype(np.float64)


def estimates(
    figures: Mapping[str, Figure], predicted: Array, clusters: Array, *, confidence: float, count: int, seed: int
) -> dict[str, Estimate]:
    """Return each figure's mean over seeds with its percentile interval, of confidence ``confidence``; see :func:`draw`.

    Draws on which a figure is not defined are left out of its interval; where those are more than half, or the figure itself is
    not defined, there is no interval.
    """
    drawn = draw(figures, predicted, clusters, count=count, seed=seed)
    return {name: each.estimate(confidence) for name, each in drawn.items()}


def draw(figures: Mapping[str, Figure], predicted: Array, clusters: Array, *, count: int, seed: int) -> dict[str, Drawn]:
    """Return each figure on the samples and on bootstrap draws of them.

    All figures see the same draws, and so do other predictions for the same samples: what they differ in is paired.

    Args:
        figures: by name.
        predicted: (seeds, N).
        clusters: (N,); see :func:`resamples`.
        count: how many draws, B.
        seed: of the draws.
    """
    once = np.ones((1, predicted.shape[1]))
    values = {name: tuple(float(figure(row, once)[0]) for row in predicted) for name, figure in figures.items()}
    defined = [name for name in figures if np.isfinite(values[name]).all()]
    drawn: dict[str, list[Array]] = {name: [] for name in defined}
    if defined:
        for weights in resamples(clusters, count, seed):
            for name in defined:
                drawn[name].append(np.mean([figures[name](row, weights) for row in predicted], axis=0))
    return {name: Drawn(per_seed, np.concatenate(drawn[name]) if name in drawn else np.empty(0)) for name, per_seed in values.items()}


def interval(values: Array, confidence: float) -> tuple[float, float]:
    """Return the percentile interval of a figure's values on draws (B,); NaN where it is defined on fewer than half of them."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0 or len(finite) < 0.5 * len(values):
        return float("nan"), float("nan")
    tail = 50 * (1 - confidence)
    low, high = np.percentile(finite, [tail, 100 - tail])
    return float(low), float(high)


def _null(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
