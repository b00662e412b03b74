"""The outcome of a sweep, as the command prints it, the page shows it and ``sweep.json`` holds it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stages.engine.plan import Summary
from stages.errors import UsageError
from stages.evaluate import names
from stages.evaluate.statistics import Estimate
from stages.sweep.config import LABELS, SweepConfig
from stages.sweep.points import Point, short_keys, text_of

_LEADING = ("accuracy", *names.HEADLINES)
"""The figure that is drawn is the first of these that is defined at every point; levels have an order too, but lead with accuracy."""


@dataclass(frozen=True)
class Measured:
    """A point's experiment and the content of its ``metrics.json``."""

    point: Point
    experiment: str
    metrics: Mapping[str, Any]

    def estimate(self, figure: str) -> Estimate:
        """Return a figure; NaN where it is not defined."""
        said = self.metrics["overall"][figure]
        value, low, high = (_number(said[key]) for key in ("value", "low", "high"))
        return Estimate(value, low, high, tuple(map(_number, said["seeds"])))


@dataclass(frozen=True)
class Sweep:
    """A sweep's outcome.

    Attributes:
        name: of the sweep.
        config: what was varied and shared.
        folder: where it is, or would be, written.
        trained: which models were trained and which were there; ids are ``<experiment>/<fold>/<seed>``.
        evaluated: experiments that were evaluated now, or would be.
        measured: every point with its figures; empty for a dry run, and for one of several shards.
    """

    name: str
    config: SweepConfig
    folder: Path
    trained: Summary
    evaluated: Sequence[str] = ()
    measured: Sequence[Measured] = ()

    @property
    def curves(self) -> list[str]:
        """The names of the curves."""
        return list(dict.fromkeys(self.config.methods))

    @property
    def axis_names(self) -> list[str]:
        """What the axes are called."""
        return short_keys(self.config.vary)

    @property
    def axis_titles(self) -> list[str]:
        """What the axes are called in the figure."""
        keys = [axis.key for axis in self.config.vary]
        return ["labels, %" if key == LABELS else name for key, name in zip(keys, self.axis_names, strict=True)]

    @cached_property
    def figures(self) -> list[str]:
        """The names of the figures that every point has."""
        return [name for name in names.TITLES if all(name in each.metrics["overall"] for each in self.measured)]

    @cached_property
    def figure(self) -> str:
        """The name of the figure that is drawn.

        Raises:
            UsageError: the one that is asked for is not there.
        """
        if self.config.figure is not None:
            if self.config.figure not in self.figures:
                raise UsageError(
                    f"The experiments of this sweep have no figure '{self.config.figure}'.", hint=f"there are: {', '.join(self.figures)}"
                )
            return self.config.figure
        there = [name for name in _LEADING if name in self.figures]
        defined = (name for name in there if all(math.isfinite(each.estimate(name).value) for each in self.measured))
        return next(defined, there[0])

    @property
    def title(self) -> str:
        """What the figure that is drawn is called."""
        return title_of(self.figure)

    def at(self, curve: str, values: tuple[Any, ...]) -> Measured:
        """Return one point."""
        return next(each for each in self.measured if (each.point.curve, each.point.values) == (curve, values))

    def of_curve(self, curve: str) -> list[Measured]:
        """Return the points of a curve."""
        return [each for each in self.measured if each.point.curve == curve]

    def stamps(self) -> list[str]:
        """Return what must be known to read the figures, and of which experiments."""
        found: dict[str, list[str]] = {}
        for each in self.measured:
            for stamp in each.metrics.get("stamps", ()):
                found.setdefault(stamp, []).append(each.experiment)
        return [
            stamp if len(experiments) == len(self.measured) else f"{', '.join(experiments)}: {stamp}"
            for stamp, experiments in found.items()
        ]

    def table(self) -> list[list[str]]:
        """Return a row per point: curve, values, the figure that is drawn, its interval, deviation over seeds, clips."""
        rows = []
        for each in self.measured:
            estimate = each.estimate(self.figure)
            deviation = f"{estimate.deviation:.4f}" if math.isfinite(estimate.deviation) else ""
            cells = [names.shown(estimate.value), names.interval_of(estimate), deviation, str(each.metrics["clips"])]
            rows.append([each.point.curve, *map(text_of, each.point.values), *cells])
        return rows

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of ``sweep.csv``: one per point and figure; what is not defined is empty."""
        for each in self.measured:
            values = {axis.key: text_of(value) for axis, value in zip(self.config.vary, each.point.values, strict=True)}
            for figure, said in each.metrics["overall"].items():
                yield {
                    "experiment": each.experiment,
                    "curve": each.point.curve,
                    **values,
                    "figure": figure,
                    **{key: said[key] for key in ("value", "low", "high", "sd_over_seeds")},
                    "clips": each.metrics["clips"],
                }

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``sweep.json``."""
        return {
            "name": self.name,
            "config": self.config.model_dump(mode="json"),
            "figure": self.figure if self.measured else None,
            "points": [
                {
                    "experiment": each.experiment,
                    "curve": each.point.curve,
                    "method": each.point.config.method,
                    "values": {axis.key: value for axis, value in zip(self.config.vary, each.point.values, strict=True)},
                    **{key: each.metrics[key] for key in ("protocol", "select", "seeds", "clips", "stamps", "overall")},
                }
                for each in self.measured
            ],
        }


def title_of(figure: str) -> str:
    """Return what a figure is called where it stands alone."""
    title = names.TITLES[figure].strip()
    return title[1:-1] if figure in names.BASELINES else title


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
