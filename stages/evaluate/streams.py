"""What is known of a model that picks one of several streams for each clip: how good each stream is, and how good the picks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.evaluate.statistics import Estimate
from stages.evaluate.table import Table

PREFIX = "predicted."
"""Before the names of the streams' predictions among a table's extras."""
PICKED, CONFIDENCE = "stream", "confidence"
"""Extras: the number of the stream that was picked, and how sure the choice was."""


@dataclass(frozen=True)
class Streams:
    """The streams of a model.

    Attributes:
        figures: stream → name → estimate, as if it alone had predicted.
        picked: stream → share of the clips for which it was picked.
        right: share of the clips for which no other stream was nearer to the truth than the picked one.
        chance: the same share of the stream that is most often the nearest, picked always.
    """

    figures: Mapping[str, Mapping[str, Estimate]]
    picked: Mapping[str, float]
    right: Estimate
    chance: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the part of ``metrics.json``."""
        return {
            "figures": {name: {key: estimate.to_json() for key, estimate in found.items()} for name, found in self.figures.items()},
            "picked": dict(self.picked),
            "right": self.right.to_json(),
            "chance": self.chance.to_json(),
        }


def names_of(table: Table) -> list[str]:
    """Return the names of the streams; none where the model has no choice."""
    return [name.removeprefix(PREFIX) for name in table.extra if name.startswith(PREFIX)] if PICKED in table.extra else []


def errors(table: Table) -> Array:
    """Return the absolute error of every stream, (streams, seeds, N)."""
    return np.stack([np.abs(table.extra[PREFIX + name] - table.truth) for name in names_of(table)])


def right(table: Table) -> Array:
    """Return 1 where the picked stream was the nearest to the truth, (seeds, N)."""
    every = errors(table)
    picked = table.extra[PICKED].astype(int)
    return (np.take_along_axis(every, picked[None], axis=0)[0] <= every.min(axis=0)).astype(np.float64)


def best_always(table: Table) -> Array:
    """Return 1 where the stream that is most often the nearest was the nearest, (seeds, N)."""
    every = errors(table)
    nearest = every.argmin(axis=0)
    most = np.bincount(nearest.ravel(), minlength=len(every)).argmax()
    return (nearest == most).astype(np.float64)


def pick_of(table: Table, number: int) -> str:
    """Return which stream was picked for a clip, by the first seed, and how sure that was; nothing where there are no streams."""
    there = names_of(table)
    if not there:
        return ""
    return f"{there[int(table.extra[PICKED][0, number])]} ({table.extra[CONFIDENCE][0, number]:.0%})"


def cases(table: Table, count: int) -> list[tuple[str, list[int]]]:
    """Return, per stream, the clips on which it is ahead of every other stream by most (as the case study of 2M-AF shows them).

    Errors are means over seeds; only clips on which the stream is ahead are listed.
    """
    every = errors(table).mean(axis=1)
    listed = []
    for number, name in enumerate(names_of(table)):
        ahead = np.delete(every, number, axis=0).min(axis=0) - every[number]
        order = np.argsort(-ahead, kind="stable")[:count]
        listed.append((name, [int(clip) for clip in order if ahead[clip] > 0]))
    return listed


def share_of_draws(values: Array, weights: Array) -> Array:
    """Return the weighted mean of ``values`` (N,) on each draw (B, N), (B,)."""
    return np.asarray((weights * values).sum(axis=1) / weights.sum(axis=1))
