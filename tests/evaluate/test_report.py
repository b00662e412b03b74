"""The report: one HTML page that needs nothing but itself, shows every figure and trusts no text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts.provenance import provenance
from stages.evaluate import figures
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.evaluation import Evaluation
from stages.evaluate.report import charts
from stages.evaluate.report.drawing import Axes, Drawing, padded, ticks
from stages.evaluate.report.page import context, render
from stages.evaluate.statistics import Estimate
from stages.evaluate.table import Table
from tests.browser import overflow
from tests.evaluate.tables import labels, scores

VOID = {"meta", "line", "circle", "rect", "polyline", "br", "i"}
EVIL = '<script>alert("x")</script>&amp;'


class Page(HTMLParser):
    """Checks that every element is closed, and keeps elements, attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def _evaluation(table: Table, *, stamps: tuple[str, ...] = (), curves=None, **facts) -> Evaluation:
    config = EvaluateConfig(resamples=100)
    about = {"protocol": "5-fold", "select": "val", "seeds": list(table.seeds), "folds": 2, "clips": len(table), "stamps": list(stamps)}
    made = {"stage": "finetune", "config": {"seed": 0}}
    inputs = [{"role": "models", "count": 2, "fingerprint": "f", "made_by": [{"count": 1, "provenance": made}] * 2}]
    lineage = provenance("evaluate", 1, config.model_dump(mode="json"), inputs)
    return Evaluation("the-experiment", table, figures.compute(table, config), about | facts, lineage, None, curves or {})


def test_render__shows_every_figure_and_the_stamps() -> None:
    table = scores({"dive": 20, "vault": 20}, seeds=2, folds=2)
    evaluation = _evaluation(table, stamps=("epoch selected on the test clips", "transductive: …"))
    page = Page(render(evaluation))
    for name, estimate in evaluation.figures.overall.items():
        assert f"{estimate.value:.4f}" in page.texts, name
        assert f"[{estimate.low:.4f}, {estimate.high:.4f}]" in page.texts, name
    for parts in (evaluation.figures.per_class, evaluation.figures.per_fold):
        assert all(part in page.texts and f"{found['spearman'].value:.4f}" in page.texts for part, found in parts.items())
    assert "⚠ epoch selected on the test clips" in page.texts
    assert "⚠ transductive: …" in page.texts
    assert "protocol 5-fold, 2 folds, 2 seeds (0, 1), selection: best epoch on validation clips carved from training" in page.texts
    headings = ["Predicted against true", "All figures", "Classes", "Folds", "Errors", "Calibration", "Largest errors", "Smallest errors"]
    assert [text for text in page.texts if text in headings] == headings
    assert page.elements.count("circle") >= 40


def test_render__needs_nothing_but_itself() -> None:
    text = render(_evaluation(scores(seeds=2)))
    assert "http://" not in text
    assert "https://" not in text
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.elements)
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "@import" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text


def test_render__escapes_text_from_data_everywhere() -> None:
    table = scores({"dive": 10, "vault": 10}, folds=2)
    table = replace(table, clips=np.array([f"{number}{EVIL}" for number in range(20)]), folds=np.array([EVIL, f"b{EVIL}"] * 10))
    table = replace(table, groups=np.array([f"{group}{EVIL}" for group in table.groups]))
    evaluation = replace(_evaluation(table, stamps=(EVIL,), dataset=EVIL, curves={EVIL: [[1.0, 0.5]]}), name=EVIL)
    text = render(evaluation)
    page = Page(text)
    assert "script" not in page.elements
    assert "<script" not in text
    worst = str(table.clips[np.abs(table.ensemble - table.truth).argmax()])
    assert worst in page.texts
    assert any(title.startswith(f"0{EVIL}, dive{EVIL}: true") for title in page.texts)


def test_render__classes_have_a_confusion_matrix_instead_of_a_scatter() -> None:
    table = labels(("low<b>", "mid", "high"), task="level")
    content = context(_evaluation(table))
    assert content["scores"] is None
    rows = content["confusion"]
    assert [(name, total) for name, total, _ in rows] == [("low<b>", 20), ("mid", 20), ("high", 20)]
    expected = (table.predicted[:, table.truth == 0] == 1).sum() / 2
    assert float(rows[0][2][1][0]) == expected
    assert [right for _, _, right in rows[1][2]] == [False, True, False]
    assert all(sum(share for _, share, _ in cells) == pytest.approx(1) for _, _, cells in rows)
    assert content["mistakes"][0]["wrong"] == "2 of 2"
    page = Page(render(_evaluation(table)))
    assert "Confusion" in page.texts
    assert "Clips most often mistaken" in page.texts
    assert "Predicted against true" not in page.texts
    assert "b" not in page.elements


def test_context__worst_and_best_clips() -> None:
    table = scores({"all": 50})
    content = context(_evaluation(table))
    errors = np.abs(table.ensemble - table.truth)
    (_, worst), (_, best) = content["scores"]["lists"]
    assert [row["clip"] for row in worst] == table.clips[np.argsort(-errors)[:10]].tolist()
    assert [row["clip"] for row in best] == table.clips[np.argsort(errors)[:10]].tolist()
    number = int(errors.argmax())
    assert worst[0]["error"] == f"{table.ensemble[number] - table.truth[number]:+.3g}"


def test_context__provenance_spells_out_one_of_inputs_made_alike() -> None:
    text = context(_evaluation(scores()))["provenance"]
    assert text.count('"stage": "finetune"') == 1
    assert "1 more; all of them are in predictions.h5" in text


