"""The charts of the report, each a :class:`Drawing`.  N clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stages.arrays import Array
from stages.evaluate.evaluation import Curves
from stages.evaluate.report import intervals
from stages.evaluate.report.drawing import Axes, Drawing, padded
from stages.evaluate.statistics import Estimate
from stages.evaluate.table import Table

COLOURS = 8
"""Colours that can be told apart; with more classes the smallest share grey."""
OTHERS = "other classes"
_DETAILED = 1500
"""Up to this many clips, points carry tooltips and seed bars; beyond, the page would grow to many megabytes."""


def colours(table: Table) -> dict[str, str]:
    """Return class → style class; where there are too many classes, the largest get the colours."""
    names, counts = np.unique(table.groups, return_counts=True)
    if len(names) <= COLOURS:
        return {str(name): f"c{number}" for number, name in enumerate(names)}
    largest = sorted(range(len(names)), key=lambda number: (-int(counts[number]), str(names[number])))[: COLOURS - 1]
    kept = {str(names[number]): f"c{place}" for place, number in enumerate(sorted(largest))}
    return {str(name): kept.get(str(name), "rest") for name in names}


def legend(colours: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (class, style) for a legend; empty for one class."""
    if len(colours) == 1:
        return []
    shown = [(name, style) for name, style in colours.items() if style != "rest"]
    return shown + ([(OTHERS, "rest")] if len(shown) < len(colours) else [])


def span(table: Table) -> tuple[float, float]:
    """Return a range a little wider than that of true and predicted scores."""
    return padded(float(min(table.truth.min(), table.predicted.min())), float(max(table.truth.max(), table.predicted.max())))


def scatter(table: Table, style: Mapping[str, str], both: tuple[float, float] | None = None, half_widths: Array | None = None) -> Drawing:
    """Draw predicted against true scores: one point per clip, its mean over seeds, with a bar from the lowest seed to the highest.

    Args:
        table: the predictions.
        style: class → style class.
        both: the range of the two axes, so that several charts can share it; by default the table's own :func:`span`.
        half_widths: (N,) of the clips' intervals: a band shows where they hold the truth, a ring a clip whose own does not.
    """
    drawing = Drawing(460, 460, "predicted against true scores, one point per clip")
    both = both or span(table)
    axes = Axes(drawing, both, both, ("true score", "predicted score"))
    if half_widths is not None:
        intervals.band(drawing, axes, table, half_widths, style)
    axes.identity()
    mean, low, high = table.ensemble, table.predicted.min(axis=0), table.predicted.max(axis=0)
    missed = np.abs(mean - table.truth) > (np.inf if half_widths is None else half_widths)
    detailed = len(table) <= _DETAILED
    if detailed and len(table.seeds) > 1:
        for number in range(len(table)):
            truth = float(table.truth[number])
            css = f"spread {style[str(table.groups[number])]}"
            drawing.line(axes.at(truth, float(low[number])), axes.at(truth, float(high[number])), css)
    radius = 4.0 if len(table) <= 200 else 3.0 if len(table) <= _DETAILED else 2.0
    ring = " missed" if len(table) <= 200 else " missed thin"
    for number in range(len(table)):
        truth, value, group = float(table.truth[number]), float(mean[number]), str(table.groups[number])
        named = f", {group}" if len(style) > 1 else ""
        around = "" if half_widths is None else f" ± {half_widths[number]:.3g}"
        title = f"{table.clips[number]}{named}: true {truth:.4g}, predicted {value:.4g}{around}" if detailed else ""
        drawing.dot(axes.at(truth, value), radius, f"point {style[group]}{ring if missed[number] else ''}", title)
    return drawing


