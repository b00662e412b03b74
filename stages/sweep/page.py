"""What stands on the page of a sweep: the figure, every number, and links to the reports, for the template to lay out."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stages.compare.paired import SMALLER_IS_BETTER
from stages.evaluate import names
from stages.evaluate.report import page as report
from stages.evaluate.report.charts import strip
from stages.evaluate.report.templates import filled
from stages.evaluate.write import REPORT
from stages.sweep import charts
from stages.sweep.config import LABELS
from stages.sweep.outcome import Measured, Sweep, title_of
from stages.sweep.points import text_of
from stages.version import __version__
from stages.workspace import Workspace

TEMPLATE = Path(__file__).parent / "page.html.j2"
_WITHHELD = re.compile(r"/?[\d.]+-percent-labels/seed-\d+$")


def render(sweep: Sweep, workspace: Workspace) -> str:
    """Return the page as HTML text; everything that comes from data is escaped by the template engine."""
    return filled(TEMPLATE, context(sweep, workspace))


def context(sweep: Sweep, workspace: Workspace) -> dict[str, Any]:
    """Return everything that the template shows."""
    links = {each.experiment: _link(sweep, workspace, each.experiment) for each in sweep.measured}
    curved = len(sweep.config.vary) == 1
    counts = sorted({int(each.metrics["clips"]) for each in sweep.measured})
    others = [name for name in sweep.figures if name != sweep.figure]
    return {
        "version": __version__,
        "name": sweep.name,
        "subtitle": subtitle(sweep),
        "stamps": sweep.stamps(),
        "title_of_figure": sweep.title,
        "better": "lower is better" if _lower(sweep.figure) else "",
        "by": " and ".join(sweep.axis_titles),
        "axes": sweep.axis_titles,
        "how": drawn_sentence(sweep),
        "compare": compared(sweep),
        "chart": charts.curves(sweep) if curved else None,
        "scale": charts.scale_of(sweep.config.vary[0].values)[0] if curved else "",
        "legend": [(curve, charts.style_of(number)) for number, curve in enumerate(sweep.curves)],
        "grid": _grid(sweep, links) if curved else None,
        "maps": [] if curved else _maps(sweep, links),
        "leading": _figure(sweep, sweep.figure, links),
        "figures": [_figure(sweep, name, links) for name in others],
        "clips": counts if len(counts) > 1 else [],
        "seeds": max(len(each.metrics["seeds"]) for each in sweep.measured),
        "shared": [(key.replace("_", " "), value) for key, value in _shared(sweep).items()],
        "configuration": json.dumps(sweep.config.model_dump(mode="json"), indent=2, ensure_ascii=False),
    }


def subtitle(sweep: Sweep) -> str:
    """Return what all points share of the way they were made, in one phrase; labels that are varied are their axis's business."""
    facts = [dict(each.metrics) for each in sweep.measured]
    if any(axis.key == LABELS for axis in sweep.config.vary):
        facts = [{**each, "protocol": _WITHHELD.sub("", each["protocol"]) or "default"} for each in facts]
    made = dict.fromkeys(f"{each['dataset']}, {names.made_sentence(each)}" for each in facts)
    return " · ".join(made) if len(made) <= 2 else f"{len(made)} protocols; they stand in each report"


def drawn_sentence(sweep: Sweep) -> str:
    """Return what the bootstrap drew, and how often."""
    config, first = sweep.config.evaluate, sweep.measured[0].metrics
    clips, subjects = first["clips"], first["subjects"]
    drawn = f"{clips} clips" if clips == subjects else f"{subjects} subjects, each with all clips ({clips})"
    if len({(each.metrics["clips"], each.metrics["subjects"]) for each in sweep.measured}) > 1:
        drawn = "subjects, or clips where none repeats; their numbers differ between the points"
    return f"{100 * config.confidence:g} % intervals from {config.resamples} bootstrap resamples of {drawn}."


