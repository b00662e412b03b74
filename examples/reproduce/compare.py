#!/usr/bin/env python3
"""Print a paper's figures beside the ones that were measured here, from the ``metrics.json`` of ``aqa evaluate``.

    compare.py --title "Table 2" --csv table-2.csv "CoRe=0.8663=-" "2M-AF=0.8838=unlv-dive-2m-af"

A row is ``LABEL=PAPER=NAME[:FIGURE]``:

* PAPER is what the paper prints, digit by digit (it may be negative); behind it stands ``%`` where the paper prints shares in per cent,
  ``M`` or ``G`` where it prints millions or thousand millions.  Measured figures are printed alike.  A ``-`` (``-M`` …) is a figure that
  the paper does not have.
* NAME is an evaluation in the workspace, or a JSON file (``aqa profile --json``); a ``-`` is a row that is not measured here.  Several
  evaluations, ``a,b,c``, stand for the arithmetic mean of their figures, which has no interval.
* FIGURE is the name of an overall figure (``spearman_pooled``) or a path into the file (``per_class/diving/spearman``, ``0/flops``); a
  part of a path with commas (``per_class/diving,gym_vault/spearman``) means the arithmetic mean over those names, without an interval.
  Without, it is the figure that leads the evaluation's report.

Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

HEADLINES = ("spearman_fisher_mean", "spearman", "accuracy", "spearman_pooled")
"""The figure that leads is the first of these that is defined, as in the report of ``aqa evaluate``."""
FACTORS = {"": 1.0, "%": 100.0, "M": 1e-6, "G": 1e-9}
COLUMNS = ("", "paper", "measured", "95 % interval", "sd over seeds", "clips")
NONE = "-"
_PAPER = re.compile(r"(?P<number>-?\d+(?:\.(?P<decimals>\d+))?|-)(?P<unit>[%MG]?)")


class RowError(Exception):
    """A row that cannot be read, or whose figure is not there."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        label: what the paper calls it.
        paper: its figure as printed; ``-`` where there is none.
        unit: ``%``, ``M``, ``G`` or nothing.
        decimals: how many the paper prints; of a figure that it lacks, four, or two where there is a unit.
        name: of the evaluation, or of several with commas between them, or a JSON file; ``-`` where nothing is measured.
        figure: which figure of it; empty for the one that leads.
    """

    label: str
    paper: str
    unit: str
    decimals: int
    name: str
    figure: str


@dataclass(frozen=True)
class Measured:
    """A figure with its interval; None for what the file does not say."""

    value: float | None
    low: float | None = None
    high: float | None = None
    deviation: float | None = None
    clips: int | None = None
    stamps: tuple[str, ...] = ()


def parse(text: str) -> Row:
    """Read one row.

    Raises:
        RowError: it has another form.
    """
    parts = text.rsplit("=", 2)  # a label may hold a '='
    match = _PAPER.fullmatch(parts[1]) if len(parts) == 3 else None
    if match is None or not parts[0] or not parts[2]:
        raise RowError(f"a row is LABEL=PAPER=NAME[:FIGURE], found '{text}'")
    name, _, figure = parts[2].partition(":")
    number, unit = match["number"], match["unit"]
    decimals = len(match["decimals"] or "") if number != NONE else 2 if unit else 4
    return Row(parts[0], number, unit, decimals, name, figure)


def measured(row: Row, evaluations: Path, suffix: str = "") -> Measured | None:
    """Return the row's figure; None where it is not measured here.

    Args:
        row: the row.
        evaluations: folder of the evaluations.
        suffix: behind every evaluation's name.

    Raises:
        RowError: the file is not there, or has no such figure.
    """
    if row.name == NONE:
        return None
    if "," in row.name:
        return _mean([measured(replace(row, name=name), evaluations, suffix) for name in row.name.split(",")])
    if several := next((key for key in row.figure.split("/") if "," in key), ""):
        return _mean([measured(replace(row, figure=row.figure.replace(several, name)), evaluations, suffix) for name in several.split(",")])
    path = Path(row.name) if row.name.endswith(".json") else evaluations / f"{row.name}{suffix}" / "metrics.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RowError(f"'{row.label}': there is no {path}") from None
    except ValueError:
        raise RowError(f"'{row.label}': {path} is damaged") from None
    found = _at(document, row, path)
    if not isinstance(found, dict):
        return Measured(found)
    clips = _parent(document, row.figure).get("clips", document.get("clips"))
    return Measured(found["value"], found["low"], found["high"], found["sd_over_seeds"], clips, tuple(document.get("stamps", ())))


def _mean(found: Sequence[Measured | None]) -> Measured:
    there = [one for one in found if one is not None]
    values = [one.value for one in there if one.value is not None]
    mean = sum(values) / len(values) if len(values) == len(there) else None
    clips = sum(one.clips or 0 for one in there)
    return Measured(mean, clips=clips, stamps=tuple(dict.fromkeys(stamp for one in there for stamp in one.stamps)))


def _at(document: Any, row: Row, path: Path) -> Any:
    if not row.figure:
        overall = document.get("overall", {}) if isinstance(document, dict) else {}
        there = [name for name in HEADLINES if name in overall]
        if not there:
            raise RowError(f"'{row.label}': {path} is no evaluation; name a figure")
        return next((overall[name] for name in there if overall[name]["value"] is not None), overall[there[0]])
    place = document
    for key in _keys(row.figure):
        try:
            place = place[int(key)] if isinstance(place, list) else place[key]
        except (KeyError, IndexError, TypeError, ValueError):
            known = ", ".join(map(str, place if isinstance(place, dict) else range(len(place)) if isinstance(place, list) else ()))
            raise RowError(f"'{row.label}': {path} has no '{row.figure}': no '{key}' among {known or 'nothing'}") from None
    return place


def _keys(figure: str) -> list[str]:
    return figure.split("/") if "/" in figure else ["overall", figure]


def _parent(document: Any, figure: str) -> dict[str, Any]:
    """Return the part of the document that the figure is one of: a class has clips of its own."""
    place = document
    for key in _keys(figure)[:-1] if figure else ():
        place = place[int(key)] if isinstance(place, list) else place[key]
    return place if isinstance(place, dict) else {}


def cells(row: Row, found: Measured | None) -> list[str]:
    """Return the row as text, column by column."""
    paper = NONE if row.paper == NONE else f"{row.paper}{row.unit}"
    if found is None:
        return [row.label, paper, "", "", "", ""]

    def shown(value: float | None) -> str:
        return "not defined" if value is None else f"{value * FACTORS[row.unit]:.{row.decimals}f}"

    interval = f"[{shown(found.low)}, {shown(found.high)}]" if found.low is not None else ""
    unit = "" if found.value is None else row.unit
    deviation = "" if found.deviation is None else shown(found.deviation)
    return [row.label, paper, f"{shown(found.value)}{unit}", interval, deviation, "" if found.clips is None else str(found.clips)]


def main() -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("AQA_WORKSPACE", "aqa-workspace"))
    parser.add_argument("--workspace", type=Path, default=default, help="default: $AQA_WORKSPACE, else aqa-workspace")
    parser.add_argument("--suffix", default="", help="behind the name of every evaluation")
    parser.add_argument("--title", default="", help="printed above")
    parser.add_argument("--csv", type=Path, help="file to write the same table to")
    parser.add_argument("rows", nargs="+", metavar="LABEL=PAPER=NAME[:FIGURE]")
    given = parser.parse_args()
    try:
        rows = [parse(text) for text in given.rows]
        found = [measured(row, given.workspace / "evaluations", given.suffix) for row in rows]
    except RowError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    table = [cells(row, one) for row, one in zip(rows, found, strict=True)]
    widths = [max(len(line[number]) for line in [list(COLUMNS), *table]) for number in range(len(COLUMNS))]
    if given.title:
        print(f"\n{given.title}")
    for line in [list(COLUMNS), *table]:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
    for stamp in dict.fromkeys(stamp for one in found if one for stamp in one.stamps):
        print(f"NOTE: {stamp}")
    if given.csv:
        given.csv.parent.mkdir(parents=True, exist_ok=True)
        with given.csv.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["row", *COLUMNS[1:]], *table])
        print(f"also in {given.csv}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
