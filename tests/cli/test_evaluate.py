"""``aqa evaluate`` as a user types it, on experiments and on anybody's predictions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stages.configuration import resolve
from stages.evaluate.config import EvaluateConfig
from tests.conftest import run_python
from tests.small import write_pose_set

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/configs/evaluate.yaml"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Predictions of two sports with ids that are not to be trusted."""
    rows = [
        f"{number}<script>,{'dive' if number % 2 else 'vault'},s{number // 3},{number},{number + (number * 7) % 5}" for number in range(24)
    ]
    path = tmp_path / "p.csv"
    path.write_text("\n".join(["id,sport,who,truth,prediction", *rows]))
    return path


def test_finediving__spearman_is_the_published_one(aqa, shared, workspace) -> None:
    file = shared / "data/predictions/finediving_mcore_749.csv"
    code, out, _ = aqa("evaluate", "--predictions", file, "--truth-column", "true", "--prediction-column", "pred", "--json")
    assert code == 0
    spearman = json.loads(out)["overall"]["spearman"]
    assert spearman["value"] == pytest.approx(0.9270135, abs=5e-8)
    assert spearman["low"] < spearman["value"] < spearman["high"]


def test_predictions__figures_by_name_and_nothing_written(aqa, csv, workspace) -> None:
    code, out, err = aqa("evaluate", "--predictions", csv, "--group-column", "sport", "--subject-column", "who", "--set", "resamples=100")
    assert (code, err) == (0, "")
    lines = [line.strip() for line in out.splitlines()]
    names = [
        "Spearman ρ, arithmetic mean of classes",
        "Spearman ρ, Fisher-z mean of classes",
        "Spearman ρ, pooled, raw scores",
        "Spearman ρ, pooled, class-normalised",
        "(pooled ρ of predicting the class's mean)",
        "R-ℓ2 × 100",
        "MAE",
        "RMSE",
        "dive (n = 12)",
        "note: class means and deviations are those of these clips",
    ]
    assert all(any(line.startswith(name) for line in lines) for name in names)
    assert "report" not in out
    assert sorted(path.name for path in csv.parent.iterdir()) == ["p.csv"]


def test_predictions__output_gets_figures_and_report(aqa, csv, tmp_path, workspace) -> None:
    folder = tmp_path / "out"
    arguments = ("evaluate", "--predictions", csv, "--clip-column", "id", "-o", folder, "--set", "resamples=100")
    assert "dry run: nothing was written" in aqa(*arguments, "--dry-run")[1]
    assert not folder.exists()
    code, out, _ = aqa(*arguments)
    assert code == 0
    assert f"report: {folder / 'report.html'}" in out
    assert sorted(path.name for path in folder.iterdir()) == ["metrics.json", "report.html"]
    found = json.loads((folder / "metrics.json").read_text())
    assert found["source"] == "p.csv"
    page = (folder / "report.html").read_text()
    assert "predictions from p.csv" in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert str(tmp_path) not in page + json.dumps(found)


def test_predictions__range_of_relative_l2(aqa, csv, workspace) -> None:
    code, out, _ = aqa("evaluate", "--predictions", csv, "--set", "range=[0,100]", "--set", "resamples=100")
    assert code == 0
    assert "R-ℓ2 divides by the given range, 0 to 100." in out
    code, _, err = aqa("evaluate", "--predictions", csv, "--set", "range=[100,0]")
    assert code == 2
    assert "must be [lowest, highest] with lowest < highest" in err


def test_predictions__constant_is_not_defined(aqa, tmp_path, workspace) -> None:
    file = tmp_path / "p.csv"
    file.write_text("truth,prediction\n1,2\n2,2\n3,2\n")
    code, out, err = aqa("evaluate", "--predictions", file)
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split() == ["Spearman", "ρ", "not", "defined"]
    assert json.loads(aqa("evaluate", "--predictions", file, "--json")[1])["overall"]["spearman"]["value"] is None


