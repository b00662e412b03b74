"""What a sweep leaves behind: sweep.html, sweep.json and sweep.csv in one folder."""

from __future__ import annotations

import csv
import io
import json

from stages.artifacts import store
from stages.sweep.outcome import Sweep
from stages.sweep.page import render
from stages.workspace import Workspace

PAGE, POINTS, TABLE = "sweep.html", "sweep.json", "sweep.csv"


def everything(sweep: Sweep, workspace: Workspace) -> None:
    """Write the page, which links to the reports in ``workspace``, the points, and the points as a table."""
    texts = {
        POINTS: json.dumps(sweep.to_json(), indent=1, allow_nan=False),
        TABLE: as_csv(sweep),
        PAGE: render(sweep, workspace),
    }
    for name, text in texts.items():
        with store.replacing_path(sweep.folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def as_csv(sweep: Sweep) -> str:
    """Return the rows of the sweep as CSV text."""
    rows = list(sweep.rows())
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
