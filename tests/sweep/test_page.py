"""The figure and the page of a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.errors import UsageError
from stages.sweep import charts
from stages.sweep.config import Axis, SweepConfig
from stages.sweep.page import context, render, subtitle
from stages.sweep.points import points
from stages.workspace import Workspace
from tests.browser import overflow
from tests.sweep.outcomes import sweep_of

WORKSPACE = Workspace(Path("w"))
TWO = ("kinematics-ridge", "kinematics-svr")


def labels(*percents: float, methods: tuple[str, ...] = TWO, figure: str | None = None) -> SweepConfig:
    return SweepConfig(vary=(Axis(key="labels", values=percents),), methods=methods, figure=figure)


def grid(figure: str | None = None) -> SweepConfig:
    axes = (Axis(key="settings.inner_folds", values=(2, 3)), Axis(key="split_seed", values=(0, 1)))
    return SweepConfig(vary=axes, methods=TWO[:1], figure=figure)


@pytest.mark.parametrize(
    ("values", "scale", "places"),
    [
        ((10, 20, 30, 50), "linear", [10, 20, 30, 50]),
        ((0, 20, 40, 80), "linear", [0, 20, 40, 80]),
        ((0.01, 0.1, 1), "logarithmic", [-2, -1, 0]),
        ((0, 0.001, 1), "even", [0, 1, 2]),
        (("mse", "mae"), "even", [0, 1]),
        ((True, False), "even", [0, 1]),
        ((7,), "even", [0]),
    ],
    ids=["percents", "with zero", "powers of ten", "crowded with zero", "words", "switch", "one"],
)
def test_scale_of__numbers_stand_where_they_can_be_told_apart(values, scale, places) -> None:
    assert charts.scale_of(values) == (scale, pytest.approx(places))


def test_curves__a_dot_and_a_whisker_per_point_with_its_numbers() -> None:
    sweep = sweep_of(labels(20, 10), [{"spearman": value} for value in (0.9, 0.5, 0.8, 0.4)])
    drawing = charts.curves(sweep)
    dots = [mark for mark in drawing.marks if mark.tag == "circle"]
    assert [mark.title for mark in dots] == [
        "kinematics-ridge, 10: 0.5000 [0.4000, 0.6000]",
        "kinematics-ridge, 20: 0.9000 [0.8000, 1.0000]",
        "kinematics-svr, 10: 0.4000 [0.3000, 0.5000]",
        "kinematics-svr, 20: 0.8000 [0.7000, 0.9000]",
    ]
    assert [mark.css for mark in dots] == ["point c0", "point c0", "point c1", "point c1"]
    heights = [float(mark.attributes["cy"]) for mark in dots]
    assert heights[1] < heights[3] < heights[0] < heights[2]
    whiskers = [mark for mark in drawing.marks if mark.css.startswith("spread")]
    assert len(whiskers) == 4
    assert whiskers[0].attributes["x1"] == dots[0].attributes["cx"] != dots[2].attributes["cx"]
    ticks = [mark.text for mark in drawing.marks if mark.css == "tick"]
    assert ticks[:2] == ["10", "20"]


def test_curves__what_is_not_defined_is_left_out() -> None:
    sweep = sweep_of(labels(10, 20, methods=TWO[:1]), [{"spearman": None}, {"spearman": 0.5}])
    assert [mark.title for mark in charts.curves(sweep).marks if mark.tag == "circle"] == ["kinematics-ridge, 20: 0.5000 [0.4000, 0.6000]"]
    assert sweep.table()[0][2:4] == ["not defined", ""]
    assert "not defined" in render(sweep, WORKSPACE)


@pytest.mark.parametrize(
    ("figures", "leading"),
    [
        ({"spearman": 0.1, "mae": 3.0}, "spearman"),
        ({"spearman_pooled": 0.1, "spearman_fisher_mean": 0.2, "mae": 3.0}, "spearman_fisher_mean"),
        ({"spearman_pooled": 0.1, "spearman_fisher_mean": None}, "spearman_pooled"),
        ({"spearman": 0.1, "accuracy": 0.2, "macro_f1": 0.1}, "accuracy"),
    ],
    ids=["one class", "classes", "not defined", "levels"],
)
def test_figure__leads_by_default(figures, leading) -> None:
    assert sweep_of(labels(10, methods=TWO[:1]), [figures]).figure == leading


def test_figure__that_is_not_there_lists_those_that_are() -> None:
    sweep = sweep_of(labels(10, methods=TWO[:1], figure="accuracy"), [{"spearman": 0.1, "mae": 3.0}])
    with pytest.raises(UsageError, match="have no figure 'accuracy'") as caught:
        render(sweep, WORKSPACE)
    assert caught.value.hint == "there are: spearman, mae"


@pytest.mark.parametrize(("figure", "best"), [("spearman", (1, 0)), ("mae", (0, 1))], ids=["higher is better", "lower is better"])
def test_map__shades_from_worst_to_best(figure, best) -> None:
    values = [{"spearman": s, "mae": m} for s, m in ((0.2, 4.0), (0.4, 1.0), (0.8, 3.0), (0.4, 2.0))]
    sweep = sweep_of(grid(figure), values)
    (drawn,) = context(sweep, WORKSPACE)["maps"]
    cells = {(row, column): cell for row, line in enumerate(drawn["rows"]) for column, cell in enumerate(line["cells"])}
    assert [place for place, cell in cells.items() if cell["best"]] == [best]
    assert cells[best]["share"] == 1
    assert min(cell["share"] for cell in cells.values()) == 0
    assert cells[1, 1]["share"] == pytest.approx(1 / 3 if figure == "spearman" else 2 / 3)
    assert drawn["columns"] == ["0", "1"]
    assert cells[0, 0]["link"] == "../../evaluations/s-kinematics-ridge-inner_folds-2-split_seed-0/report.html"
    page = render(sweep, WORKSPACE)
    assert page.count('class="best"') == 1
    assert ("lower is better" in page.split("<details>")[0]) == (figure == "mae")


def test_page__says_what_it_must() -> None:
    sweep = sweep_of(labels(10, 100), [{"spearman": 0.1 * n, "mae": 1.0} for n in range(4)], stamps=["epoch selected on the test clips"])
    page = render(sweep, WORKSPACE)
    assert page.count("⚠ epoch selected on the test clips") == 1
    assert "arms, protocol 5-fold, 5 folds, 2 seeds (0, 1), selection: none (last epoch)" in page
    assert "95 % intervals from 2000 bootstrap resamples of 6 subjects, each with all clips (18)." in page
    assert "was chosen on them" in page
    assert "<code>aqa compare s-kinematics-ridge-labels-100 s-kinematics-svr-labels-100</code>" in page
    assert page.count('href="../../evaluations/s-kinematics-svr-labels-10/report.html"') == 3
    assert "All other figures (1)" in page
    for outside in ("http://", "https://", "src="):
        assert outside not in page


def test_page__names_the_share_of_labels_unless_it_is_varied() -> None:
    kept = "5-fold/40-percent-labels/seed-0"
    varied = sweep_of(labels(10), [{"spearman": 0.5}] * 2, protocol=kept)
    assert subtitle(varied).startswith("arms, protocol 5-fold, ")
    fixed = SweepConfig(vary=(Axis(key="split_seed", values=(0,)),), methods=("kinematics-ridge",))
    assert subtitle(sweep_of(fixed, [{"spearman": 0.5}], protocol=kept)).startswith(f"arms, protocol {kept}, ")


def test_page__escapes_what_comes_from_users() -> None:
    own = {"<b>": {"method": "kinematics-ridge"}}
    config = SweepConfig(vary=(Axis(key="labels", values=(10,)),), methods=("<b>",), own=own)
    page = render(sweep_of(config, [{"spearman": 0.5}]), WORKSPACE)
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_strips__of_one_figure_share_a_line() -> None:
    sweep = sweep_of(labels(10, 20, methods=TWO[:1]), [{"spearman": -0.5}, {"spearman": 0.5}])
    strips = [row["cell"].strip.label for row in context(sweep, WORKSPACE)["leading"]["rows"]]
    assert strips == ["-0.50 on a line from -1 to 1", "0.50 on a line from -1 to 1"]


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("kind", ["curves", "grid"])
def test_page__fits_the_width_of_the_window(tmp_path: Path, width: int, kind: str) -> None:
    if kind == "curves":
        curves = tuple(f"a-curve-of-some-length-{number}" for number in range(9))
        own = {curve: {"method": "kinematics-ridge"} for curve in curves}
        config = SweepConfig(vary=(Axis(key="labels", values=(5, 10, 20, 50, 100)),), methods=curves, own=own)
    else:
        axes = (Axis(key="settings.inner_folds", values=(2, 3, 4)), Axis(key="training.lr", values=(0.1, 0.01, 0.001, 0.0001, 0.00001)))
        config = SweepConfig(vary=axes, methods=TWO)
    count = len(points(config))
    page = render(sweep_of(config, [{"spearman": number / count, "rmse": 1234.5} for number in range(count)]), WORKSPACE)
    assert overflow(page, tmp_path, width) == 0
