"""Drawings: marks with their place and style, which the page's template writes as inline SVG and escapes; and axes to place them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mark:
    """One SVG element: its tag, attributes, style class, tooltip and text."""

    tag: str
    attributes: Mapping[str, float | str]
    css: str
    title: str = ""
    text: str = ""


@dataclass
class Drawing:
    """A picture of ``width`` × ``height`` units; ``label`` says in words what it shows."""

    width: float
    height: float
    label: str
    marks: list[Mark] = field(default_factory=list)

    def line(self, start: tuple[float, float], end: tuple[float, float], css: str) -> None:
        """Draw a straight line."""
        (x1, y1), (x2, y2) = start, end
        self.marks.append(Mark("line", {"x1": _r(x1), "y1": _r(y1), "x2": _r(x2), "y2": _r(y2)}, css))

    def dot(self, centre: tuple[float, float], radius: float, css: str, title: str = "") -> None:
        """Draw a dot."""
        self.marks.append(Mark("circle", {"cx": _r(centre[0]), "cy": _r(centre[1]), "r": radius}, css, title))

    def bar(self, corner: tuple[float, float], width: float, height: float, css: str, title: str = "") -> None:
        """Draw a rectangle by its upper left corner."""
        size: dict[str, float | str] = {"x": _r(corner[0]), "y": _r(corner[1]), "width": _r(width), "height": _r(height)}
        self.marks.append(Mark("rect", size, css, title))

    def curve(self, points: Sequence[tuple[float, float]], css: str) -> None:
        """Draw a line through points."""
        self.marks.append(Mark("polyline", {"points": _joined(points)}, css))

    def area(self, points: Sequence[tuple[float, float]], css: str) -> None:
        """Fill what lies between corners."""
        self.marks.append(Mark("polygon", {"points": _joined(points)}, css))

    def text(self, place: tuple[float, float], text: str, css: str = "", *, anchor: str = "start", upright: bool = False) -> None:
        """Write text; ``upright`` turns it to read from bottom to top."""
        attributes: dict[str, float | str] = {"x": _r(place[0]), "y": _r(place[1]), "text-anchor": anchor}
        if upright:
            attributes["transform"] = f"rotate(-90 {_r(place[0])} {_r(place[1])})"
        self.marks.append(Mark("text", attributes, css, text=text))


class Axes:
    """The frame of a chart: data in, places in the drawing out.

    Args:
        drawing: what to draw on.
        x: range of the data from left to right.
        y: range of the data from bottom to top.
        names: of the two axes.
        whole: whether ticks of the two axes stand at whole numbers only.
        marks: (place, text) of the ticks from left to right, where they are not to be round numbers.
    """

    RIGHT, TOP, BOTTOM = 12.0, 12.0, 44.0

    def __init__(
        self,
        drawing: Drawing,
        x: tuple[float, float],
        y: tuple[float, float],
        names: tuple[str, str],
        whole: tuple[bool, bool] = (False, False),
        marks: Sequence[tuple[float, str]] | None = None,
    ) -> None:
        self.drawing, self.x, self.y = drawing, x, y
        levels = ticks(*y, whole=whole[1])
        self.left = 32 + 7 * max((len(f"{value:g}") for value in levels), default=0)
        self.right = drawing.width - self.RIGHT
        self.top, self.bottom = self.TOP, drawing.height - self.BOTTOM
        for value, text in [(value, f"{value:g}") for value in ticks(*x, whole=whole[0])] if marks is None else marks:
            place = self.at(value, y[0])[0]
            drawing.line((place, self.top), (place, self.bottom), "grid")
            drawing.text((place, self.bottom + 16), text, "tick", anchor="middle")
        for value in levels:
            place = self.at(x[0], value)[1]
            drawing.line((self.left, place), (self.right, place), "grid")
            drawing.text((self.left - 6, place + 4), f"{value:g}", "tick", anchor="end")
        drawing.text(((self.left + self.right) / 2, drawing.height - 8), names[0], "axis", anchor="middle")
        drawing.text((14, (self.top + self.bottom) / 2), names[1], "axis", anchor="middle", upright=True)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a data point."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def identity(self) -> None:
        """Draw the line on which both coordinates are equal."""
        low, high = max(self.x[0], self.y[0]), min(self.x[1], self.y[1])
        if low < high:
            self.drawing.line(self.at(low, low), self.at(high, high), "identity")


def padded(low: float, high: float, share: float = 0.05) -> tuple[float, float]:
    """Return a range a little wider than ``low`` to ``high``; never empty."""
    margin = (high - low) * share or abs(low) * share or 1.0
    return low - margin, high + margin


def ticks(low: float, high: float, *, count: int = 5, whole: bool = False) -> list[float]:
    """Return about ``count`` round numbers between ``low`` and ``high``."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    if whole:
        step = max(1.0, float(math.ceil(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_r(x)},{_r(y)}" for x, y in points)


def _r(value: float) -> float:
    return round(float(value), 2)
