"""The report: one HTML page that needs nothing but itself, shows every figure and trusts no text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from stages.evaluate.coverage import Coverage
from stages.evaluate.evaluation import Representation
from stages.evaluate.report import charts, embedding, intervals
from stages.evaluate.report.drawing import Axes, Drawing, padded, ticks
from stages.evaluate.report.page import context, render
from stages.evaluate.report.skeletons import Pose, strip
from stages.evaluate.shown import DRAWN, MOMENTS, extremes
from stages.evaluate.statistics import Estimate
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence
from tests.evaluate.reports import evaluation, full, told_apart
from tests.evaluate.tables import labels, scores
from tests.small import clip

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


def test_render__shows_every_figure_and_the_stamps() -> None:
    table = scores({"dive": 20, "vault": 20}, seeds=2, folds=2)
    found = evaluation(table, stamps=("epoch selected on the test clips", "transductive: …"))
    page = Page(render(found))
    for name, estimate in found.figures.overall.items():
        assert f"{estimate.value:.4f}" in page.texts, name
        assert f"[{estimate.low:.4f}, {estimate.high:.4f}]" in page.texts, name
    for parts in (found.figures.per_class, found.figures.per_fold):
        assert all(part in page.texts and f"{each['spearman'].value:.4f}" in page.texts for part, each in parts.items())
    assert "⚠ epoch selected on the test clips" in page.texts
    assert "⚠ transductive: …" in page.texts
    assert "protocol 5-fold, 2 folds, 2 seeds (0, 1), selection: best epoch on validation clips carved from training" in page.texts
    headings = ["Predicted against true", "All figures", "Classes", "Folds", "Errors", "Calibration", "Largest errors", "Smallest errors"]
    assert [text for text in page.texts if text in headings] == headings
    assert page.elements.count("circle") >= 40


def test_render__needs_nothing_but_itself() -> None:
    text = render(evaluation(scores(seeds=2)))
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
    found = replace(evaluation(table, stamps=(EVIL,), dataset=EVIL, curves={EVIL: [[1.0, 0.5]]}), name=EVIL)
    text = render(found)
    page = Page(text)
    assert "script" not in page.elements
    assert "<script" not in text
    worst = str(table.clips[np.abs(table.ensemble - table.truth).argmax()])
    assert worst in page.texts
    assert any(title.startswith(f"0{EVIL}, dive{EVIL}: true") for title in page.texts)


def test_render__classes_have_a_confusion_matrix_instead_of_a_scatter() -> None:
    table = labels(("low<b>", "mid", "high"), task="level")
    content = context(evaluation(table))
    assert content["scores"] is None
    rows = content["confusion"]
    assert [(name, total) for name, total, _ in rows] == [("low<b>", 20), ("mid", 20), ("high", 20)]
    expected = (table.predicted[:, table.truth == 0] == 1).sum() / 2
    assert float(rows[0][2][1][0]) == expected
    assert [right for _, _, right in rows[1][2]] == [False, True, False]
    assert all(sum(share for _, share, _ in cells) == pytest.approx(1) for _, _, cells in rows)
    assert content["lists"][0]["rows"][0]["wrong"] == "2 of 2"
    page = Page(render(evaluation(table)))
    assert "Confusion" in page.texts
    assert "Clips most often mistaken" in page.texts
    assert "Predicted against true" not in page.texts
    assert "b" not in page.elements


def test_context__worst_and_best_clips() -> None:
    table = scores({"all": 50})
    content = context(evaluation(table))
    errors = np.abs(table.ensemble - table.truth)
    worst, best = (each["rows"] for each in content["lists"])
    assert [row["clip"] for row in worst] == table.clips[np.argsort(-errors)[:10]].tolist()
    assert [row["clip"] for row in best] == table.clips[np.argsort(errors)[:10]].tolist()
    number = int(errors.argmax())
    assert worst[0]["error"] == f"{table.ensemble[number] - table.truth[number]:+.3g}"


def test_context__provenance_spells_out_one_of_inputs_made_alike() -> None:
    text = context(evaluation(scores()))["provenance"]
    assert text.count('"stage": "finetune"') == 1
    assert "1 more; all of them are in predictions.h5" in text


@pytest.mark.parametrize("count", [1, 2, 3])
def test_render__few_clips_and_constant_predictions(count) -> None:
    table = replace(scores({"all": count}), predicted=np.full((1, count), 5.0), truth=np.full(count, 5.0))
    page = Page(render(evaluation(table)))
    assert "not defined" in page.texts
    assert "Calibration" not in page.texts


def test_render__interval_with_zero_is_said() -> None:
    table = scores({"all": 30})
    shuffled = replace(table, predicted=np.random.default_rng(5).normal(size=(1, 30)))
    assert "The interval includes 0" in render(evaluation(shuffled))
    assert "The interval includes 0" not in render(evaluation(table))


def test_render__training_curves() -> None:
    curves = {
        "mse": [[3.0, 2, 1], [3.0, 2]],
        "lr": [[0.1, 0.1, 0.1], [0.1, 0.1]],
        "validation": [[np.nan, 2, 1], [1.0, 1]],
        "short": [[1.0]],
    }
    content = context(evaluation(scores(), curves=curves))
    assert [term for term, _ in content["curves"]] == ["mse", "validation", "lr"]
    lines = [mark for mark in content["curves"][0][1].marks if mark.tag == "polyline"]
    assert [len(str(mark.attributes["points"]).split()) for mark in lines] == [3, 2, 3]
    assert "Thin: each of 2 models" in render(evaluation(scores(), curves=curves))


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


def test_scatter__a_band_for_each_class_and_rings_around_what_its_interval_misses() -> None:
    table = told_apart(scores({"dive": 20, "vault": 20}), {})
    half = np.where(table.groups == "dive", 1.0, 4.0)
    drawing = charts.scatter(table, charts.colours(table), half_widths=half)
    bands = [mark for mark in drawing.marks if mark.tag == "polygon"]
    assert [mark.css for mark in bands] == ["band c0", "band c1"]
    rings = [mark.title.partition(",")[0] for mark in drawing.marks if mark.tag == "circle" and "missed" in mark.css]
    missed = np.abs(table.ensemble - table.truth) > half
    assert 0 < len(rings) < 40
    assert rings == table.clips[missed].tolist()
    assert not any("missed" in mark.css or mark.tag == "polygon" for mark in charts.scatter(table, charts.colours(table)).marks)


def test_band__stays_within_the_chart() -> None:
    drawing = charts.scatter(told_apart(scores(), {}), {"all": "c0"}, half_widths=np.full(30, 5.0))
    mark = next(mark for mark in drawing.marks if mark.tag == "polygon")
    corners = np.array([[float(value) for value in pair.split(",")] for pair in str(mark.attributes["points"]).split()])
    assert len(corners) >= 6
    across = np.ptp(corners, axis=0)
    assert (corners >= 0).all()
    assert (corners <= 460).all()
    assert across[0] == pytest.approx(across[1], abs=40)


def test_render__intervals_nominal_beside_observed() -> None:
    found = evaluation(full())
    page = Page(render(found))
    for each in found.figures.coverage:
        assert f"intervals of {100 * each.confidence:.0f}\u00a0%" in page.texts
        assert f"{100 * each.share:.1f}\u00a0%" in page.texts
        assert f"[{100 * each.low:.1f}, {100 * each.high:.1f}]" in page.texts
        assert f"{each.width:.4g}" in page.texts
    assert any("those of one subject (60 subjects) are not" in text for text in page.texts)
    assert "Intervals" not in Page(render(evaluation(scores()))).texts


def test_section__intervals_that_do_not_hold_what_they_promise_are_named() -> None:
    table = full()
    wrong = [Coverage(0.9, 0.7, 0.63, 0.77, 2.0, np.ones(240)), Coverage(0.95, 0.99, 0.97, 1.0, 9.0, np.ones(240))]
    found = intervals.section(table, tuple(wrong))
    assert found is not None
    assert found["off"] == [
        "intervals of 90\u00a0% were too narrow on these clips",
        "intervals of 95\u00a0% were wider than they need be on these clips",
    ]
    assert intervals.section(table, ()) is None


def test_render__errors_by_group() -> None:
    found = evaluation(full())
    text = render(found)
    page = Page(text)
    headings = [heading for heading in page.texts if heading in ("view", "sex", "disease", "camera")]
    assert headings == ["view", "sex", "disease"]
    assert "camera tells the same clips apart" in page.texts
    assert page.texts.count("too high") == sum(g.apart for grouping in found.figures.groups.columns for g in grouping.groups)
    assert "10 groups in 3 columns were looked at, 10 of them with an interval" in text
    assert "Nothing is corrected for their number: of 10 groups without any bias 0.5 would show one by chance on average" in text
    drawn = [title for name, title in page.attributes if name == "aria-label" and "mean error of v0" in str(title)]
    assert len(drawn) == 1
    assert "Errors by group" not in Page(render(evaluation(scores()))).texts


def test_render__strips_beside_the_first_of_the_worst_and_best() -> None:
    found = evaluation(full())
    worst = str(found.table.clips[np.abs(found.table.ensemble - found.table.truth).argmax()])
    pose = Pose(Drawing(60, 130, "a skeleton"), 1.25)
    page = Page(render(replace(found, strips={worst: [pose, pose]})))
    assert page.texts.count("1.2 s") == 2
    sentence = next(text for text in page.texts if text.startswith("true ") and "which misses the truth" in text)
    number = found.table.clips.tolist().index(worst)
    half = found.figures.coverage[1].half_widths[number]
    value = found.table.ensemble[number]
    assert f"interval {value - half:.4g} to {value + half:.4g}" in sentence


def test_render__obtained_beside_published() -> None:
    facts = {"dataset": "AQA_7", "method": "2m-af", "target": "score"}
    page = Page(render(evaluation(full(), protocol="aqa-7/official", **facts)))
    assert "Obtained beside published" in page.texts
    assert "0.8662" in page.texts
    assert "0.8050" in page.texts
    assert "tested here on 240 clips, there on 303" in page.texts
    assert not any(text.startswith("split: here") for text in page.texts)
    other = Page(render(evaluation(full(), protocol="5-fold", **facts)))
    assert "split: here 5-fold, there the official one (split 4)" in other.texts
    assert "Obtained beside published" not in Page(render(evaluation(full(), dataset="aqa-7", method="kinematics-ridge"))).texts


def test_render__two_thousand_clips_stay_small(monkeypatch) -> None:
    monkeypatch.setattr(embedding, "flattened", lambda values: values)
    table = full(2001, seeds=3)
    made = Representation("m", "its test clips", tuple(table.clips[:2000].tolist()), np.random.default_rng(0).normal(size=(2000, 2)), ())
    made = replace(made, truth=tuple(table.truth[:2000].tolist()))
    names = [str(table.clips[number]) for _, places in extremes(table) for number in places[:DRAWN]]
    poses = strip(sequence(clip(0.9, 41, 0), KINECT_20, fps=10, units="m", origin="camera"), MOMENTS)
    curves = {term: np.random.default_rng(0).normal(size=(15, 100)).tolist() for term in ("mse", "validation", "lr")}
    found = replace(evaluation(table, curves=curves), strips=dict.fromkeys(names, poses), representations=[made])
    assert len(render(found).encode()) < 3_000_000
