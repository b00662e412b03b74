"""What a comparison leaves behind: compare.html, compare.json and compare.csv in one folder."""

from __future__ import annotations

import csv
import io
import json

from stages.artifacts import store
from stages.compare.comparison import Comparison
from stages.compare.page import render

PAGE, FIGURES, TABLE = "compare.html", "compare.json", "compare.csv"


def everything(comparison: Comparison) -> None:
    """Write the page, the figures, and the figures as a table."""
    assert comparison.folder is not None
    texts = {
        FIGURES: json.dumps(comparison.to_json(), indent=1, allow_nan=False),
        TABLE: as_csv(comparison),
        PAGE: render(comparison),
    }
    for name, text in texts.items():
        with store.replacing_path(comparison.folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def as_csv(comparison: Comparison) -> str:
    """Return the rows of the comparison as CSV text."""
    rows = list(comparison.rows())
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
