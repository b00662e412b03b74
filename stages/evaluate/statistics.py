"""Uncertainty: bootstrap intervals that respect who repeats, and spread over seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.engine.seeding import generator

Figure = Callable[[Array], float]
"""Indices of the drawn samples → the figure on them."""


@dataclass(frozen=True)
class Estimate:
    """A figure, its bootstrap interval, and its spread over seeds."""

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


def resamples(clusters: Array, count: int, seed: int) -> list[Array]:
    """Return ``count`` bootstrap draws as sample indices: whole clusters (subjects) are drawn with replacement.

    Args:
        clusters: (N,) the cluster of each sample; all different draws single samples.
        count: how many draws.
        seed: of the draws.
    """
    random = generator("bootstrap", seed)
    names, inverse = np.unique(clusters, return_inverse=True)
    if len(names) == len(clusters):
        return list(random.integers(0, len(clusters), (count, len(clusters))))
    members = [np.flatnonzero(inverse == number) for number in range(len(names))]
    return [np.concatenate([members[i] for i in random.integers(0, len(names), len(names))]) for _ in range(count)]


def interval(figure: Figure, draws: list[Array], confidence: float) -> tuple[float, float]:
    """Return the percentile interval of ``figure`` over ``draws``; draws on which it is not a number are left out."""
    values = np.array([figure(draw) for draw in draws])
    values = values[np.isfinite(values)]
    if len(values) < 0.5 * len(draws):
        return float("nan"), float("nan")
    tail = 50 * (1 - confidence)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _null(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
