"""The table of predictions that every figure is computed from: one row per clip, one column of predictions per seed."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError, UsageError, nearest


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
        classes: names of the levels or actions; empty for scores.
        means, deviations: (N,) training mean and deviation of each clip's class, for class-normalised figures.
        extra: further columns (N,) of text that a report can group by.
    """

    clips: Array
    truth: Array
    predicted: Array
    seeds: tuple[str, ...]
    groups: Array
    clusters: Array
    folds: Array
    classes: tuple[str, ...] = ()
    means: Array | None = None
    deviations: Array | None = None
    extra: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.clips)


def read_csv(path: Path, truth: str, prediction: str, group: str | None, cluster: str | None) -> Table:
    """Read anybody's predictions.

    Raises:
        ArtifactError: not readable, no rows, or cells that are no finite numbers (all are named).
        UsageError: a column does not exist.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            columns = list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ArtifactError(f"The predictions {path} cannot be read: {error}.") from None
    for name in (truth, prediction, group, cluster):
        if name is not None and name not in columns:
            guess = nearest(name, columns)
            question = f" Did you mean '{guess}'?" if guess else ""
            raise UsageError(f"{path} has no column '{name}'.{question}", hint=f"columns: {', '.join(columns)}")
    if not rows:
        raise ArtifactError(f"{path} has no rows.")
    problems: list[str] = []
    numbers = {name: _numbers(rows, name, problems) for name in (truth, prediction)}
    if problems:
        listing = "\n".join(f"  - {problem}" for problem in problems[:20])
        raise ArtifactError(f"{path} has {len(problems)} problem(s):\n{listing}")
    count = len(rows)
    clips = np.array([str(number) for number in range(count)])
    return Table(
        clips=clips,
        truth=numbers[truth],
        predicted=numbers[prediction][None],
        seeds=("0",),
        groups=np.array([row[group] for row in rows]) if group else np.full(count, "all"),
        clusters=np.array([row[cluster] for row in rows]) if cluster else clips,
        folds=np.full(count, "all"),
    )


def _numbers(rows: list[dict[str, str]], column: str, problems: list[str]) -> Array:
    values = np.full(len(rows), np.nan)
    for number, row in enumerate(rows):
        try:
            values[number] = float(row[column])
        except (TypeError, ValueError):
            pass
        if not np.isfinite(values[number]):
            problems.append(f"line {number + 2}: {column} must be a finite number, found '{row[column]}'")
    return values
