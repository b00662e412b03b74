"""The page of a comparison: it needs nothing but itself, shows every figure and trusts no text; and what lies beside it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.compare import stage
from stages.compare.comparison import Comparison
from stages.compare.config import CompareConfig
from stages.compare.page import context, leading_of, p_in_words, render
from stages.compare.paired import Difference
from stages.compare.write import as_csv
from stages.engine.options import RunOptions
from stages.evaluate.table import Table
from stages.workspace import Workspace
from tests.browser import overflow
from tests.compare.evaluations import chosen, noisier, provenance_of, save
from tests.evaluate.tables import labels, scores
from tests.evaluate.test_report import EVIL, Page
from tests.small import write_pose_set

CONFIG = CompareConfig(resamples=100)


def _compared(root: Path, *tables: Table, config: CompareConfig = CONFIG, poses: str | None = None, **facts) -> Comparison:
    names = [f"run-{letter}" for letter in "abcdefghijkl"[: len(tables)]]
    for number, (name, table) in enumerate(zip(names, tables, strict=True)):
        save(root / "evaluations" / name, table, made=provenance_of({"split_seed": number}), **facts)
    return stage.run(config, RunOptions(workspace=Workspace(root)), names, poses=poses)


def _of_clips(table: Table, clips: list[str]) -> Table:
    return replace(chosen(table, list(range(len(clips)))), clips=np.array(clips))


def test_render__every_figure_difference_and_note(tmp_path: Path) -> None:
    table = scores({"dive": 20, "vault": 20}, seeds=2, folds=2)
    shorter = chosen(noisier(table, 2), list(range(38)))
    found = _compared(tmp_path, table, noisier(table, 5), shorter, stamps=["epoch selected on the test clips"])
    page = Page(render(found))
    for by_run in found.found.overall.values():
        for figure in by_run.values():
            assert f"{figure.estimate.value:.4f}" in page.texts
            if figure.difference:
                assert f"{figure.difference.value:+.4f}" in page.texts
                assert f"[{figure.difference.low:+.4f}, {figure.difference.high:+.4f}]" in page.texts
                assert p_in_words(figure.difference) in page.texts
    for group, by_name in found.found.per_class.items():
        assert any(text.startswith(f"{group} (") for text in page.texts)
        assert f"{by_name['spearman']['run-b'].estimate.value:.4f}" in page.texts
    assert "⚠ run-b: epoch selected on the test clips" in page.texts
    whole = " ".join(page.texts)
    assert "3 runs on the 38 clips that all of them have, compared with run-a" in whole
    assert "left out, because not every run has them: 2 of run-a, 2 of run-b" in whole
    assert "95 % intervals and p-values from 100 bootstrap resamples of 38 clips, the same for every run" in whole
    assert "R-ℓ2 divides by the range of the common clips' truth" in whole
    headings = [
        "Spearman ρ, Fisher-z mean of classes",
        "What differs in how they were made",
        "All other figures",
        "Classes: Spearman ρ",
        "Predicted against true",
        "Cases",
    ]
    assert [text for text in page.texts if text in headings][: len(headings)] == headings
    assert all(text in page.texts for text in ("split_seed", "0", "1", "2", "clip-38, clip-39"))


def test_render__needs_nothing_but_itself_and_knows_no_path(tmp_path: Path) -> None:
    text = render(_compared(tmp_path, scores(seeds=2), noisier(scores(seeds=2), 1)))
    assert "http://" not in text
    assert "https://" not in text
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.elements)
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    assert str(tmp_path) not in text


def test_render__escapes_text_from_data_everywhere(tmp_path: Path) -> None:
    table = scores({"dive": 10, "vault": 10}, folds=2)
    table = replace(table, clips=np.array([f"{number}{EVIL}" for number in range(20)]))
    table = replace(table, groups=np.array([f"{group}{EVIL}" for group in table.groups]))
    found = _compared(tmp_path, table, noisier(table, 2), stamps=[EVIL], dataset=EVIL)
    page = Page(render(found))
    assert "script" not in page.elements
    assert "<script" not in render(found)
    assert found.cases[0].clip in page.texts


def test_context__small_multiples_share_one_range(tmp_path: Path) -> None:
    table = scores(seeds=2)
    wide = replace(table, predicted=table.predicted * 2)
    charts = context(_compared(tmp_path, table, wide))["multiples"]
    ticks = [[mark.text for mark in chart.marks if mark.css == "tick"] for _, chart in charts]
    assert ticks[0] == ticks[1]
    assert max(float(text) for text in ticks[0]) > table.truth.max() + 5
    dots = [[mark.attributes["cx"] for mark in chart.marks if mark.tag == "circle"] for _, chart in charts]
    assert dots[0] == dots[1]
    assert [name for name, _ in charts] == ["run-a", "run-b"]


def test_context__cases_say_what_every_run_says(tmp_path: Path) -> None:
    clips = write_pose_set(tmp_path / "poses/arms")
    table = _of_clips(scores(seeds=2), clips)
    other = noisier(table, 4)
    found = _compared(tmp_path, table, other, config=CompareConfig(resamples=100, poses=7))
    shown = context(found)["cases"]
    assert len(shown) == len({case.clip for case in found.cases}) >= 3
    apart = np.abs(table.ensemble - other.ensemble)
    assert shown[0]["clip"] == clips[int(apart.argmax())]
    number = int(apart.argmax())
    assert [(row["run"], row["said"]) for row in shown[0]["rows"]] == [
        ("run-a", f"{table.ensemble[number]:.4g}"),
        ("run-b", f"{other.ensemble[number]:.4g}"),
    ]
    assert {len(case["poses"]) for case in shown} == {7}
    line = shown[0]["rows"][1]["line"]
    truth = next(mark for mark in line.marks if mark.css == "truth")
    dot = next(mark for mark in line.marks if mark.css == "point c1")
    assert (float(dot.attributes["cx"]) > float(truth.attributes["x1"])) == (other.ensemble[number] > table.truth[number])
    page = Page(render(found))
    assert "orange" in page.texts
    assert page.elements.count("svg") > 7 * len(shown)


def test_context__poses_that_are_not_there_are_said(tmp_path: Path) -> None:
    table = scores()
    found = _compared(tmp_path, table, noisier(table, 2))
    assert found.strips.missing == ("the workspace has no poses of arms; --poses names others",)
    page = Page(render(found))
    assert "No skeletons: the workspace has no poses of arms; --poses names others." in page.texts
    assert "orange" not in page.texts
    (tmp_path / "poses/arms").mkdir(parents=True)
    assert "cannot be read" in _compared(tmp_path, table, noisier(table, 2)).strips.missing[0]
    clips = write_pose_set(tmp_path / "poses/arms")
    some = _of_clips(table, [*clips[:9], *(f"unknown-{number}" for number in range(9))])
    damaged = tmp_path / f"poses/arms/{clips[0]}.h5"
    damaged.write_bytes(damaged.read_bytes()[:2000])
    config = CompareConfig(resamples=100, clips=(clips[0], clips[1], "unknown-3"))
    found = _compared(tmp_path, some, noisier(some, 2), config=config)
    assert list(found.strips.drawn) == [clips[1]]
    assert found.strips.missing == (
        f"the poses of {clips[0]} are damaged; 'aqa validate' says more",
        "the pose set arms has no clip unknown-3",
    )


def test_context__poses_from_elsewhere(tmp_path: Path) -> None:
    clips = write_pose_set(tmp_path / "elsewhere/p")
    table = _of_clips(scores(), clips)
    found = _compared(tmp_path, table, noisier(table, 2), poses=str(tmp_path / "elsewhere/p"))
    assert found.strips.missing == ()
    assert len(found.strips.drawn) == len(found.cases)


def test_render__classes_have_confusions_instead_of_charts(tmp_path: Path) -> None:
    table = labels(("low<b>", "mid", "high"), task="level")
    found = _compared(tmp_path, table, labels(("low<b>", "mid", "high"), task="level", seeds=3))
    content = context(found)
    assert content["multiples"] == []
    assert [name for name, _ in content["confusions"]] == ["run-a", "run-b"]
    page = Page(render(found))
    assert page.elements.count("article") == len(found.cases)
    assert "accuracy (= micro-F1)" in page.texts
    assert "Classes: recall" in page.texts
    many = tuple(f"class {number:02d}" for number in range(30))
    assert context(_compared(tmp_path, labels(many), labels(many)))["confusions"] == []


def test_json_and_csv__hold_the_same_figures(tmp_path: Path) -> None:
    table = scores({"dive": 12, "vault": 15}, seeds=2, folds=3)
    constant = replace(table, predicted=np.full((1, 27), 3.0), seeds=("0",))
    found = _compared(tmp_path, table, noisier(table, 3), constant)
    said = found.to_json()
    assert json.loads((found.folder / "compare.json").read_text()) == said
    assert (found.folder / "compare.csv").read_text() == as_csv(found)
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert len(rows) == 3 * (len(said["overall"]) + sum(len(each) - 1 for each in said["per_class"].values()))
    row = next(row for row in rows if (row["figure"], row["class"], row["run"]) == ("spearman", "dive", "run-b"))
    expected = said["per_class"]["dive"]["spearman"]["run-b"]
    assert row["clips"] == "12"
    assert float(row["value"]) == expected["value"]
    assert float(row["difference_low"]) == expected["difference"]["low"]
    assert float(row["p"]) == expected["difference"]["p"]
    empty = next(row for row in rows if (row["figure"], row["class"], row["run"]) == ("spearman_fisher_mean", "", "run-c"))
    assert (empty["value"], empty["difference"], empty["p"]) == ("", "", "")
    assert said["overall"]["spearman_fisher_mean"]["run-c"]["value"] is None
    assert "difference" not in said["overall"]["mae"]["run-a"]
    assert said["bootstrap"] == {"unit": "clips", "units": 27, "resamples": 100, "seed": 0, "confidence": 0.95}
    assert said["differences"]["protocol"]["split_seed"] == {"run-a": "0", "run-b": "1", "run-c": "2"}
    assert [run["left_out"] for run in said["runs"]] == [[], [], []]


def test_run__is_the_same_again_byte_by_byte(tmp_path: Path) -> None:
    tables = scores(seeds=2), noisier(scores(seeds=2), 2)
    folder = _compared(tmp_path, *tables).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(before) == ["compare.csv", "compare.html", "compare.json"]
    _compared(tmp_path, *tables)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_run__few_subjects_are_said(tmp_path: Path) -> None:
    table = scores(subjects=4)
    found = _compared(tmp_path, table, noisier(table, 2))
    assert found.unit == ("subjects", 4)
    assert found.notes == ["with 4 subjects, intervals are rough, and rather too narrow; no p-value is below 0.12"]


def test_leading__is_defined_for_every_run(tmp_path: Path) -> None:
    table = scores({"dive": 12, "vault": 12})
    vault = table.groups == "vault"
    constant = replace(table, predicted=np.where(vault, 7.0, table.predicted))
    found = _compared(tmp_path, table, constant)
    assert leading_of(found) == "spearman_pooled"
    assert "(" not in next(each["title"] for each in context(found)["figures"] if "class's mean" in each["title"])


@pytest.mark.parametrize(("p", "text"), [(1.0, "p = 1"), (0.0123, "p = 0.012"), (0.0005, "p < 0.001"), (float("nan"), "")])
def test_p_in_words(p: float, text: str) -> None:
    assert p_in_words(Difference(0.1, 0, 1, p / 2, p)) == text


def test_default_name__is_short_enough_for_a_folder(tmp_path: Path) -> None:
    found = _compared(tmp_path, scores(), scores())
    assert found.folder.name == "run-a-vs-run-b"
    long = [replace(run, name=run.name + 100 * letter) for run, letter in zip(found.runs, "xy", strict=True)]
    assert len(stage.default_name(long)) < 140
    assert stage.default_name(long) != stage.default_name(long[::-1])


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("kind", ["scores", "levels"])
def test_page__fits_the_width_of_the_window(tmp_path: Path, width: int, kind: str) -> None:
    clips = write_pose_set(tmp_path / "poses/arms")
    if kind == "scores":
        tables = [_of_clips(noisier(scores({"dive": 9, "vault": 9}, seeds=2, folds=3), n, n), clips) for n in range(1, 6)]
    else:
        tables = [_of_clips(labels(("low", "mid", "high"), task="level", seeds=n), clips) for n in range(1, 4)]
    found = _compared(tmp_path, *tables)
    assert found.strips.drawn
    assert overflow(render(found), tmp_path, width) == 0
