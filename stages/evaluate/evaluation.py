"""The outcome of an evaluation, as the command prints it and the report shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.arrays import Array
from stages.evaluate.figures import Figures
from stages.evaluate.followed import Followed
from stages.evaluate.table import Table

if TYPE_CHECKING:
    from stages.evaluate.shown import Strips

Curves = Mapping[str, Sequence[Sequence[float]]]
"""Term of the loss → one curve per model, a value per epoch."""


@dataclass(frozen=True)
class Representation:
    """What one model makes of some clips.

    Attributes:
        model: the model's id.
        of: which clips these are, in words.
        clips: (N,) ids.
        values: (N, D).
        truth: (N,) true scores, or names of levels and actions.
        left_out: how many more such clips there are, where they are too many for a picture.
    """

    model: str
    of: str
    clips: tuple[str, ...]
    values: Array
    truth: tuple[float | str, ...]
    left_out: int = 0


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
        representations: of the first model's test clips, and of the clips whose labels its protocol withheld; empty where it has none.
        followed: ρ of held-out clips while the models trained; empty where nothing was followed.
        strips: poses of some of the worst and the best clips; empty where the models took no poses.
    """

    name: str
    table: Table
    figures: Figures
    facts: Mapping[str, Any]
    provenance: Mapping[str, Any]
    folder: Path | None = None
    curves: Curves = field(default_factory=dict)
    representations: Sequence[Representation] = ()
    followed: Followed = field(default_factory=dict)
    strips: Strips = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``metrics.json``."""
        rank = {"followed": dict(self.followed)} if self.followed else {}
        return {"experiment": self.name, **self.facts, **self.figures.to_json(), **rank}
