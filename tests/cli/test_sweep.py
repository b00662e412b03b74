"""``aqa sweep`` as a user types it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from stages.artifacts import store
from tests.small import write_pose_set

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/configs/sweep.yaml"
QUICK = ("--set", "evaluate.resamples=100", "--set", "settings.inner_folds=2", "--protocol", "arms/2-fold")
RIDGE, SVR = ("--method", "kinematics-ridge"), ("--method", "kinematics-svr")
LABELS = ("sweep", *RIDGE, *QUICK, "--vary", "labels=50,100")


@pytest.fixture
def poses(workspace: Path) -> Path:
    write_pose_set(workspace / "poses/arms")
    return workspace


def _metrics(workspace: Path, name: str) -> dict:
    return json.loads((workspace / f"evaluations/{name}/metrics.json").read_text())


def test_sweep__labels_for_two_methods_are_the_evaluations_figures(aqa, poses: Path) -> None:
    code, out, err = aqa(*LABELS, *SVR, "--seeds", "0-1")
    assert code == 0, err
    folder = poses / "sweeps/arms-by-labels"
    assert sorted(path.name for path in folder.iterdir()) == ["sweep.csv", "sweep.html", "sweep.json"]
    lines = out.splitlines()
    assert lines[0] == f"16 done, 0 skipped, 0 failed; in {folder}"
    rows = [line.split("\t") for line in lines if "\t" in line]
    assert rows[0] == ["method", "labels", "Spearman ρ, Fisher-z mean of classes", "interval", "sd over seeds", "clips"]
    assert lines[-1] == f"page: {folder / 'sweep.html'}"
    names = [f"arms-by-labels-{method}-labels-{percent}" for method in ("kinematics-ridge", "kinematics-svr") for percent in (50, 100)]
    said = json.loads((folder / "sweep.json").read_text())
    page = (folder / "sweep.html").read_text()
    assert [point["experiment"] for point in said["points"]] == names
    assert sorted(path.name for path in (poses / "models").iterdir()) == sorted(names)
    for name, row, point in zip(names, rows[1:], said["points"], strict=True):
        found = _metrics(poses, name)
        figure = found["overall"]["spearman_fisher_mean"]
        assert point["overall"] == found["overall"]
        assert row[:2] == [point["method"], str(point["values"]["labels"])]
        assert row[2:4] == [f"{figure['value']:.4f}", f"[{figure['low']:.4f}, {figure['high']:.4f}]"]
        assert f"{row[2]}<small>{row[3]}</small>" in page
        assert f'href="../../evaluations/{name}/report.html"' in page
    assert said["points"][0]["protocol"] == "arms/2-fold/50-percent-labels/seed-0"
    assert said["points"][1]["protocol"] == "arms/2-fold"
    table = list(csv.DictReader((folder / "sweep.csv").open()))
    assert len(table) == sum(len(point["overall"]) for point in said["points"])
    assert list(table[0]) == ["experiment", "curve", "labels", "figure", "value", "low", "high", "sd_over_seeds", "clips"]
    mae = next(row for row in table if (row["experiment"], row["figure"]) == (names[2], "mae"))
    assert float(mae["value"]) == _metrics(poses, names[2])["overall"]["mae"]["value"]
    assert mae["clips"] == "18"
    assert str(poses) not in page


def test_sweep__its_points_are_what_finetune_and_evaluate_make(aqa, poses: Path) -> None:
    assert aqa(*LABELS)[0] == 0
    alone = ("--protocol", "arms/2-fold/50-percent-labels/seed-0", "--set", "settings.inner_folds=2", "--name", "alone")
    assert aqa("finetune", *RIDGE, *alone)[0] == 0
    assert aqa("evaluate", "--model", "alone", "--set", "resamples=100")[0] == 0
    assert _metrics(poses, "alone")["overall"] == _metrics(poses, "arms-by-labels-kinematics-ridge-labels-50")["overall"]


def test_sweep__skips_what_is_there_and_grows(aqa, poses: Path) -> None:
    assert aqa(*LABELS)[0] == 0
    report = poses / "evaluations/arms-by-labels-kinematics-ridge-labels-50/report.html"
    report.write_text("untouched")
    code, out, _ = aqa(*LABELS)
    assert (code, out.splitlines()[0].partition(";")[0]) == (0, "0 done, 4 skipped, 0 failed")
    assert report.read_text() == "untouched"
    out = aqa(*LABELS[:-1], "labels=25,50,100", *SVR)[1]
    assert out.startswith("8 done, 4 skipped")
    assert report.read_text() == "untouched"
    assert len(json.loads((poses / "sweeps/arms-by-labels/sweep.json").read_text())["points"]) == 6
    assert aqa(*LABELS, "--set", "evaluate.seed=1")[1].startswith("0 done, 4 skipped")
    assert report.read_text() != "untouched"  # another bootstrap is another evaluation
    report.write_text("untouched")
    assert aqa(*LABELS, "--set", "evaluate.seed=1", "--overwrite")[1].startswith("4 done, 0 skipped")
    assert report.read_text() != "untouched"


def test_sweep__a_lost_model_or_evaluation_is_made_again(aqa, poses: Path) -> None:
    assert aqa(*LABELS)[0] == 0
    name = "arms-by-labels-kinematics-ridge-labels-100"
    before = _metrics(poses, name)
    (poses / f"models/{name}/fold-1/0.h5").unlink()
    (poses / f"evaluations/{name}/metrics.json").write_text("{")
    code, out, err = aqa(*LABELS)
    assert code == 0, err
    assert out.startswith("1 done, 3 skipped")
    assert _metrics(poses, name) == before


def test_sweep__a_grid_of_two_settings(aqa, poses: Path) -> None:
    grid = ("--vary", "settings.inner_folds=2,3", "--vary", "split_seed=0,1,2")
    code, out, err = aqa("sweep", *RIDGE, *QUICK, *grid, "--figure", "mae", "--name", "grid", "--json")
    assert code == 0, err
    said = json.loads(out)
    assert said == json.loads((poses / "sweeps/grid/sweep.json").read_text())
    assert said["figure"] == "mae"
    assert [tuple(point["values"].values()) for point in said["points"]] == [(2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (3, 2)]
    for point in said["points"]:
        config = store.read_document(poses / f"models/{point['experiment']}/fold-0/0.h5", "config")
        assert (config["settings"]["inner_folds"], config["split_seed"]) == tuple(point["values"].values())
    page = (poses / "sweeps/grid/sweep.html").read_text()
    values = {point["experiment"]: point["overall"]["mae"]["value"] for point in said["points"]}
    for name, value in values.items():
        assert f'<a href="../../evaluations/{name}/report.html">{value:.3f}</a>' in page
    best = min(values, key=lambda name: values[name])
    assert f'class="best" style="--share: 1.000"><a href="../../evaluations/{best}/' in page


def test_sweep__dry_run_writes_nothing(aqa, poses: Path) -> None:
    code, out, err = aqa(*LABELS, "--dry-run")
    assert code == 0
    assert out.endswith("dry run: nothing was written\n")
    assert err.count("make ") == 6  # four models, two reports
    assert sorted(path.name for path in poses.iterdir()) == ["poses"]


def test_sweep__shards_share_the_models_of_all_points(aqa, poses: Path) -> None:
    made = []
    for shard in ("0/3", "1/3", "2/3"):
        before = set((poses / "models").glob("*/*/*.h5"))
        code, out, _ = aqa(*LABELS, "--set", "seeds=[0]", "--shard", shard)
        assert code == 0
        assert "the same command without --shard evaluates and draws" in out
        made.append(len(set((poses / "models").glob("*/*/*.h5")) - before))
    assert made == [2, 1, 1]  # of four models in the order of the points
    assert not (poses / "sweeps").exists()
    assert not (poses / "evaluations").exists()
    assert aqa(*LABELS)[1].startswith("0 done, 4 skipped")


def test_sweep__made_differently_is_refused_before_anything_is_trained(aqa, poses: Path) -> None:
    assert aqa(*LABELS[:-1], "labels=50")[0] == 0
    code, _, err = aqa(*LABELS[:-1], "labels=25,50", "--set", "split_seed=1")
    assert code == 3
    assert "2 outputs exist but were made differently" in err
    assert "split_seed: was 0, now 1" in err
    assert len(list((poses / "models").iterdir())) == 1


def test_sweep__a_failure_ends_it_as_in_finetune_and_the_rest_is_kept(aqa, poses: Path) -> None:
    blocked = poses / "models/arms-by-labels-kinematics-ridge-labels-100"
    blocked.parent.mkdir()
    blocked.write_text("a file where the folder of models belongs")
    code, _, err = aqa(*LABELS)
    assert code == 3
    assert "error: arms-by-labels-kinematics-ridge-labels-100: Cannot write" in err
    blocked.unlink()
    assert aqa(*LABELS)[1].startswith("2 done, 2 skipped")


def test_sweep__classes_lead_with_accuracy_and_stamps_are_told(aqa, poses: Path) -> None:
    sizes = ("--set", "settings.encoder_settings={width: 4, blocks: 1}", "--set", "settings.input.frames=8", "--init", "none")
    arguments = ("--method", "sme-gcn", "--task", "action", "--select", "test", "--protocol", "50-50", "--vary", "training.epochs=1,2")
    code, out, err = aqa("sweep", *arguments, *sizes, "--set", "evaluate.resamples=100")
    assert code == 0, err
    assert "NOTE: epoch selected on the test clips" in out
    assert "method\tepochs\taccuracy (= micro-F1)\tinterval" in out
    assert "⚠ epoch selected on the test clips" in (poses / "sweeps/arms-by-epochs/sweep.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "Nothing is varied."),
        (("--vary", "labels"), 2, "--vary takes KEY=V1,V2,…, found 'labels'."),
        (("--vary", "a=1", "--vary", "b=1", "--vary", "c=1"), 2, "--vary can be given once or twice, found 3."),
        (("--vary", "labels=0,50"), 2, "'labels' takes percents above 0 and up to 100, found '0'."),
        (("--vary", "labels=50,50"), 2, "Two experiments would be called 'kinematics-ridge-labels-50'."),
        (("--vary", "method=a,b"), 2, "Methods are the curves and cannot be varied."),
        (
            ("--vary", "settings.inner_fold=2,3"),
            2,
            "The method 'kinematics-ridge' has no key 'settings.inner_fold', which is to be varied. Did you mean 'settings.inner_folds'?",
        ),
        (("--vary", "split_seed=0,x"), 2, "kinematics-ridge: 'split_seed' (--vary): Input should be a valid integer"),
        (("--vary", "labels=50", "--method", "sme-gnc"), 2, "Unknown finetune method 'sme-gnc'. Did you mean 'sme-gcn'?"),
        (("--vary", "labels=50", "--figure", "spearmen"), 2, "Unknown figure 'spearmen'. Did you mean 'spearman'?"),
        (("--vary", "labels=50", "--name", "a/b"), 2, "--name takes a plain name, found 'a/b'."),
        (("--vary", "labels=50", "--dataset", "legs"), 2, "There are no poses of 'legs'"),
        (("--vary", "protocol=2-fold,2-fld"), 2, "Unknown protocol '2-fld'."),
        (("--vary", "labels=50", "--set", "label_seed=1"), 2, "Unknown key 'label_seed' (--set). Did you mean 'labels_seed'?"),
        (("--vary", "labels=50", "--labels-seed", "-1"), 2, "'labels_seed' (flag): Input should be greater than or equal to 0, found -1."),
    ],
    ids=[
        "nothing",
        "no values",
        "three",
        "percent",
        "twice",
        "method",
        "key",
        "value",
        "unknown method",
        "figure",
        "name",
        "data set",
        "protocol",
        "sweep key",
        "labels seed",
    ],
)
def test_sweep__errors_come_before_anything_is_trained(aqa, poses: Path, arguments, code, message) -> None:
    found, _, err = aqa("sweep", *RIDGE, "--protocol", "arms/2-fold", *arguments)
    assert found == code
    assert message in err
    assert not (poses / "models").exists()


def test_sweep__a_figure_that_the_experiments_lack(aqa, poses: Path) -> None:
    code, _, err = aqa(*LABELS[:-1], "labels=100", "--figure", "accuracy")
    assert code == 2
    assert "The experiments of this sweep have no figure 'accuracy'." in err
    assert "there are: " in err
    assert aqa(*LABELS[:-1], "labels=100")[1].startswith("0 done, 2 skipped")


def test_sweep__from_python(poses: Path) -> None:
    from stages.engine.options import RunOptions
    from stages.sweep.config import Axis, SweepConfig
    from stages.sweep.stage import run
    from stages.workspace import Workspace

    config = SweepConfig(
        vary=(Axis(key="labels", values=(100,)),),
        methods=("kinematics-ridge",),
        finetune={"protocol": "2-fold"},
        evaluate={"resamples": 100},
    )
    sweep = run(config, RunOptions(workspace=Workspace(poses)))
    (point,) = sweep.measured
    assert point.estimate("mae").value == _metrics(poses, point.experiment)["overall"]["mae"]["value"]
    assert (len(sweep.trained.done), sweep.evaluated) == (2, [point.experiment])
    assert run(config, RunOptions(workspace=Workspace(poses))).evaluated == []


def test_example__its_curves_are_experiments() -> None:
    from aqa_cli.options import layers
    from stages.sweep.config import resolve_sweep
    from stages.sweep.points import points

    found = points(resolve_sweep(layers(EXAMPLE, None, {})).config)
    assert len(found) == 15
    assert {point.curve: point.config.method for point in found} == {
        "kinematics-svr": "kinematics-svr",
        "sme-gcn": "sme-gcn",
        "frozen": "sme-gcn",
    }
    assert found[0].config.protocol == "5-fold/10-percent-labels/seed-0"
    assert found[-1].config.settings["freeze"] is True
