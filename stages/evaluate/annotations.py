"""How good a model is at what the manifest says beside the target: a dive's attributes (C3D-AVG-MTL's table 5), or its difficulty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.evaluate.names import interval_of, shown
from stages.evaluate.statistics import Estimate
from stages.evaluate.table import NUMBER, Table


@dataclass(frozen=True)
class Named:
    """One column's figure.

    Attributes:
        accuracy: the share of clips whose class is named.
        clips: how many have a class.
        commonest: the share of those that have the commonest one, which is what naming it always would reach.
    """

    accuracy: Estimate
    clips: int
    commonest: float

    def to_json(self) -> dict[str, Any]:
        """Return the part of ``metrics.json``."""
        return {"accuracy": self.accuracy.to_json(), "clips": self.clips, "commonest": self.commonest}

    def sentence(self, column: str) -> str:
        """Return the figure in words."""
        found = f"{self.accuracy.value:.3f} [{self.accuracy.low:.3f}, {self.accuracy.high:.3f}]"
        return f"{column} is named rightly of {found} of {self.clips} clips; always naming the commonest would be {self.commonest:.3f}"


@dataclass(frozen=True)
class Measured:
    """One column's figures where it holds numbers.

    Attributes:
        spearman: ρ of what is predicted and what the manifest says.
        mae: the mean absolute error.
        clips: how many have a number.
    """

    spearman: Estimate
    mae: Estimate
    clips: int

    def to_json(self) -> dict[str, Any]:
        """Return the part of ``metrics.json``."""
        return {"spearman": self.spearman.to_json(), "mae": self.mae.to_json(), "clips": self.clips}

    def sentence(self, column: str) -> str:
        """Return the figures in words."""
        rank, error = (f"{shown(each.value, 3)} {interval_of(each, 3)}".rstrip() for each in (self.spearman, self.mae))
        return f"{column} is predicted with Spearman ρ {rank} and MAE {error}, on {self.clips} clips"


def numbers_of(table: Table) -> dict[str, Array]:
    """Return the columns whose numbers a model predicts → the places of the clips that have one."""
    known = {column: np.flatnonzero(np.isfinite(truth)) for column, truth in table.numbers.items() if NUMBER + column in table.extra}
    return {column: members for column, members in known.items() if len(members)}


def columns_of(table: Table) -> dict[str, Array]:
    """Return the columns whose classes a model names → the places of the clips that have one."""
    known = {column: np.flatnonzero(truth != "") for column, truth in table.known.items()}
    return {column: members for column, members in known.items() if len(members)}


def right(table: Table, column: str) -> Array:
    """Return 1 where the class was named, (seeds, N)."""
    return (table.said[column] == table.known[column]).astype(np.float64)


def commonest(table: Table, column: str, members: Array) -> float:
    """Return the share of the commonest class."""
    counts = np.unique(table.known[column][members], return_counts=True)[1]
    return float(counts.max() / counts.sum())
