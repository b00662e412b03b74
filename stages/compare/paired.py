"""Every figure of every run, and how the others differ from the reference: a bootstrap in which all runs see the same draws.

Subjects (or clips, where none repeats) are drawn with replacement, and on each draw a figure of the run and of the reference are computed
on the very same clips; what varies is their difference, from which the ease or difficulty of the drawn clips has cancelled.  The
interval is the percentile interval, the p-value twice the share of the draws on the other side of zero (Efron & Tibshirani, An
Introduction to the Bootstrap, 1993, chapters 13 and 16; one is added to the count and to the draws, so that p is never 0).

Of a few subjects the bootstrap is far too sure: where one run is ahead on each of three, it is so on every draw, although a coin would
do as much one time in four.  So p is never less than the sign test can give for so many subjects, 2^(1 − subjects).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.compare.config import CompareConfig
from stages.compare.runs import Run
from stages.evaluate import figures
from stages.evaluate.figures import Part
from stages.evaluate.names import BASELINES
from stages.evaluate.statistics import Drawn, Estimate, draw, interval
from stages.evaluate.statistics import Figure as Function
from stages.evaluate.table import Table

SMALLER_IS_BETTER = ("relative_l2", "mae", "rmse")
"""Beginnings of the names of the figures that are errors."""
_ROUNDING = 1e-12
"""Differences this small, relative to the reference, are those of the order of a sum."""


@dataclass(frozen=True)
class Difference:
    """A run's figure minus the reference's; NaN where either is not defined.

    Attributes:
        value: mean over the run's seeds − mean over the reference's.
        low, high: its percentile interval.
        other_side: share of the draws on which the difference is zero or has the other sign.
        p: two-sided bootstrap p-value, not less than the number of subjects allows.
        told: whether the interval leaves out zero, and p agrees.
    """

    value: float
    low: float
    high: float
    other_side: float
    p: float
    told: bool = False

    def to_json(self) -> dict[str, float | bool | None]:
        """Return JSON values; what is not a number is null."""
        values = {"value": self.value, "low": self.low, "high": self.high, "other_side": self.other_side, "p": self.p}
        return {key: float(value) if np.isfinite(value) else None for key, value in values.items()} | {"told": self.told}

    def verdict(self, name: str) -> str:
        """Return what the difference says of the run in the figure ``name``: ``better``, ``worse``, or nothing."""
        if not self.told:
            return ""
        return "better" if (self.value > 0) != name.startswith(SMALLER_IS_BETTER) else "worse"


@dataclass(frozen=True)
class Figure:
    """One run's figure; the reference, and figures that no prediction enters, have no difference."""

    estimate: Estimate
    difference: Difference | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the part of ``compare.json``."""
        return self.estimate.to_json() | ({"difference": self.difference.to_json()} if self.difference else {})


Figures = Mapping[str, Mapping[str, Figure]]
"""Name of the figure → run → figure."""


@dataclass(frozen=True)
class Found:
    """What a comparison found.

    Attributes:
        overall: the figures of all clips.
        per_class: class → its figures.
        counts: class → number of clips.
        score_range: lowest and highest score that R-ℓ2 used over all clips; None for classes.
        notes: what must be said beside the figures.
    """

    overall: Figures
    per_class: Mapping[str, Figures]
    counts: Mapping[str, int]
    score_range: tuple[float, float] | None
    notes: tuple[str, ...]


def compute(runs: Sequence[Run], config: CompareConfig) -> Found:
    """Compute every figure of every run, and its difference from the first run's."""
    tables = {run.name: run.table for run in runs}
    first = runs[0].table
    notes: list[str] = []
    drawn = {name: _drawn(table, figures.of_all(table, config, notes), config) for name, table in tables.items()}
    overall = _compared(drawn, dict.fromkeys(drawn[runs[0].name], _units(first.clusters)), config)
    per_class: dict[str, Figures] = {}
    if first.classes:
        drawn = {name: _drawn(table, figures.recalls(table), config) for name, table in tables.items()}
        units = {label: _units(first.clusters[first.truth == first.classes.index(label)]) for label in drawn[runs[0].name]}
        per_class = {label: {"recall": found} for label, found in _compared(drawn, units, config).items()}
        counts = {label: int((first.truth == number).sum()) for number, label in enumerate(first.classes)}
    else:
        parts = {name: figures.of_parts(table, table.groups, config, own_range=config.range is None) for name, table in tables.items()}
        for group, part in parts[runs[0].name].items():
            drawn = {name: _of_part(tables[name], parts[name][group], config) for name in tables}
            per_class[group] = _compared(drawn, dict.fromkeys(part.figures, _units(first.clusters[part.members])), config)
        counts = {str(group): int((first.groups == group).sum()) for group in np.unique(first.groups)}
    undefined = [name for name, found in overall.items() if not all(np.isfinite(each.estimate.value) for each in found.values())]
    if undefined:
        notes.append(f"not defined for every run, because truth or predictions are constant or the clips too few: {', '.join(undefined)}")
    low_high = config.range or (float(first.truth.min()), float(first.truth.max()))
    return Found(overall, per_class, counts, None if first.classes else low_high, tuple(dict.fromkeys(notes)))


def difference(run: Drawn, reference: Drawn, confidence: float, units: int) -> Difference:
    """Return how two runs differ in a figure that was drawn alike for both, from so many ``units`` (subjects or clips)."""
    base, nan = float(np.mean(reference.seeds)), float("nan")
    value = float(_minus(np.mean(run.seeds), base, base))
    if not len(run.draws) or not len(reference.draws):
        return Difference(value, nan, nan, nan, nan)
    drawn = _minus(run.draws, reference.draws, base)
    low, high = interval(drawn, confidence)
    if not np.isfinite(low):
        return Difference(value, nan, nan, nan, nan)
    finite = drawn[np.isfinite(drawn)]
    other_side = (1 + int((np.sign(finite) != np.sign(value)).sum() if value else len(finite))) / (1 + len(finite))
    p = min(1.0, max(2 * other_side, 2.0 ** (1 - units)))
    return Difference(value, low, high, other_side, p, told=(low > 0 or high < 0) and p <= 1 - confidence + _ROUNDING)


def _minus(one: Any, other: Any, scale: float) -> Array:
    found = np.asarray(one - other)
    return np.where(np.abs(found) <= _ROUNDING * max(1.0, abs(scale)), 0.0, found)


def _drawn(table: Table, functions: Mapping[str, Function], config: CompareConfig) -> dict[str, Drawn]:
    return draw(functions, table.predicted, table.clusters, count=config.resamples, seed=config.seed)


def _of_part(table: Table, part: Part, config: CompareConfig) -> dict[str, Drawn]:
    clusters: Array = table.clusters[part.members]
    return draw(part.figures, table.predicted[:, part.members], clusters, count=config.resamples, seed=config.seed)


def _units(clusters: Array) -> int:
    return len(np.unique(clusters))


def _compared(drawn: Mapping[str, Mapping[str, Drawn]], units: Mapping[str, int], config: CompareConfig) -> Figures:
    """Turn run → figure → draws into figure → run → figure; ``units`` says how many subjects or clips each figure stands on."""
    first = next(iter(drawn))
    found: dict[str, dict[str, Figure]] = {name: {} for name in drawn[first]}
    for name, by_run in found.items():
        for run, figures_of_run in drawn.items():
            paired = run != first and name not in BASELINES
            said = difference(figures_of_run[name], drawn[first][name], config.confidence, units[name]) if paired else None
            by_run[run] = Figure(figures_of_run[name].estimate(config.confidence), said)
    return found
