"""The outcome of an evaluation, as the command prints it and the report shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.arrays import Array
from stages.evaluate.figures import Figures
from stages.evaluate.table import Table

Curves = Mapping[str, Sequence[Sequence[float]]]
"""Term of the loss → one curve per model, a value per epoch."""


@dataclass(frozen=True)
class Representation:
    """What one model's encoder makes of the clips that it is tested on.

    Attributes:
        model: the model's id.
        clips: (N,) ids.
        values: (N, D).
    """

    model: str
    clips: tuple[str, ...]
    values: Array


@dataclass(frozen=True)
class Evaluation:
    """An evaluation's outcome.

    Attributes:
        name: of the experiment, or of the file of predictions.
        table: the predictions.
        figures: every metric.
        facts: what must be known to read the figures: data set, protocol, selection, stamps.
        provenance: of the evaluation.
        folder: where it was written; None where it was not.
        curves: how the models were trained; empty where nothing was trained in epochs.
        representation: of the first model's test clips; None where it has none.
    """

    name: str
    table: Table
    figures: Figures
    facts: Mapping[str, Any]
    provenance: Mapping[str, Any]
    folder: Path | None = None
    curves: Curves = field(default_factory=dict)
    representation: Representation | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``metrics.json``."""
        return {"experiment": self.name, **self.facts, **self.figures.to_json()}
