"""Intervals around the predictions in the report: the band in the scatter, and nominal beside observed coverage.  N clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.evaluate.coverage import Coverage
from stages.evaluate.names import percent
from stages.evaluate.report.drawing import Axes, Drawing
from stages.evaluate.table import Table

SHOWN = 0.9
"""Nominal confidence of the intervals that are drawn and listed."""


def shown(coverage: tuple[Coverage, ...]) -> Coverage | None:
    """Return the coverage of the intervals that are drawn; None where there are none."""
    return next((each for each in coverage if each.confidence == SHOWN), None)


def band(drawing: Drawing, axes: Axes, table: Table, half_widths: Array, style: Mapping[str, str]) -> None:
    """Shade, for each class, the places at which its mean interval holds the truth: so far above and below the line of equal scores.

    A single class fills the chart; of several, each fills the range of its own true scores.
    """
    single = len(style) == 1
    for name, css in style.items():
        members = table.groups == name
        half, truth = float(half_widths[members].mean()), table.truth[members]
        left, right = axes.x if single else (float(truth.min()), float(truth.max()))
        if left < right:
            drawing.area([axes.at(x, y) for x, y in _outline(left, right, half, axes.y)], f"band {css}")


def _outline(left: float, right: float, half: float, across: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the corners of |y − x| ≤ half between ``left`` and ``right``, cut to the range ``across`` of the chart."""
    low, high = across
    corners = sorted({left, right, *(x for x in (low + half, high - half) if left < x < right)})
    upper = [(x, min(x + half, high)) for x in corners]
    lower = [(x, max(x - half, low)) for x in corners]
    return upper + lower[::-1]


def section(table: Table, coverage: tuple[Coverage, ...]) -> dict[str, Any] | None:
    """Return the table of nominal and observed coverage, its chart, and what must be said of them; None where nothing was measured."""
    if not coverage:
        return None
    span = float(np.ptp(table.truth))
    rows = [
        {
            "nominal": percent(each.confidence),
            "observed": percent(each.share, 1),
            "interval": f"[{100 * each.low:.1f}, {100 * each.high:.1f}]",
            "width": f"{each.width:.4g}",
            "share": f"{percent(each.width / span)} of the true range" if span > 0 else "",
        }
        for each in coverage
    ]
    apart = "of the other folds" if len(set(table.folds.tolist())) > 1 else "of other subjects"
    clusters = len(set(table.clusters.tolist()))
    return {
        "rows": rows,
        "chart": chart(coverage),
        "apart": apart,
        "subjects": clusters if clusters < len(table) else 0,
        "off": [_off(each) for each in coverage if not each.low <= each.confidence <= each.high],
    }


def _off(each: Coverage) -> str:
    what = "too narrow" if each.high < each.confidence else "wider than they need be"
    return f"intervals of {percent(each.confidence)} were {what} on these clips"


def chart(coverage: tuple[Coverage, ...]) -> Drawing:
    """Draw observed against nominal coverage with its binomial interval, in per cent."""
    drawing = Drawing(460, 300, "observed against nominal coverage of the intervals, in per cent")
    low = 100 * min(each.low for each in coverage)
    floor = min(75.0, low - 2)
    axes = Axes(drawing, (floor, 100), (floor, 100), ("nominal coverage, %", "observed coverage, %"))
    axes.identity()
    for each in coverage:
        x = 100 * each.confidence
        drawing.line(axes.at(x, 100 * each.low), axes.at(x, 100 * each.high), "whisker")
        title = f"intervals of {percent(each.confidence)} hold the truth in {percent(each.share, 1)} of the clips"
        drawing.dot(axes.at(x, 100 * each.share), 5, "point c0", title)
    return drawing
