"""The report in a real browser: nothing sticks out on a phone or a desk, dark or light, nothing is loaded, nothing complains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.evaluate.report.page import render
from stages.evaluate.report.skeletons import strip
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence
from tests.browser import complaints, measured, overflow
from tests.evaluate.reports import evaluation, full
from tests.evaluate.tables import labels
from tests.small import clip

pytestmark = pytest.mark.browser
CURVES = {"mse": [[3.0, 2, 1], [3.0, 2]]}
WIDER = "[...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth).length"
FACTS = {"dataset": "aqa-7", "method": "2m-af", "target": "score", "protocol": "aqa-7/official"}


def _page() -> str:
    """A report with every section of scores, and ids that are long."""
    table = full()
    table = replace(table, clips=np.array([f"a-rather-long-folder-name/{name}" for name in table.clips]))
    found = evaluation(table, stamps=("epoch selected on the test clips",), curves=CURVES, **FACTS)
    poses = strip(sequence(clip(0.9, 41, 0), KINECT_20, fps=10, units="m", origin="camera"), 6)
    return render(replace(found, strips=dict.fromkeys(table.clips.tolist(), poses)))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_report__fits_the_width_of_the_window(tmp_path: Path, width: int, *, dark: bool) -> None:
    assert overflow(_page(), tmp_path, width, dark=dark) == 0


def test_report__no_table_is_wider_than_its_place_on_a_phone(tmp_path: Path) -> None:
    assert measured(_page(), tmp_path, 360, WIDER) == "0"


def test_report__of_levels_fits_a_phone(tmp_path: Path) -> None:
    page = render(evaluation(labels(("low", "mid", "high"), task="level")))
    assert overflow(page, tmp_path, 360) == 0
    assert measured(page, tmp_path, 360, WIDER) == "0"


def test_report__is_dark_for_those_who_like_it_dark(tmp_path: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    assert measured(_page(), tmp_path, 1280, colour) == "rgb(244, 244, 241)"
    assert measured(_page(), tmp_path, 1280, colour, dark=True) == "rgb(18, 18, 17)"


def test_report__loads_nothing_and_complains_of_nothing(tmp_path: Path) -> None:
    assert measured(_page(), tmp_path, 1280, "performance.getEntriesByType('resource').length") == "0"
    assert complaints(_page(), tmp_path) == []
    assert len(complaints(_page().replace("</body>", "<script>nothing()</script></body>"), tmp_path)) == 1
