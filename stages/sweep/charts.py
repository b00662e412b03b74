"""The figure of a sweep over one setting: a curve per method, each point with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.evaluate.names import interval_of, shown
from stages.evaluate.report.charts import COLOURS
from stages.evaluate.report.drawing import Axes, Drawing, padded
from stages.evaluate.statistics import Estimate
from stages.sweep.outcome import Sweep
from stages.sweep.points import text_of

_WIDTH, _HEIGHT = 460.0, 360.0
_APART, _FARTHEST = 9.0, 36.0
"""Distance of the dots of different curves at one value, so that none hides another; and of the first from the last of many."""
_FAR_ENOUGH = 0.12
"""Smallest gap between values, as a share of the axis, that reads well; a logarithmic axis is tried where a linear one has less."""
_TOO_NEAR = 0.04
LINEAR, LOGARITHMIC, EVEN = "linear", "logarithmic", "even"


def style_of(number: int) -> str:
    """Return the style class of the curve with this number; beyond the colours that can be told apart all are grey."""
    return f"c{number}" if number < COLOURS else "rest"


def scale_of(values: Sequence[Any]) -> tuple[str, list[float]]:
    """Return how an axis runs, and each value's place on it.

    Numbers stand where they belong, on a logarithmic axis where they would crowd on a linear one; what is no number, or still crowds,
    stands at even distances in the order in which it was given.
    """
    even = [float(number) for number in range(len(values))]
    if len(values) < 2 or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return EVEN, even
    linear = [float(value) for value in values]
    logarithmic = [math.log10(value) for value in linear] if min(linear) > 0 else []
    name, places = LINEAR, linear
    if _gap(linear) < _FAR_ENOUGH and _gap(logarithmic) > _gap(linear):
        name, places = LOGARITHMIC, logarithmic
    return (name, places) if _gap(places) >= _TOO_NEAR else (EVEN, even)


def curves(sweep: Sweep) -> Drawing:
    """Draw the figure over the values: a line per curve, at each value a dot, and a whisker from end to end of its interval."""
    axis = sweep.config.vary[0]
    _, places = scale_of(axis.values)
    drawing = Drawing(_WIDTH, _HEIGHT, f"{sweep.title} by {sweep.axis_titles[0]}, a curve per method")
    marks = sorted(zip(places, map(text_of, axis.values), strict=True))
    axes = Axes(drawing, padded(min(places), max(places), 0.08), _span(sweep), (sweep.axis_titles[0], sweep.title), marks=marks)
    count = len(sweep.curves)
    place_of = {text_of(value): place for value, place in zip(axis.values, places, strict=True)}
    for number, curve in enumerate(sweep.curves):
        aside = min(_APART, _FARTHEST / count) * (number - (count - 1) / 2)
        points = [
            (place_of[text_of(each.point.values[0])], each.estimate(sweep.figure), text_of(each.point.values[0]))
            for each in sweep.of_curve(curve)
        ]
        there = sorted((point for point in points if math.isfinite(point[1].value)), key=lambda point: point[0])
        _curve(drawing, axes, [(place, estimate, f"{curve}, {text}") for place, estimate, text in there], aside, style_of(number))
    return drawing


def _curve(drawing: Drawing, axes: Axes, points: Sequence[tuple[float, Estimate, str]], aside: float, style: str) -> None:
    def at(place: float, value: float) -> tuple[float, float]:
        x, y = axes.at(place, value)
        return x + aside, y

    for place, estimate, _ in points:
        if math.isfinite(estimate.low):
            drawing.line(at(place, estimate.low), at(place, estimate.high), f"spread wide {style}")
    drawing.curve([at(place, estimate.value) for place, estimate, _ in points], f"trace {style}")
    for place, estimate, label in points:
        title = f"{label}: {shown(estimate.value)} {interval_of(estimate)}".rstrip()
        drawing.dot(at(place, estimate.value), 5, f"point {style}", title)


def _span(sweep: Sweep) -> tuple[float, float]:
    """Return the range of all values and intervals."""
    found = np.array([[e.value, e.low, e.high] for e in (each.estimate(sweep.figure) for each in sweep.measured)])
    finite = found[np.isfinite(found)]
    return padded(float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)


def _gap(places: Sequence[float]) -> float:
    """Return the smallest distance of two places as a share of the whole; 0 for fewer than two."""
    if len(places) < 2 or max(places) == min(places):
        return 0.0
    return float(np.diff(sorted(places)).min() / (max(places) - min(places)))
