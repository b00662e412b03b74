"""The small charts of the page of a comparison: differences about zero, and what the runs say of one clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stages.arrays import Array
from stages.compare.paired import Difference
from stages.compare.runs import Run
from stages.evaluate.report.charts import COLOURS
from stages.evaluate.report.drawing import Axes, Drawing, padded
from stages.evaluate.table import Table

_WIDTH, _SIDE = 240.0, 10.0


def style_of(number: int) -> str:
    """Return the style class of the run with this number; beyond the colours that can be told apart all are grey."""
    return f"c{number}" if number < COLOURS else "rest"


def legend(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Return (run, style class)."""
    return [(run.name, style_of(number)) for number, run in enumerate(runs)]


def reach(differences: Sequence[Difference]) -> float:
    """Return how far from zero the differences and their intervals go."""
    values = np.array([[each.value, each.low, each.high] for each in differences])
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def about_zero(difference: Difference, far: float) -> Drawing | None:
    """Draw a difference and its interval on a line from −``far`` to ``far``; None where it is not defined."""
    if not np.isfinite(difference.value) or far <= 0:
        return None
    drawing = Drawing(120, 16, f"{difference.value:+.3g} on a line from {-far:.3g} to {far:.3g}")

    def place(value: float) -> float:
        return 60 + 54 * value / far

    drawing.line((4, 8), (116, 8), "grid")
    drawing.line((60, 2), (60, 14), "zero")
    if np.isfinite(difference.low):
        drawing.line((place(difference.low), 8), (place(difference.high), 8), "whisker")
    drawing.dot((place(difference.value), 8), 4, "point c0")
    return drawing


def on_a_line(table: Table, number: int, style: str, span: tuple[float, float]) -> Drawing:
    """Draw what a run says of a clip as a dot, from the lowest to the highest seed, and the truth as an upright line."""
    said, truth = table.predicted[:, number], float(table.truth[number])
    mean = float(said.mean())
    drawing = Drawing(_WIDTH, 24, f"predicted {mean:.4g}, true {truth:.4g}, on a line from {span[0]:.3g} to {span[1]:.3g}")

    def place(value: float) -> float:
        return _SIDE + (_WIDTH - 2 * _SIDE) * (value - span[0]) / (span[1] - span[0])

    drawing.line((_SIDE, 12), (_WIDTH - _SIDE, 12), "grid")
    drawing.line((place(truth), 0), (place(truth), 24), "truth")
    if len(said) > 1:
        drawing.line((place(float(said.min())), 12), (place(float(said.max())), 12), f"spread {style}")
    drawing.dot((place(mean), 12), 6, f"point {style}", f"predicted {mean:.4g}, true {truth:.4g}")
    return drawing


def while_training(runs: Sequence[Run]) -> list[tuple[str, Drawing]]:
    """Draw ρ of held-out clips over iterations (or epochs), a chart per fold and a line per run, its mean over seeds; alike axes.

    Folds that only one run followed are left out, as is a run that followed nothing.
    """
    folds = [fold for fold in dict.fromkeys(fold for run in runs for fold in run.followed) if sum(fold in run.followed for run in runs) > 1]
    lines = {fold: [(number, _mean_line(run.followed[fold])) for number, run in enumerate(runs) if fold in run.followed] for fold in folds}
    points = np.concatenate([line for each in lines.values() for _, line in each]) if folds else np.zeros((0, 2))
    charts = []
    for fold in folds:
        drawing = Drawing(320, 220, f"Spearman ρ of held-out clips while training, {fold}")
        across, up = (padded(float(column.min()), float(column.max())) for column in points.T)
        axes = Axes(drawing, across, up, ("iterations or epochs", "Spearman ρ"), (True, False))
        for number, line in lines[fold]:
            drawing.curve([axes.at(float(x), float(y)) for x, y in line], f"trace {style_of(number)}")
            x, y = line[-1]
            drawing.dot(axes.at(float(x), float(y)), 3, f"point {style_of(number)}", f"{runs[number].name}: {y:.4f} after {x:g}")
        charts.append((fold, drawing))
    return charts


def _mean_line(seeds: Mapping[str, Sequence[Sequence[float]]]) -> Array:
    """Return (points, 2): the mean over the seeds that followed a point."""
    at: dict[float, list[float]] = {}
    for rows in seeds.values():
        for x, y in rows:
            at.setdefault(float(x), []).append(float(y))
    return np.array([[x, np.mean(at[x])] for x in sorted(at)])