def compared(sweep: Sweep) -> str:
    """Return the command that compares two points, for example: two curves at their last value, or a curve's first and last."""
    last = [points[-1] for points in map(sweep.of_curve, sweep.curves)]
    pair = last[:2] if len(last) > 1 else [sweep.measured[0], sweep.measured[-1]]
    return f"aqa compare {pair[0].experiment} {pair[1].experiment}" if len(sweep.measured) > 1 else ""


def _shared(sweep: Sweep) -> dict[str, str]:
    """Return the facts that are the same at all points."""
    first = sweep.measured[0].metrics
    same = {
        key: value for key, value in first.items() if key != "stamps" and all(each.metrics.get(key) == value for each in sweep.measured)
    }
    keys = ("dataset", "task", "target", "protocol", "select", "seeds", "folds", "clips", "subjects")
    return {key: names.in_words(same[key]) for key in keys if key in same}


def _link(sweep: Sweep, workspace: Workspace, experiment: str) -> str:
    target = os.path.relpath(workspace.evaluations / experiment / REPORT, sweep.folder)
    return quote(Path(target).as_posix())


def _grid(sweep: Sweep, links: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the table beside the curves: a row per value, a cell per curve."""
    rows = []
    for value in sweep.config.vary[0].values:
        cells = []
        for curve in sweep.curves:
            each = sweep.at(curve, (value,))
            cells.append({**_number(sweep, each, 3), "link": links[each.experiment]})
        rows.append({"value": text_of(value), "cells": cells})
    return rows


def _maps(sweep: Sweep, links: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a heat map per curve: rows are values of the first axis, columns of the second; all have one scale of colours."""
    down, across = sweep.config.vary
    values = [each.estimate(sweep.figure).value for each in sweep.measured]
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    best = low if _lower(sweep.figure) else high
    maps = []
    for curve in sweep.curves:
        rows = []
        for one in down.values:
            cells = []
            for other in across.values:
                each = sweep.at(curve, (one, other))
                value = each.estimate(sweep.figure).value
                share = (value - low) / (high - low) if math.isfinite(value) and high > low else 0.0
                share = 1 - share if _lower(sweep.figure) and math.isfinite(value) else share
                cells.append({**_number(sweep, each, 3), "link": links[each.experiment], "share": share, "best": value == best})
            rows.append({"value": text_of(one), "cells": cells})
        maps.append({"curve": curve, "columns": [text_of(value) for value in across.values], "rows": rows})
    return maps


def _number(sweep: Sweep, each: Measured, digits: int) -> dict[str, str]:
    estimate = each.estimate(sweep.figure)
    return {"number": names.shown(estimate.value, digits), "interval": names.interval_of(estimate, digits - 1)}


def _figure(sweep: Sweep, name: str, links: Mapping[str, str]) -> dict[str, Any]:
    """Return one figure's part of the table, a row per point."""
    found = [each.estimate(name) for each in sweep.measured]
    lowest = -1.0 if any(min(estimate.value, estimate.low) < 0 for estimate in found) else 0.0  # one line for all, to be compared
    rows = []
    for each, estimate in zip(sweep.measured, found, strict=True):
        cell = report.cell(name, estimate)
        if cell.strip is not None:
            cell = replace(cell, strip=strip(estimate, lowest))
        rows.append({"label": label_of(sweep, each), "link": links[each.experiment], "cell": cell, "clips": each.metrics["clips"]})
    return {"key": name, "title": title_of(name), "better": "lower is better" if _lower(name) else "", "rows": rows}


def label_of(sweep: Sweep, each: Measured) -> str:
    """Return ``<curve> · <axis> <value> · …``."""
    values = [f"{axis} {text_of(value)}" for axis, value in zip(sweep.axis_names, each.point.values, strict=True)]
    return " · ".join([each.point.curve, *values])


def _lower(figure: str) -> bool:
    return figure.removeprefix(names.ENSEMBLE).startswith(SMALLER_IS_BETTER)
