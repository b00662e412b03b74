"""What an examination leaves behind: examine.html, examine.json and examine.csv in one folder."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from pathlib import Path

from stages.artifacts import store
from stages.evaluate import names
from stages.evaluate.report.templates import filled
from stages.examine.examination import Examination
from stages.version import __version__
from stages.video import writer

PAGE, FIGURES, TABLE = "examine.html", "examine.json", "examine.csv"
TEMPLATE = Path(__file__).parent / "page.html.j2"


def everything(examination: Examination) -> None:
    """Write the page, the figures, and every clip's figures as a table."""
    assert examination.folder is not None
    texts = {
        FIGURES: json.dumps(examination.to_json(), indent=1, allow_nan=False),
        TABLE: as_csv(examination),
        PAGE: page(examination),
    }
    for name, text in texts.items():
        with store.replacing_path(examination.folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def page(examination: Examination) -> str:
    """Return the page as HTML text."""
    sheets = [
        (clip, base64.b64encode(writer.png(sheet)).decode("ascii")) for each in examination.examined for clip, sheet in each.sheets.items()
    ]
    rows = [(title_of(name), names.shown(found.value), names.interval_of(found)) for name, found in examination.estimates.items()]
    content = {
        "title": f"{examination.name} · examination",
        "name": examination.name,
        "sentence": examination.sentence(),
        "stamps": examination.stamps(),
        "rows": rows,
        "sheets": sheets,
        "clips": examination.clips,
        "subjects": examination.subjects,
        "provenance": json.dumps(examination.provenance, indent=2, ensure_ascii=False),
        "version": __version__,
    }
    return filled(TEMPLATE, content)


def title_of(figure: str) -> str:
    """Return a figure's name in words."""
    return figure.replace("_", " ")


def as_csv(examination: Examination) -> str:
    """Return a row per encoder and clip as CSV text; a figure that a clip does not have is empty."""
    text = io.StringIO()
    figures = list(examination.estimates)
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["encoder", "clip", "subject", *figures])
    for each in examination.examined:
        for number, clip in enumerate(each.clips):
            values = [float(each.figures[name][number]) for name in figures]
            told = [f"{value:.6g}" if math.isfinite(value) else "" for value in values]
            rows.writerow([each.label, clip, each.subjects[number], *told])
    return text.getvalue()
