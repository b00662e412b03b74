"""``examples/reproduce/compare.py``: rows, figures, units, what is missing."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from examples.reproduce import compare
from tests.examples import recipes


def estimate(value: float | None, low: float | None = None, high: float | None = None, sd: float | None = None) -> dict[str, object]:
    return {"value": value, "low": low, "high": high, "sd_over_seeds": sd, "seeds": []}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace/evaluations"
    (folder / "mine").mkdir(parents=True)
    document = {
        "overall": {"spearman_pooled": estimate(0.5), "spearman_fisher_mean": estimate(0.81239, 0.7, 0.90001, 0.01)},
        "per_class": {"diving": {"clips": 7, "spearman": estimate(None)}},
        "clips": 12,
        "stamps": ["epoch selected on the test clips"],
    }
    (folder / "mine/metrics.json").write_text(json.dumps(document))
    (folder / "classes").mkdir()
    found = {"overall": {"accuracy": estimate(0.92444, 0.9, 0.95)}, "clips": 40, "stamps": []}
    (folder / "classes/metrics.json").write_text(json.dumps(found))
    (tmp_path / "profile.json").write_text(json.dumps([{"parameters": 1_425_000, "macs": 153}, {"parameters": 3}]))
    return tmp_path / "workspace"


def run(*words: object) -> tuple[int, list[str], str]:
    result = subprocess.run(
        [sys.executable, str(recipes.ROOT / "compare.py"), *map(str, words)], capture_output=True, text=True, check=False
    )
    return result.returncode, result.stdout.splitlines(), result.stderr


def test_main__paper_and_measured_side_by_side(workspace: Path, tmp_path: Path) -> None:
    rows = ["Ave=0.8662=mine", "All=0.8901=mine:spearman_pooled", "CoRe, r = 1=0.84=-", "no paper=-=mine"]
    code, lines, err = run("--workspace", workspace, "--title", "Table 1", "--csv", tmp_path / "a/t.csv", *rows)
    assert (code, err) == (0, "")
    assert lines[:2] == ["", "Table 1"]
    with (tmp_path / "a/t.csv").open(encoding="utf-8") as file:
        written = list(csv.reader(file))
    assert written == [
        ["row", "paper", "measured", "95 % interval", "sd over seeds", "clips"],
        ["Ave", "0.8662", "0.8124", "[0.7000, 0.9000]", "0.0100", "12"],
        ["All", "0.8901", "0.5000", "", "", "12"],
        ["CoRe, r = 1", "0.84", "", "", "", ""],
        ["no paper", "-", "0.8124", "[0.7000, 0.9000]", "0.0100", "12"],
    ]
    assert lines[3].split() == ["Ave", "0.8662", "0.8124", "[0.7000,", "0.9000]", "0.0100", "12"]
    assert lines[-2:] == ["NOTE: epoch selected on the test clips", f"also in {tmp_path / 'a/t.csv'}"]


def test_main__figures_are_printed_as_the_paper_prints_them(workspace: Path, tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    rows = ["J=92.4%=classes", f"params=3.72M={file}:0/parameters", f"MACs=-G={file}:0/macs", f"three=3={file}:1/parameters"]
    code, lines, err = run("--workspace", workspace, *rows)
    assert (code, err) == (0, "")
    assert [line.split() for line in lines[1:]] == [
        ["J", "92.4%", "92.4%", "[90.0,", "95.0]", "40"],
        ["params", "3.72M", "1.43M"],
        ["MACs", "-", "0.00G"],
        ["three", "3", "3"],
    ]


def test_main__a_class_has_clips_of_its_own_and_may_be_undefined(workspace: Path) -> None:
    code, lines, _ = run("--workspace", workspace, "Diving=0.8715=mine:per_class/diving/spearman")
    assert (code, lines[1].split()) == (0, ["Diving", "0.8715", "not", "defined", "7"])


def test_main__several_evaluations_stand_for_their_mean(workspace: Path) -> None:
    (workspace / "evaluations/other").mkdir()
    other = {"overall": {"spearman_pooled": estimate(0.2, 0.1, 0.3), "spearman_fisher_mean": estimate(None)}, "clips": 5, "stamps": ["odd"]}
    (workspace / "evaluations/other/metrics.json").write_text(json.dumps(other))
    rows = ["average=0.40=mine,other:spearman_pooled", "undefined=0.40=mine,other:spearman_fisher_mean"]
    code, lines, err = run("--workspace", workspace, *rows)
    assert (code, err) == (0, "")
    assert [line.split() for line in lines[1:3]] == [["average", "0.40", "0.35", "17"], ["undefined", "0.40", "not", "defined", "17"]]
    assert {"NOTE: odd", "NOTE: epoch selected on the test clips"} <= set(lines)
    code, _, err = run("--workspace", workspace, "average=0.40=mine,third:spearman_pooled")
    assert (code, "'average': there is no " in err) == (2, True)


def test_main__a_suffix_stands_behind_every_evaluation(workspace: Path) -> None:
    (workspace / "evaluations/classes").rename(workspace / "evaluations/classes-test")
    assert run("--workspace", workspace, "--suffix=-test", "J=92.4%=classes")[0] == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("J=0.5", "a row is LABEL=PAPER=NAME[:FIGURE], found 'J=0.5'"),
        ("J=high=mine", "a row is LABEL=PAPER=NAME[:FIGURE], found 'J=high=mine'"),
        ("J=0.5=", "a row is LABEL=PAPER=NAME[:FIGURE], found 'J=0.5='"),
        ("J=0.5=yours", "'J': there is no "),
        ("J=0.5=mine:spearmen", "has no 'spearmen': no 'spearmen' among spearman_pooled, spearman_fisher_mean"),
        ("J=0.5=mine:per_class/vault/spearman", "has no 'per_class/vault/spearman': no 'vault' among diving"),
        ("J=0.5=PROFILE:2/macs", "has no '2/macs': no '2' among 0, 1"),
        ("J=0.5=PROFILE", "is no evaluation; name a figure"),
    ],
)
def test_main__errors(workspace: Path, tmp_path: Path, row: str, message: str) -> None:
    code, lines, err = run("--workspace", workspace, "fine=0.1=mine", row.replace("PROFILE", str(tmp_path / "profile.json")))
    assert (code, lines) == (2, [])
    assert message in err


def test_main__a_damaged_file(workspace: Path) -> None:
    (workspace / "evaluations/mine/metrics.json").write_text("{")
    code, _, err = run("--workspace", workspace, "J=0.5=mine")
    assert (code, "metrics.json is damaged" in err) == (2, True)


def test_headlines__are_those_of_the_report() -> None:
    from stages.evaluate.names import HEADLINES

    assert compare.HEADLINES == HEADLINES


def test_main__a_mean_over_classes_and_a_paper_s_negative_figure(tmp_path: Path) -> None:
    folder = tmp_path / "evaluations/mine"
    folder.mkdir(parents=True)
    classes = {name: {"clips": 5, "spearman": estimate(value, 0.0, 1.0)} for name, value in (("a", 0.1), ("b", -0.4), ("c", 0.9))}
    (folder / "metrics.json").write_text(json.dumps({"overall": {}, "per_class": classes, "clips": 15, "stamps": ["said"]}))
    code, lines, err = run("--workspace", tmp_path, "a and b=-0.0600=mine:per_class/a,b/spearman")
    assert (code, err) == (0, "")
    assert lines[1].split() == ["a", "and", "b", "-0.0600", "-0.1500", "10"]
    assert lines[2] == "NOTE: said"
    code, _, err = run("--workspace", tmp_path, "row=0.1=mine:per_class/a,d/spearman")
    assert (code, "no 'd' among a, b, c" in err) == (2, True)
