"""The table of predictions that every figure is computed from: one row per clip, one row of predictions per seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stages.arrays import Array

ONE_GROUP = "all"
"""The class, or fold, of every clip where there is a single one."""
NUMBER = "number."
"""Before the names of the columns whose numbers lie among a table's extras."""


@dataclass(frozen=True)
class Table:
    """Predictions beside their truth.

    Attributes:
        clips: (N,) ids.
        truth: (N,) in the data's units (class indices for levels and actions).
        predicted: (seeds, N).
        seeds: the seeds' names, one per row of ``predicted``.
        groups: (N,) class of each clip.
        clusters: (N,) whom each clip belongs to; what repeats is resampled together.
        folds: (N,) the fold in which each clip was tested.
        task: ``score``, ``level`` or ``action``.
        classes: names of the levels or actions; empty for scores.
        means, deviations: (N,) mean and deviation of the scores of each clip's class, for class-normalised figures.
        normalised_by: whose means and deviations those are.
        units: (N,) what one unit of what the models predict is of each clip's score; None for classes, and where nobody knows.
        extra: what else the models say of each clip, by name, each (seeds, N).
        said: what they say in words of columns of the manifest that they learned, (seeds, N) texts each.
        known: what the manifest says in those of the columns that hold classes, (N,) texts each; "" where it says nothing.
        numbers: what it says in those that hold numbers, (N,) each, NaN where it says nothing; what the models say is in ``extra``.
        columns: what the manifest says in columns of text that tell groups of clips apart, (N,) texts each; "" where it says nothing.
    """

    clips: Array
    truth: Array
    predicted: Array
    seeds: tuple[str, ...]
    groups: Array
    clusters: Array
    folds: Array
    task: str = "score"
    classes: tuple[str, ...] = ()
    means: Array | None = None
    deviations: Array | None = None
    normalised_by: str = "the training clips"
    units: Array | None = None
    extra: Mapping[str, Array] = field(default_factory=dict)
    said: Mapping[str, Array] = field(default_factory=dict)
    known: Mapping[str, Array] = field(default_factory=dict)
    numbers: Mapping[str, Array] = field(default_factory=dict)
    columns: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.clips)

    def take(self, order: Array) -> Table:
        """Return the clips at these places, in this order."""
        return replace(
            self,
            clips=self.clips[order],
            truth=self.truth[order],
            predicted=self.predicted[:, order],
            groups=self.groups[order],
            clusters=self.clusters[order],
            folds=self.folds[order],
            means=None if self.means is None else self.means[order],
            deviations=None if self.deviations is None else self.deviations[order],
            units=None if self.units is None else self.units[order],
            extra={name: values[:, order] for name, values in self.extra.items()},
            said={name: values[:, order] for name, values in self.said.items()},
            known={name: values[order] for name, values in self.known.items()},
            numbers={name: values[order] for name, values in self.numbers.items()},
            columns={name: values[order] for name, values in self.columns.items()},
        )

    def of(self, clips: Sequence[str] | Array) -> Table:
        """Return the clips of these ids, in this order."""
        place = {clip: number for number, clip in enumerate(self.clips.tolist())}
        return self.take(np.array([place[str(clip)] for clip in clips]))

    @property
    def ensemble(self) -> Array:
        """Each clip's mean prediction over seeds, (N,)."""
        return np.asarray(self.predicted.mean(axis=0))

    @property
    def levels(self) -> Array | None:
        """The levels as numbers, in the order of ``classes``; None where there are no levels or their names are no numbers."""
        return numbers_of(self.classes) if self.task == "level" else None


def numbers_of(names: Sequence[str]) -> Array | None:
    """Return the names as finite numbers, or None where one of them is none."""
    try:
        values = np.array([float(name) for name in names])
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def in_order(names: set[str]) -> tuple[str, ...]:
    """Return the names sorted as numbers where all of them are, as text elsewhere."""
    listed = sorted(names)
    values = numbers_of(listed)
    return tuple(listed if values is None else sorted(listed, key=float))
