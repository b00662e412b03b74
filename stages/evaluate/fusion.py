"""Score fusion: the predictions of several experiments on the same clips become one (2M-AF, table 11: the four skeleton streams).

Scores are averaged; of classes, the models' raw class scores are, as the published four-stream networks do it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import UsageError
from stages.evaluate.collect import SCORE, Collected
from stages.evaluate.table import Table

_SAME = ("dataset", "protocol", "task", "target", "seeds")
"""Facts that fused experiments must share."""


def fuse(names: Sequence[str], parts: Sequence[Collected], weights: Sequence[float] | None = None) -> Collected:
    """Return the fused predictions.

    Args:
        names: of the experiments.
        parts: their predictions.
        weights: one per experiment; None weighs all alike.

    Raises:
        UsageError: the experiments were not made on the same clips, folds and seeds, or the weights do not fit.
    """
    share = _shares(names, weights)
    first = parts[0]
    for name, other in zip(names[1:], parts[1:], strict=True):
        _check_same(names[0], first, name, other)
    tables = [part.table.of(first.table.clips) for part in parts]
    predicted = _classes(tables, share) if first.table.classes else sum(s * t.predicted for s, t in zip(share, tables, strict=True))
    members = {name: [round(float(s), 6), part.facts["method"]] for name, part, s in zip(names, parts, share, strict=True)}
    facts: dict[str, Any] = {
        **first.facts,
        "method": "score fusion",
        "fused": {name: f"{method}, weight {weight:g}" for name, (weight, method) in members.items()},
        "select": ", ".join(sorted({str(part.facts["select"]) for part in parts})),
        "stamps": list(dict.fromkeys(stamp for part in parts for stamp in part.facts["stamps"])),
    }
    inputs = [{**entry, "role": f"{entry['role']} of {name}"} for name, part in zip(names, parts, strict=True) for entry in part.inputs]
    poses = next((part.poses for part in parts if part.poses is not None), None)
    return Collected(replace(first.table, predicted=np.asarray(predicted), extra={}, said={}, known={}), facts, inputs, poses=poses)


def _shares(names: Sequence[str], weights: Sequence[float] | None) -> Array:
    given = np.ones(len(names)) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(given) != len(names) or not (given > 0).all():
        raise UsageError(
            f"--weights takes one positive number per experiment, found {len(given)} for {len(names)}.", hint=f"for {', '.join(names)}"
        )
    return np.asarray(given / given.sum())


def _check_same(name: str, one: Collected, other_name: str, other: Collected) -> None:
    differing = [key for key in _SAME if one.facts[key] != other.facts[key]]
    table, second = one.table, other.table
    if not differing and (set(table.clips) != set(second.clips) or (second.of(table.clips).folds != table.folds).any()):
        differing = ["the clips of each fold"]
    if differing:
        raise UsageError(
            f"'{name}' and '{other_name}' cannot be fused: they differ in {', '.join(differing)}.",
            hint="finetune both with the same --dataset, --protocol, --seeds, --where and --task",
        )


def _classes(tables: Sequence[Table], share: Array) -> Array:
    """Return the class with the largest mean score, (seeds, N); a class that a model never saw is none of its candidates."""
    classes = tables[0].classes
    total = np.zeros((len(classes), *tables[0].predicted.shape))
    for weight, table in zip(share, tables, strict=True):
        for number, name in enumerate(classes):
            scores = table.extra.get(SCORE + name)
            total[number] += weight * np.where(np.isfinite(scores), scores, -np.inf) if scores is not None else -np.inf
    return total.argmax(axis=0).astype(np.float64)
