"""``aqa compare`` as a user types it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.compare.config import CompareConfig
from stages.configuration import resolve
from tests.compare.evaluations import chosen, noisier, save
from tests.compare.test_motion import moving
from tests.conftest import run_python
from tests.evaluate.tables import labels, scores
from tests.small import write_pose_set

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/configs/compare.yaml"
QUICK = ("--set", "resamples=100")


@pytest.fixture
def saved(workspace) -> Path:
    """A workspace with the evaluations ``poor``, ``better`` and ``shorter`` (which lacks two clips)."""
    table = scores(noise=8.0, seeds=2)
    save(workspace / "evaluations/poor", table)
    save(workspace / "evaluations/better", scores(noise=0.5), select="test", stamps=["epoch selected on the test clips"])
    save(workspace / "evaluations/shorter", chosen(noisier(table, 1), list(range(28))))
    return workspace


def test_compare__table_page_and_files(aqa, saved) -> None:
    code, out, err = aqa("compare", "poor", "better", "shorter", *QUICK)
    assert (code, err) == (0, "")
    folder = saved / "comparisons/poor-vs-better-vs-shorter"
    assert sorted(path.name for path in folder.iterdir()) == ["compare.csv", "compare.html", "compare.json"]
    lines = out.splitlines()
    assert lines[0] == "3 runs on the 28 clips that all of them have; differences are a run minus poor"
    assert lines[1] == "left out, because not every run has them: 2 of poor, 2 of better"
    assert lines[2] == "95 % intervals and p-values from 100 bootstrap resamples of 28 clips, the same for every run"
    assert lines[3] == "NOTE: better: epoch selected on the test clips"
    rows = [line.split("\t") for line in lines if line.count("\t")]
    assert rows[0] == ["figure", "run", "value", "interval", "difference", "its interval", "p", ""]
    said = json.loads((folder / "compare.json").read_text())
    better = said["overall"]["spearman"]["better"]
    assert rows[2] == [
        "Spearman ρ",
        "better",
        f"{better['value']:.4f}",
        f"[{better['low']:.4f}, {better['high']:.4f}]",
        f"{better['difference']['value']:+.4f}",
        f"[{better['difference']['low']:+.4f}, {better['difference']['high']:+.4f}]",
        f"p = {better['difference']['p']:.2g}",
        "better",
    ]
    assert rows[1][4:] == ["", "", "", ""]
    assert ["MAE", "better"] in [row[:2] for row in rows]
    assert "  selection: best epoch on validation clips carved from training | best epoch on the test clips | best epoch on" in out
    assert lines[-1] == f"page: {folder / 'compare.html'}"
    assert said["runs"][0]["left_out"] == ["clip-28", "clip-29"]


def test_compare__reference_clips_output_and_json(aqa, saved, tmp_path) -> None:
    write_pose_set(tmp_path / "poses")
    folder = tmp_path / "out"
    arguments = ("compare", "poor", "better", "--against", "better", "--clip", "clip-3", "--clip", "clip-1", "-o", folder, *QUICK)
    assert "dry run: nothing was written" in aqa(*arguments, "--dry-run")[1]
    assert not folder.exists()
    code, out, _ = aqa(*arguments, "--poses", tmp_path / "poses", "--json")
    assert code == 0
    said = json.loads(out)
    assert said == json.loads((folder / "compare.json").read_text())
    assert said["reference"] == "better"
    assert [case["clip"] for case in said["cases"]] == ["clip-3", "clip-1"]
    assert said["overall"]["spearman"]["poor"]["difference"]["value"] < 0
    page = (folder / "compare.html").read_text()
    assert "the pose set poses has no clip clip-3" in page
    assert str(tmp_path) not in page + out


def test_compare__classes(aqa, workspace) -> None:
    save(workspace / "evaluations/one", labels(("run", "jump")))
    save(workspace / "evaluations/two", labels(("run", "jump"), seeds=3))
    code, out, _ = aqa("compare", "one", "two", *QUICK)
    assert code == 0
    assert "accuracy (= micro-F1)\tone\t" in out
    assert "recall, run (n = 30)\ttwo\t" in out
    assert "2 runs on the 60 clips that all of them have" in out
    assert "resamples of 10 subjects, each with all clips" in out


def test_compare__different_truth_tasks_and_clips_are_exit_3(aqa, saved) -> None:
    table = scores(noise=8.0)
    save(saved / "evaluations/other-truth", replace(table, truth=table.truth + 1))
    save(saved / "evaluations/other-clips", replace(table, clips=np.array([f"x{number}" for number in range(30)])))
    save(saved / "evaluations/levels", labels(("1", "2"), task="level"))
    code, _, err = aqa("compare", "poor", "other-truth")
    assert code == 3
    assert "'poor' and 'other-truth' have different truth for 30 of 30 common clips: clip-0 (" in err
    code, _, err = aqa("compare", "poor", "better", "other-clips")
    assert code == 3
    assert (
        "The runs have 0 clip(s) in common, expected at least 2: of the 30 of 'poor', 30 are among the 30 of 'better', 0 are among" in err
    )
    code, _, err = aqa("compare", "poor", "levels")
    assert code == 3
    assert "'poor' predicts scores, 'levels' levels: runs of different tasks cannot be compared." in err
    assert not (saved / "comparisons").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("poor",), 2, "aqa compare takes two evaluations or more, found 1."),
        (("poor", "beter"), 2, "Unknown evaluation 'beter'. Did you mean 'better'?"),
        (("poor", "poor"), 2, "'poor' is named twice."),
        (("poor", "better", "--against", "shorter"), 2, "Unknown reference 'shorter'."),
        (("poor", "better", "--clip", "clip-99"), 2, "No run has a clip 'clip-99'. Did you mean 'clip-9'?"),
        (("poor", "shorter", "--clip", "clip-29"), 2, "The clip 'clip-29' cannot be shown: of the runs only poor has it."),
        (("poor", "better", "--poses", "nowhere"), 2, "Unknown pose set 'nowhere'."),
        (("poor", "better", "--set", "resample=3"), 2, "Unknown key 'resample' (--set). Did you mean 'resamples'?"),
        (("poor", "empty"), 3, "empty holds no predictions.h5."),
    ],
    ids=["one", "unknown", "twice", "reference", "clip", "clip of one run", "poses", "key", "no predictions"],
)
def test_compare__errors(aqa, saved, arguments, code, message) -> None:
    (saved / "evaluations/empty").mkdir()
    found, _, err = aqa("compare", *arguments)
    assert found == code
    assert message in err


def test_compare__of_trained_experiments(aqa, workspace) -> None:
    write_pose_set(workspace / "poses/arms")
    train = ("finetune", "--method", "kinematics-ridge", "--protocol", "3-fold")
    assert aqa(*train, "--seeds", "0-1", "--name", "one")[0] == 0
    assert aqa(*train, "--name", "two", "--set", "split_seed=1", "--set", "settings.inner_folds=2")[0] == 0
    for name in ("one", "two"):
        assert aqa("evaluate", "--model", name, *QUICK)[0] == 0
    code, out, err = aqa("compare", "one", "two", "--config", EXAMPLE, "--set", "resamples=200")
    assert (code, err) == (0, "")
    assert "200 bootstrap resamples of 6 subjects, each with all clips" in out
    assert "note: means over folds are left out: 'two' were tested in other folds than 'one'" in out
    assert "note: with 6 subjects, intervals are rough" in out
    assert "  seeds: 0, 1 | 0" in out
    assert "  split_seed: 0 | 1" in out
    said = json.loads((workspace / "comparisons/one-vs-two/compare.json").read_text())
    assert said["differences"]["settings"] == {"settings.inner_folds": {"one": "5", "two": "2"}}
    metrics = json.loads((workspace / "evaluations/one/metrics.json").read_text())
    assert said["overall"]["spearman_pooled_normalised"]["one"]["value"] == metrics["overall"]["spearman_pooled_normalised"]["value"]
    page = (workspace / "comparisons/one-vs-two/compare.html").read_text()
    assert 'class="poses"' in page
    assert "No skeletons" not in page


def test_compare__some_of_the_clips_with_how_they_move(aqa, saved, tmp_path) -> None:
    rows = "".join(f"clip-{number},{'long' if number % 5 else 'short'}\n" for number in range(30))
    (tmp_path / "rows.csv").write_text(f"clip,length\n{rows}")
    for number in range(30):
        moving(tmp_path / f"videos/clip-{number}", number % 2, frames=2)
    (tmp_path / "videos/clip-0/001.png").unlink()
    selection = ("--where", "length=short", "--manifest", tmp_path / "rows.csv", "--set", "disagreements=0")
    code, out, err = aqa("compare", "poor", "better", *selection, "--videos", tmp_path / "videos", *QUICK)
    assert code == 0, err
    assert out.startswith("2 runs on the 6 clips that all of them have and that meet length=short; differences are")
    folder = saved / "comparisons/poor-vs-better"
    said = json.loads((folder / "compare.json").read_text())
    assert (said["clips"], said["where"]) == (6, ["length=short"])
    page = (folder / "compare.html").read_text()
    assert "Motion complexity is the mean length of optical flow (TV-L1)" in page
    assert len(said["cases"]) == 2
    for case in said["cases"]:
        number = int(case["clip"].removeprefix("clip-"))
        assert number % 5 == 0
        assert (case["motion_complexity"] > 0.5) == bool(number % 2)
        assert f"motion complexity {case['motion_complexity']:.2f} pixels per frame" in page
    assert aqa("compare", "poor", "better", *QUICK)[0] == 0
    assert json.loads((folder / "compare.json").read_text())["cases"][0]["motion_complexity"] is None
    assert "otion complexity" not in (folder / "compare.html").read_text()


def test_compare__errors_of_selection_and_videos(aqa, saved, tmp_path) -> None:
    code, _, err = aqa("compare", "poor", "better", "--where", "action=Es3", *QUICK)
    assert (code, "the workspace has none of arms" in err, "hint: --manifest FILE" in err) == (2, True, True)
    code, _, err = aqa("compare", "poor", "better", "--videos", "nowhere", *QUICK)
    assert (code, "There are no videos 'nowhere': neither a folder nor a data set is called so." in err) == (2, True)
    (tmp_path / "videos").mkdir()
    code, _, err = aqa("compare", "poor", "better", "--videos", tmp_path / "videos", *QUICK)
    assert (code, "There are no videos in" in err) == (3, True)


def test_compare__imports_no_torch(saved) -> None:
    code = "import sys; sys.argv = ['aqa', 'compare', 'poor', 'better', '--set', 'resamples=100']\nfrom aqa_cli.main import main\n"
    result = run_python(code + "try: main()\nexcept SystemExit: pass\nprint('TORCH' if 'torch' in sys.modules else 'LIGHT')")
    assert "page:" in result.stdout, result.stderr
    assert result.stdout.endswith("LIGHT\n")


def test_example__says_the_defaults() -> None:
    from aqa_cli.options import layers

    assert resolve(CompareConfig, layers(EXAMPLE, None, {})).config == CompareConfig()