@pytest.mark.parametrize("count", [1, 2, 3])
def test_render__few_clips_and_constant_predictions(count) -> None:
    table = replace(scores({"all": count}), predicted=np.full((1, count), 5.0), truth=np.full(count, 5.0))
    page = Page(render(_evaluation(table)))
    assert "not defined" in page.texts
    assert "Calibration" not in page.texts


def test_render__interval_with_zero_is_said() -> None:
    table = scores({"all": 30})
    shuffled = replace(table, predicted=np.random.default_rng(5).normal(size=(1, 30)))
    assert "The interval includes 0" in render(_evaluation(shuffled))
    assert "The interval includes 0" not in render(_evaluation(table))


def test_render__training_curves() -> None:
    curves = {
        "mse": [[3.0, 2, 1], [3.0, 2]],
        "lr": [[0.1, 0.1, 0.1], [0.1, 0.1]],
        "validation": [[np.nan, 2, 1], [1.0, 1]],
        "short": [[1.0]],
    }
    content = context(_evaluation(scores(), curves=curves))
    assert [term for term, _ in content["curves"]] == ["mse", "validation", "lr"]
    lines = [mark for mark in content["curves"][0][1].marks if mark.tag == "polyline"]
    assert [len(str(mark.attributes["points"]).split()) for mark in lines] == [3, 2, 3]
    assert "Thin: each of 2 models" in render(_evaluation(scores(), curves=curves))


def test_scatter__places_points_and_seed_bars() -> None:
    table = scores(seeds=3)
    drawing = charts.scatter(table, charts.colours(table))
    dots = [mark for mark in drawing.marks if mark.tag == "circle"]
    x, y = (np.array([float(mark.attributes[key]) for mark in dots]) for key in ("cx", "cy"))
    assert np.corrcoef(x, table.truth)[0, 1] == pytest.approx(1, abs=1e-4)
    assert np.corrcoef(y, -table.ensemble)[0, 1] == pytest.approx(1, abs=1e-4)
    bars = [mark for mark in drawing.marks if mark.css.startswith("spread")]
    heights = np.array([float(mark.attributes["y1"]) - float(mark.attributes["y2"]) for mark in bars])
    assert np.corrcoef(heights, np.ptp(table.predicted, axis=0))[0, 1] == pytest.approx(1, abs=1e-3)
    assert dots[0].title == f"clip-0: true {table.truth[0]:.4g}, predicted {table.ensemble[0]:.4g}"
    assert all(0 <= value <= 460 for value in [*x, *y])


def test_residuals__bars_hold_every_clip() -> None:
    errors = np.random.default_rng(0).normal(size=77)
    bars = [mark.title for mark in charts.residuals(errors).marks if mark.tag == "rect"]
    assert sum(int(title.split(": ")[1].split()[0]) for title in bars) == 77


def test_calibration__needs_ten_clips() -> None:
    truth = np.arange(20.0)
    assert charts.calibration(truth[:9], truth[:9]) is None
    drawing = charts.calibration(truth, truth + 1)
    assert drawing is not None
    assert next(mark.title for mark in drawing.marks if mark.tag == "circle") == "4 clips: predicted 2.5, true 1.5 ± 0.65 on average"


def test_colours__many_classes_share_grey() -> None:
    table = scores({f"class-{number:02d}": 3 + number for number in range(12)})
    style = charts.colours(table)
    assert sorted(style.values()) == sorted([*(f"c{number}" for number in range(7)), *["rest"] * 5])
    assert style["class-11"] != "rest"
    assert style["class-00"] == "rest"
    assert charts.legend(style)[-1] == ("other classes", "rest")
    assert charts.legend({"all": "c0"}) == []


def test_strip__not_defined_is_not_drawn() -> None:
    nan = float("nan")
    assert charts.strip(Estimate(nan, nan, nan), 0) is None
    without = charts.strip(Estimate(0.5, nan, nan), 0)
    assert without is not None
    assert not any(mark.css == "whisker" for mark in without.marks)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (-3, 11, [0, 5, 10]), (1e-4, 5e-4, [1e-4, 2e-4, 3e-4, 4e-4, 5e-4])],
    ids=["unit", "mixed", "small"],
)
def test_ticks__are_round(low, high, expected) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_ticks__whole_numbers_only() -> None:
    assert ticks(0, 2.1, whole=True) == [0, 1, 2]


def test_axes__corners_and_identity() -> None:
    drawing = Drawing(200, 100, "x")
    axes = Axes(drawing, (0, 10), (5, 25), ("x", "y"))
    assert axes.at(0, 5) == (axes.left, axes.bottom)
    assert axes.at(10, 25) == (axes.right, axes.top)
    axes.identity()
    line = drawing.marks[-1]
    assert (line.css, line.attributes["x1"]) == ("identity", round(axes.at(5, 5)[0], 2))
    assert padded(2, 2)[0] < 2 < padded(2, 2)[1]
    assert padded(0, 0) == (-1, 1)


def test_axes__marks_stand_where_they_are_said_to() -> None:
    drawing = Drawing(200, 100, "x")
    axes = Axes(drawing, (-2, 0), (0, 1), ("x", "y"), marks=[(-2, "0.01"), (-0.5, "some")])
    ticks_below = [mark for mark in drawing.marks if mark.css == "tick" and mark.attributes["text-anchor"] == "middle"]
    assert [(mark.text, mark.attributes["x"]) for mark in ticks_below] == [
        ("0.01", round(axes.at(-2, 0)[0], 2)),
        ("some", round(axes.at(-0.5, 0)[0], 2)),
    ]


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1200])
def test_report__fits_the_width_of_the_window(tmp_path: Path, width: int) -> None:
    text = render(_evaluation(scores({"dive": 20, "vault": 20}, seeds=2, folds=5)))
    assert overflow(text, tmp_path, width) == 0