def test_predictions__unknown_column(aqa, tmp_path, workspace) -> None:
    file = tmp_path / "p.csv"
    file.write_text("true,pred\n1,2\n3,4\n")
    code, _, err = aqa("evaluate", "--predictions", file, "--truth-column", "truth", "--prediction-column", "pred")
    assert code == 2
    assert "has no column 'truth'. Did you mean 'true'?" in err


def test_predictions__cells_that_are_no_numbers_are_all_named(aqa, tmp_path, workspace) -> None:
    file = tmp_path / "p.csv"
    file.write_text("true,pred\n1,x\n,4\n3,nan\n")
    code, _, err = aqa("evaluate", "--predictions", file, "--truth-column", "true", "--prediction-column", "pred")
    assert code == 3
    assert "3 problem(s)" in err
    assert "line 2: pred must be a finite number, found 'x'" in err


def test_predictions__no_such_file(aqa, tmp_path, workspace) -> None:
    code, _, err = aqa("evaluate", "--predictions", tmp_path / "none.csv")
    assert code == 3
    assert "cannot be read: No such file or directory" in err


def test_predictions__with_an_experiment_makes_no_sense(aqa, csv, workspace) -> None:
    code, _, err = aqa("evaluate", "--predictions", csv, "--model", "x")
    assert code == 2
    assert "--predictions is evaluated by itself" in err


def test_predictions__imports_no_torch(csv) -> None:
    code = f"import sys; sys.argv = ['aqa', 'evaluate', '--predictions', {str(csv)!r}]\nfrom aqa_cli.main import main\n"
    result = run_python(code + "try: main()\nexcept SystemExit: pass\nprint('TORCH' if 'torch' in sys.modules else 'LIGHT')")
    assert result.stdout.endswith("LIGHT\n"), result.stdout + result.stderr


def test_experiment__figures_report_and_exit_codes(aqa, workspace) -> None:
    code, _, err = aqa("evaluate", "--dataset", "arms")
    assert code == 2
    assert "There is no experiment on arms in the workspace." in err
    write_pose_set(workspace / "poses/arms")
    assert aqa("finetune", "--method", "kinematics-ridge", "--protocol", "3-fold", "--seeds", "0-1")[0] == 0

    code, out, err = aqa("evaluate", "--dataset", "arms", "--config", EXAMPLE, "--set", "resamples=200")
    assert code == 0, err
    assert "arms-kinematics-ridge: protocol 3-fold, 3 folds, 2 seeds (0, 1), selection: none (last epoch)" in out
    assert "Spearman ρ, pooled, raw scores, ensemble of seeds" in out
    assert "Spearman ρ, mean of folds" in out
    assert f"report: {workspace / 'evaluations/arms-kinematics-ridge/report.html'}" in out
    shown = json.loads(aqa("evaluate", "--json", "--set", "resamples=200")[1])
    assert shown == json.loads((workspace / "evaluations/arms-kinematics-ridge/metrics.json").read_text())

    shutil.copytree(workspace / "models/arms-kinematics-ridge", workspace / "models/second")
    code, _, err = aqa("evaluate")
    assert code == 2
    assert "Several experiments are possible: arms-kinematics-ridge, second." in err
    damaged = workspace / "models/second/fold-0/0.h5"
    damaged.write_bytes(damaged.read_bytes()[:-2000])
    code, _, err = aqa("evaluate", "--model", "second")
    assert code == 3
    assert "truncated or damaged" in err
    damaged.unlink()
    code, _, err = aqa("evaluate", "--model", "second")
    assert code == 3
    assert "1 of 6 models of 'second' are missing: fold-0/0." in err


def test_example__says_the_defaults() -> None:
    from aqa_cli.options import layers

    assert resolve(EvaluateConfig, layers(EXAMPLE, None, {})).config == EvaluateConfig()
