"""Every figure that an evaluation prints, by name, each with its interval: the one list, for scores and for classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.evaluate import metrics
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.statistics import Estimate, interval, resamples
from stages.evaluate.table import Table

OnSeed = Callable[[Array, Array], float]
"""(predictions of one seed on a draw, indices of the draw) → figure."""


@dataclass(frozen=True)
class Figures:
    """What an evaluation found.

    Attributes:
        overall: name → estimate over all classes.
        per_class: class → name → estimate.
        counts: class → number of clips.
        score_range: lowest and highest score that R-ℓ2 used; None for classes.
    """

    overall: Mapping[str, Estimate]
    per_class: Mapping[str, Mapping[str, Estimate]]
    counts: Mapping[str, int]
    score_range: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``metrics.json``."""
        return {
            "overall": {name: estimate.to_json() for name, estimate in self.overall.items()},
            "per_class": {
                group: {"clips": self.counts[group], **{name: estimate.to_json() for name, estimate in estimates.items()}}
                for group, estimates in self.per_class.items()
            },
            "score_range": list(self.score_range) if self.score_range else None,
        }


def compute(table: Table, config: EvaluateConfig) -> Figures:
    """Compute every figure of ``table``; with several seeds, the mean over seeds of each seed's pooled figure."""
    groups = [str(group) for group in np.unique(table.groups)]
    low, high = config.range or (float(table.truth.min()), float(table.truth.max()))
    on_class = _class_figures(table) if table.classes else _score_figures(table, low, high)
    draws = resamples(table.clusters, config.resamples, config.seed)
    overall = {name: _estimate(table, figure, draws, config) for name, figure in _overall(table, groups, on_class).items()}
    per_class: dict[str, dict[str, Estimate]] = {}
    if len(groups) > 1 and not table.classes:
        for group in groups:
            members = np.flatnonzero(table.groups == group)
            inner = [members[draw] for draw in resamples(table.clusters[members], config.resamples, config.seed)]
            per_class[group] = {name: _estimate(table, figure, inner, config, members) for name, figure in on_class.items()}
    counts = {group: int((table.groups == group).sum()) for group in groups}
    return Figures(overall, per_class, counts, None if table.classes else (low, high))


def _score_figures(table: Table, low: float, high: float) -> dict[str, OnSeed]:
    truth = table.truth
    return {
        "spearman": lambda p, i: metrics.spearman(p, truth[i]),
        "relative_l2": lambda p, i: metrics.relative_l2(p, truth[i], low, high),
        "mae": lambda p, i: metrics.mean_absolute_error(p, truth[i]),
        "rmse": lambda p, i: metrics.root_mean_squared_error(p, truth[i]),
    }


def _class_figures(table: Table) -> dict[str, OnSeed]:
    truth = table.truth
    return {
        "accuracy": lambda p, i: metrics.accuracy(p, truth[i]),
        "macro_f1": lambda p, i: metrics.macro_f1(p, truth[i]),
    }


def _overall(table: Table, groups: list[str], on_class: Mapping[str, OnSeed]) -> dict[str, OnSeed]:
    if table.classes or len(groups) == 1:
        return dict(on_class)
    truth = table.truth

    def per_group(p: Array, i: Array) -> Array:
        return np.array([metrics.spearman(p[table.groups[i] == g], truth[i][table.groups[i] == g]) for g in groups])

    figures: dict[str, OnSeed] = {
        "spearman_mean": lambda p, i: float(np.mean(per_group(p, i))),
        "spearman_fisher_mean": lambda p, i: metrics.fisher_mean(per_group(p, i)),
        "spearman_pooled": on_class["spearman"],
    }
    if table.means is not None and table.deviations is not None:
        means, deviations = table.means, table.deviations
        figures["spearman_pooled_normalised"] = lambda p, i: metrics.spearman(
            (p - means[i]) / deviations[i], (truth[i] - means[i]) / deviations[i]
        )
        figures["spearman_pooled_of_class_means"] = lambda _, i: metrics.spearman(means[i], truth[i])
    return figures | {name: figure for name, figure in on_class.items() if name != "spearman"}


def _estimate(table: Table, figure: OnSeed, draws: list[Array], config: EvaluateConfig, members: Array | None = None) -> Estimate:
    everything = np.arange(len(table)) if members is None else members

    def over_seeds(draw: Array) -> float:
        return float(np.mean([figure(row[draw], draw) for row in table.predicted]))

    seeds = tuple(figure(row[everything], everything) for row in table.predicted)
    low, high = interval(over_seeds, draws, config.confidence)
    return Estimate(float(np.mean(seeds)), low, high, seeds)
