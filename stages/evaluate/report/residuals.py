"""Residuals by group in the report: a table and a strip for every column of the manifest that tells groups of clips apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.evaluate.groups import FEWEST, FEWEST_SUBJECTS, Group, Grouping, Groups
from stages.evaluate.names import shown
from stages.evaluate.report.drawing import Drawing
from stages.evaluate.statistics import Estimate

_WIDTH, _MARGIN = 240.0, 6.0


def section(found: Groups | None, confidence: float) -> dict[str, Any] | None:
    """Return the tables, and what must be said of so many of them; None where no column tells groups apart."""
    if found is None:
        return None
    groups = [group for grouping in found.columns for group in grouping.groups]
    reach = max(abs(value) for group in (*groups, found.everyone) for value in (group.bias.value, *_ends(group.bias)))
    measured = [group for group in groups if _ends(group.bias)]
    apart = sum(group.apart for group in measured)
    columns = f"{len(found.columns)} column{'s' if len(found.columns) != 1 else ''}"
    return {
        "everyone": _row(found.everyone, reach or 1.0),
        "tables": [_table(grouping, reach or 1.0) for grouping in found.columns],
        "looked": f"{len(groups)} groups in {columns} were looked at, {len(measured)} of them with an interval; {apart} of the intervals "
        f"exclude{'s' if apart == 1 else ''} 0. Nothing is corrected for their number: of {len(measured)} groups without any bias "
        f"{len(measured) * (1 - confidence):.2g} would show one by chance on average.",
        "fewest": FEWEST,
        "few_subjects": FEWEST_SUBJECTS if len(measured) < len(groups) else 0,
        "of_one": any(group.subjects == 1 and group.clips > 1 for group in groups),
        "several": any(group.subjects not in (1, group.clips) for group in groups),
    }


def _ends(estimate: Estimate) -> tuple[float, ...]:
    return (estimate.low, estimate.high) if np.isfinite(estimate.low) else ()


def _table(grouping: Grouping, reach: float) -> dict[str, Any]:
    notes = []
    if len(grouping.columns) > 1:
        notes.append(f"{', '.join(grouping.columns[1:])} tell{'s' if len(grouping.columns) == 2 else ''} the same clips apart")
    if grouping.small:
        listed = ", ".join(grouping.small[:8]) + (" …" if len(grouping.small) > 8 else "")
        notes.append(f"left out for their few clips: {listed}")
    return {"column": grouping.columns[0], "rows": [_row(group, reach) for group in grouping.groups], "notes": "; ".join(notes)}


def _row(group: Group, reach: float) -> dict[str, Any]:
    return {
        "name": group.name,
        "clips": group.clips,
        "subjects": group.subjects,
        "bias": _signed(group.bias.value),
        "interval": f"[{_signed(group.bias.low)}, {_signed(group.bias.high)}]" if np.isfinite(group.bias.low) else "",
        "mae": f"{group.mae.value:.3g}",
        "mae_interval": f"[{group.mae.low:.3g}, {group.mae.high:.3g}]" if np.isfinite(group.mae.low) else "",
        "apart": "" if not group.apart else "too high" if group.bias.value > 0 else "too low",
        "strip": strip(group, reach),
    }


def _signed(value: float) -> str:
    return f"{value:+.3g}" if np.isfinite(value) else shown(value)


def strip(group: Group, reach: float) -> Drawing:
    """Draw a group's bias and its interval on a line from −reach to reach, with 0 in the middle."""
    drawing = Drawing(_WIDTH, 18, f"mean error of {group.name}: {_signed(group.bias.value)} on a line from {-reach:.3g} to {reach:.3g}")

    def place(value: float) -> float:
        return _WIDTH / 2 + (_WIDTH / 2 - _MARGIN) * value / reach

    drawing.line((_MARGIN, 9), (_WIDTH - _MARGIN, 9), "grid")
    drawing.line((place(0), 2), (place(0), 16), "zero")
    if ends := _ends(group.bias):
        drawing.line((place(ends[0]), 9), (place(ends[1]), 9), f"whisker{' apart' if group.apart else ''}")
    drawing.dot((place(group.bias.value), 9), 4, f"point {'c3' if group.apart else 'c0'}")
    return drawing
