"""Residuals by group: whether predictions are too high or too low for some of the clips, whatever the manifest tells them apart by.

A group's bias is the mean of predicted − true over its clips.  Intervals draw whole subjects, as everywhere; what there is about a
single subject draws that subject's clips.  Nothing is corrected for how many groups are looked at: whoever reads must know how many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.statistics import Estimate, Figure, estimates
from stages.evaluate.table import Table

MOST = 20
"""A column with more values tells clips apart rather than groups of them."""
FEWEST = 8
"""A group of fewer clips is left out."""
FEWEST_SUBJECTS = 5
"""Of fewer subjects, if more than one, resampling says little: such a group has no interval."""
NO_VALUE = "(no value)"
EVERYONE = "all clips"
_FIGURES: Mapping[str, Figure] = {
    "bias": lambda errors, weights: np.asarray(weights @ errors / weights.sum(axis=1)),
    "mae": lambda errors, weights: np.asarray(weights @ np.abs(errors) / weights.sum(axis=1)),
}


@dataclass(frozen=True)
class Group:
    """The clips that have one value of a column.

    Attributes:
        name: the value; :data:`NO_VALUE` for clips of which the manifest has none.
        clips, subjects: how many.
        bias: mean of predicted − true, in the data's units.
        mae: mean of its absolute value.
    """

    name: str
    clips: int
    subjects: int
    bias: Estimate
    mae: Estimate

    @property
    def apart(self) -> bool:
        """Whether the interval of the bias excludes 0."""
        return bool(self.bias.low > 0 or self.bias.high < 0)

    def to_json(self) -> dict[str, Any]:
        """Return the part of ``metrics.json``."""
        figures = {"bias": self.bias.to_json(), "mae": self.mae.to_json()}
        return {"value": self.name, "clips": self.clips, "subjects": self.subjects, **figures}


@dataclass(frozen=True)
class Grouping:
    """The groups of one column.

    Attributes:
        columns: its name, and those of further columns that tell the same clips apart.
        groups: the largest bias first.
        small: values of too few clips.
    """

    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    small: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the part of ``metrics.json``."""
        return {"columns": list(self.columns), "groups": [group.to_json() for group in self.groups], "small": list(self.small)}


@dataclass(frozen=True)
class Groups:
    """The groups of every column that tells some apart, the column with the largest bias first, and all clips beside them."""

    everyone: Group
    columns: tuple[Grouping, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the part of ``metrics.json``."""
        return {"everyone": self.everyone.to_json(), "columns": [grouping.to_json() for grouping in self.columns]}


def telling(columns: Mapping[str, Sequence[str]]) -> dict[str, Array]:
    """Return the columns, (N,) texts each, that have 2 to :data:`MOST` values; an empty text is none."""
    return {name: np.array(texts) for name, texts in columns.items() if 2 <= len(set(texts) - {""}) <= MOST}


def errors_of(table: Table) -> Array | None:
    """Return predicted − true, (seeds, N), of scores and of levels that are numbers; None where a difference means nothing."""
    if not table.classes:
        return np.asarray(table.predicted - table.truth)
    levels = table.levels
    return None if levels is None else np.asarray(levels[table.predicted.astype(int)] - levels[table.truth.astype(int)])


def groups_of(table: Table, config: EvaluateConfig) -> Groups | None:
    """Return the groups of every column that has two values of :data:`FEWEST` clips; None where none has."""
    errors = errors_of(table)
    if errors is None:
        return None
    alike: dict[tuple[int, ...], list[str]] = {}
    for name, texts in table.columns.items():
        alike.setdefault(_partition(texts), []).append(name)
    found = [_grouping(table, errors, tuple(names), config) for names in alike.values()]
    kept = [grouping for grouping in found if grouping is not None]
    if not kept:
        return None
    kept.sort(key=lambda grouping: -abs(grouping.groups[0].bias.value))
    return Groups(_group(EVERYONE, errors, table.clusters, config), tuple(kept))


def _partition(texts: Array) -> tuple[int, ...]:
    """Return which clips are together, whatever their values are called; −1 without a value."""
    numbers: dict[str, int] = {"": -1}
    return tuple(numbers.setdefault(text, len(numbers)) for text in texts.tolist())


def _grouping(table: Table, errors: Array, columns: tuple[str, ...], config: EvaluateConfig) -> Grouping | None:
    texts = table.columns[columns[0]]
    members = {name: np.flatnonzero(texts == name) for name in sorted(set(texts.tolist()))}
    large = {name: which for name, which in members.items() if len(which) >= FEWEST}
    if len(set(large) - {""}) < 2:
        return None
    groups = [_group(name or NO_VALUE, errors[:, which], table.clusters[which], config) for name, which in large.items()]
    groups.sort(key=lambda group: -abs(group.bias.value))
    return Grouping(columns, tuple(groups), tuple(name or NO_VALUE for name in members if name not in large))


def _group(name: str, errors: Array, clusters: Array, config: EvaluateConfig) -> Group:
    subjects = len(set(clusters.tolist()))
    drawn = np.arange(len(clusters)) if subjects == 1 else clusters
    found = estimates(_FIGURES, errors, drawn, confidence=config.confidence, count=config.resamples, seed=config.seed)
    if 1 < subjects < FEWEST_SUBJECTS:
        nan = float("nan")
        found = {key: Estimate(each.value, nan, nan, each.seeds) for key, each in found.items()}
    return Group(name, len(clusters), subjects, found["bias"], found["mae"])
