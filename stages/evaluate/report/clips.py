"""The worst and the best clips in the report: truth, prediction and interval of each, and strips of poses of the first of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.arrays import Array
from stages.evaluate import streams
from stages.evaluate.evaluation import Evaluation
from stages.evaluate.report import intervals
from stages.evaluate.shown import extremes
from stages.evaluate.table import Table


def sections(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the lists of clips; empty lists are left out."""
    table = evaluation.table
    found = intervals.shown(evaluation.figures.coverage)
    half = None if found is None else found.half_widths
    lists = []
    for title, places in extremes(table):
        rows = [_mistake(table, number) if table.classes else _clip(table, number, half) for number in places]
        strips = [{"row": row, "poses": evaluation.strips[row["clip"]]} for row in rows if row["clip"] in evaluation.strips]
        if rows:
            lists.append({"title": title, "rows": rows, "strips": strips})
    return lists


def _clip(table: Table, number: int, half: Array | None) -> dict[str, Any]:
    value, truth = float(table.ensemble[number]), float(table.truth[number])
    reach = None if half is None else float(half[number])
    return {
        "clip": str(table.clips[number]),
        "group": str(table.groups[number]),
        "truth": f"{truth:.4g}",
        "predicted": f"{value:.4g}",
        "error": f"{value - truth:+.3g}",
        "interval": "" if reach is None else f"{value - reach:.4g} to {value + reach:.4g}",
        "missed": reach is not None and abs(value - truth) > reach,
        "picked": streams.pick_of(table, number),
    }


def _mistake(table: Table, number: int) -> dict[str, Any]:
    labels, counts = np.unique(table.predicted[:, number], return_counts=True)
    wrong = int((table.predicted[:, number] != table.truth[number]).sum())
    return {
        "clip": str(table.clips[number]),
        "truth": table.classes[int(table.truth[number])],
        "predicted": table.classes[int(labels[counts.argmax()])],
        "wrong": f"{wrong} of {len(table.seeds)}",
    }