def residuals(errors: Array) -> Drawing:
    """Draw the histogram of predicted − true."""
    drawing = Drawing(460, 300, "histogram of predicted minus true scores")
    count = int(np.clip(np.ceil(2 * len(errors) ** (1 / 3)), 5, 40))
    low, high = (float(errors.min()), float(errors.max())) if np.ptp(errors) > 0 else padded(float(errors[0]), float(errors[0]))
    heights, edges = np.histogram(errors, bins=count, range=(low, high))
    axes = Axes(drawing, padded(low, high, 0.03), (0, max(1, int(heights.max())) * 1.05), ("predicted − true", "clips"), (False, True))
    for number, height in enumerate(heights):
        left, right = axes.at(float(edges[number]), 0)[0], axes.at(float(edges[number + 1]), 0)[0]
        top = axes.at(0, float(height))[1]
        title = f"{edges[number]:.3g} to {edges[number + 1]:.3g}: {height} clip{'s' if height != 1 else ''}"
        drawing.bar((left + 0.75, top), max(right - left - 1.5, 0.5), axes.bottom - top, "bar", title)
    if axes.x[0] < 0 < axes.x[1]:
        drawing.line(axes.at(0, axes.y[0]), axes.at(0, axes.y[1]), "identity")
    return drawing


def calibration(truth: Array, predicted: Array) -> Drawing | None:
    """Draw the mean true score (± its standard error) of clips in equal parts by predicted score; None for fewer than ten clips."""
    if len(truth) < 10:
        return None
    drawing = Drawing(460, 300, "mean true score by predicted score, in equal parts of the clips")
    parts = np.array_split(np.argsort(predicted, kind="stable"), 10 if len(truth) >= 100 else 5)
    means = [(float(predicted[part].mean()), float(truth[part].mean())) for part in parts]
    errors = [float(truth[part].std(ddof=1) / np.sqrt(len(part))) for part in parts]
    low = min(min(x, y - error) for (x, y), error in zip(means, errors, strict=True))
    high = max(max(x, y + error) for (x, y), error in zip(means, errors, strict=True))
    axes = Axes(drawing, padded(low, high), padded(low, high), ("mean predicted score", "mean true score"))
    axes.identity()
    drawing.curve([axes.at(x, y) for x, y in means], "curve faint")
    for (x, y), error, part in zip(means, errors, parts, strict=True):
        drawing.line(axes.at(x, y - error), axes.at(x, y + error), "spread c0")
        drawing.dot(axes.at(x, y), 5, "point c0", f"{len(part)} clips: predicted {x:.4g}, true {y:.4g} ± {error:.2g} on average")
    return drawing


def strip(estimate: Estimate, low: float) -> Drawing | None:
    """Draw a figure and its interval on a line from ``low`` to 1; None where it is not defined."""
    if not np.isfinite(estimate.value):
        return None
    drawing = Drawing(120, 16, f"{estimate.value:.2f} on a line from {low:g} to 1")

    def place(value: float) -> float:
        return 4 + 112 * (min(max(value, low), 1) - low) / (1 - low)

    drawing.line((4, 8), (116, 8), "grid")
    drawing.line((place(0), 3), (place(0), 13), "grid")
    if np.isfinite(estimate.low):
        drawing.line((place(estimate.low), 8), (place(estimate.high), 8), "whisker")
    drawing.dot((place(estimate.value), 8), 4, "point c0")
    return drawing


def training(curves: Curves) -> list[tuple[str, Drawing]]:
    """Draw one small chart per term: every model thin, their mean thick while at least half of them still train."""
    charts = []
    for term in sorted(curves, key=lambda name: (name == "lr", name == "validation")):
        rows = [np.asarray(row, dtype=float) for row in curves[term]]
        longest = max((len(row) for row in rows), default=0)
        values = np.full((len(rows), longest), np.nan)
        for number, row in enumerate(rows):
            values[number, : len(row)] = row
        finite = values[np.isfinite(values)]
        if longest < 2 or not len(finite):
            continue
        drawing = Drawing(320, 220, f"{term} over epochs")
        axes = Axes(drawing, (1, longest), padded(float(finite.min()), float(finite.max())), ("epoch", term), (True, False))
        if len(rows) > 1:
            for row in rows:
                _epochs(drawing, axes, row, "curve faint")
        there = np.isfinite(values).sum(axis=0)
        total = np.where(np.isfinite(values), values, 0).sum(axis=0)
        mean = np.divide(total, there, out=np.full(longest, np.nan), where=2 * there >= len(rows))
        _epochs(drawing, axes, mean, "curve")
        charts.append((term, drawing))
    return charts


def _epochs(drawing: Drawing, axes: Axes, row: Array | Sequence[float], css: str) -> None:
    drawing.curve([axes.at(epoch, float(value)) for epoch, value in enumerate(row, start=1) if np.isfinite(value)], css)
