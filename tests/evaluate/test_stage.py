"""The stage on small experiments: what it writes, what it stamps, and its errors."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.artifacts import store
from stages.configuration import Layer
from stages.engine.opening import Places, open_clips
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.evaluate import read, stage
from stages.evaluate.config import EvaluateConfig
from stages.finetune import stage as finetune
from stages.finetune.config import resolve_finetune
from stages.finetune.model import Model
from stages.workspace import Workspace
from tests.small import write_pose_set

QUICK = EvaluateConfig(resamples=100)
NETWORK = {"encoder_settings": {"width": 8, "blocks": 2}, "input": {"frames": 8}}


def _options(root: Path, **changes) -> RunOptions:
    return RunOptions(workspace=Workspace(root), device="cpu", **changes)


def _train(root: Path, *, name: str | None = None, **values) -> None:
    layer = {"dataset": "arms", "method": "kinematics-ridge", "protocol": "3-fold", "seeds": [0, 1], **values}
    finetune.run(resolve_finetune([Layer("test", layer)]).config, _options(root), name=name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the experiment ``arms-kinematics-ridge``."""
    root = tmp_path_factory.mktemp("trained")
    write_pose_set(root / "poses/arms")
    _train(root)
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    """A copy of that workspace that a test may spoil."""
    return Path(shutil.copytree(trained, tmp_path / "workspace"))


def _change(path: Path, **documents) -> None:
    artifact = store.read(path)
    merged = {name: {**artifact.documents[name], **values} for name, values in documents.items()}
    store.write(path, replace(artifact, documents={**artifact.documents, **merged}))


def _edit_manifest(path: Path, edit) -> None:
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row in rows:
        edit(row)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_run__predicts_every_clip_with_the_models_that_did_not_see_it(root: Path) -> None:
    evaluation = stage.run(QUICK, _options(root))
    table = evaluation.table
    assert evaluation.name == "arms-kinematics-ridge"
    assert len(table) == 18
    assert len(set(table.clips)) == 18
    assert table.seeds == ("0", "1")
    for number, clip in enumerate(table.clips[:3]):
        model = Model.read(root / f"models/{evaluation.name}/{table.folds[number]}/1.h5")
        assert clip in model.documents["data"]["test"]
        assert clip not in model.documents["training"]["clips"]
        records = open_clips("arms", {"poses": None}, _options(root)).load([clip])
        assert model.predict(records)["predicted"][0] == pytest.approx(table.predicted[1, number])
        assert table.truth[number] == records[0].row.number("score")
    assert table.clusters.tolist() == [clip.split("/")[0] for clip in table.clips]
    assert set(table.groups) == {"low", "high"}
    assert evaluation.facts["folds"] == 3
    assert evaluation.facts["subjects"] == 6
    assert evaluation.facts["stamps"] == []
    assert evaluation.facts["select"] == "last"


def test_run__writes_predictions_figures_and_report(root: Path) -> None:
    evaluation = stage.run(QUICK, _options(root))
    folder = root / "evaluations/arms-kinematics-ridge"
    assert evaluation.folder == folder
    assert sorted(path.name for path in folder.iterdir()) == ["metrics.json", "predictions.h5", "report.html"]
    artifact = store.read(folder / "predictions.h5", "predictions")
    np.testing.assert_array_equal(artifact.arrays["predicted"], evaluation.table.predicted.T)
    assert artifact.documents["samples"]["clip"] == evaluation.table.clips.tolist()
    assert [entry["role"] for entry in artifact.documents["provenance"]["inputs"]] == ["models", "poses"]
    found = json.loads((folder / "metrics.json").read_text())
    assert found["overall"]["spearman_pooled"]["value"] == evaluation.figures.overall["spearman_pooled"].value
    assert found["clips"] == 18
    assert "arms-kinematics-ridge" in (folder / "report.html").read_text()


def test_run__columns_of_text_travel_to_predictions_and_report(root: Path) -> None:
    def describe(row: dict[str, str]) -> None:
        row["sex"] = "f" if row["subject"] in ("s1", "s3", "s5") else "m"
        row["device"], row["split"] = "kinect", row["subject"]

    path = root / "poses/arms/manifest.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    path.write_text("\n".join([",".join([*rows[0], "sex", "device", "split"]), *(",".join([*r.values(), *"???"]) for r in rows)]))
    _edit_manifest(path, describe)
    evaluation = stage.run(QUICK, _options(root))
    assert {"sex", "subject"} <= set(evaluation.table.columns)
    assert not {"device", "split", "score", "clip"} & set(evaluation.table.columns)
    expected = ["f" if cluster in ("s1", "s3", "s5") else "m" for cluster in evaluation.table.clusters.tolist()]
    assert evaluation.table.columns["sex"].tolist() == expected
    found = json.loads((root / "evaluations/arms-kinematics-ridge/metrics.json").read_text())
    by_column = {grouping["columns"][0]: grouping for grouping in found["groups"]["columns"]}
    errors = evaluation.table.ensemble - evaluation.table.truth
    (of_f,) = [group for group in by_column["sex"]["groups"] if group["value"] == "f"]
    assert of_f["bias"]["value"] == pytest.approx(errors[np.array(expected) == "f"].mean())
    assert (of_f["clips"], of_f["subjects"]) == (9, 3)
    again = read.predictions(evaluation.folder / "predictions.h5")
    assert again.table.columns["sex"].tolist() == expected


def test_run__poses_of_the_worst_and_the_best_stand_in_the_report(root: Path) -> None:
    evaluation = stage.run(QUICK, _options(root))
    errors = np.abs(evaluation.table.ensemble - evaluation.table.truth)
    order = evaluation.table.clips[np.argsort(-errors, kind="stable")].tolist()
    assert sorted(evaluation.strips) == sorted([*order[:5], *order[-5:]])
    report = (evaluation.folder / "report.html").read_text()
    assert report.count('class="poses six"') == 10
    assert report.count('aria-label="a skeleton"') == 60
    assert stage.run(QUICK, _options(root, dry_run=True)).strips == {}


def test_run__is_the_same_again(root: Path) -> None:
    first = stage.run(QUICK, _options(root))
    before = {path.name: path.read_bytes() for path in first.folder.iterdir() if path.suffix != ".h5"}
    again = stage.run(QUICK, _options(root))
    assert {path.name: path.read_bytes() for path in again.folder.iterdir() if path.suffix != ".h5"} == before
    headers = store.read_header(again.folder / "predictions.h5")
    assert headers.fingerprint == store.read(first.folder / "predictions.h5").header.fingerprint


def test_run__says_which_clips_were_asked_for(tmp_path: Path) -> None:
    write_pose_set(tmp_path / "poses/arms")
    _train(tmp_path, where=["action=high"], seeds=[0])
    assert stage.run(QUICK, _options(tmp_path)).facts["where"] == ["action=high"]


def test_run__dry_run_writes_nothing(root: Path) -> None:
    evaluation = stage.run(QUICK, _options(root, dry_run=True))
    assert evaluation.folder is None
    assert not (root / "evaluations").exists()


def test_run__stamps_selection_on_test_clips_and_transductive_encoders(root: Path) -> None:
    model = root / "models/arms-kinematics-ridge/fold-1/0.h5"
    seen = store.read(model).documents["data"]["test"][:2]
    _change(model, training={"select": "test", "seen_in_pretraining": seen})
    facts = stage.run(QUICK, _options(root)).facts
    assert facts["select"] == "last, test"
    assert facts["stamps"] == [
        "epoch selected on the test clips",
        "transductive: the encoder's pretraining saw 2 of the test clips (without their scores)",
    ]
    report = (root / "evaluations/arms-kinematics-ridge/report.html").read_text()
    assert all(f"⚠ {stamp}".replace("'", "&#39;") in report for stamp in facts["stamps"])


def test_run__classes_that_a_fold_never_saw_are_mistakes_and_not_errors(tmp_path: Path) -> None:
    write_pose_set(tmp_path / "poses/arms")

    def rare(row: dict[str, str]) -> None:
        row["action"] = "amiss" if row["subject"] == "s3" else row["action"]

    _edit_manifest(tmp_path / "poses/arms/manifest.csv", rare)
    _train(tmp_path, method="knn-probe", settings=NETWORK, target={"task": "action"}, seeds=[0])
    evaluation = stage.run(QUICK, _options(tmp_path))
    table = evaluation.table
    assert table.classes == ("amiss", "high", "low")
    of_rare = table.truth == 0
    assert table.clusters[of_rare].tolist() == ["s3"] * 3
    assert (table.predicted[0][of_rare] != 0).all()
    assert evaluation.figures.per_class["amiss"]["recall"].value == 0
    models = {fold: Model.read(tmp_path / f"models/arms-knn-probe/{fold}/0.h5") for fold in set(table.folds)}
    assert {len(model.target.classes) for model in models.values()} == {2, 3}
    data = open_clips("arms", {"poses": None}, _options(tmp_path))
    for number, clip in enumerate(table.clips):
        model = models[table.folds[number]]
        predicted = model.target.classes[int(model.predict(data.load([clip]), torch.device("cpu"))["predicted"][0])]
        assert table.classes[int(table.predicted[0, number])] == predicted


def test_run__training_curves_reach_the_report(tmp_path: Path) -> None:
    write_pose_set(tmp_path / "poses/arms")
    _train(tmp_path, method="sme-gcn", settings=NETWORK, training={"epochs": 3, "batch_size": 8}, seeds=[0])
    evaluation = stage.run(QUICK, _options(tmp_path))
    assert [len(row) for row in evaluation.curves["validation"]] == [3, 3, 3]
    assert set(evaluation.curves) >= {"lr", "validation"}
    assert "<h2>Training</h2>" in (evaluation.folder / "report.html").read_text()
    assert evaluation.facts["select"] == "val"


def test_run__no_experiment(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no experiment on aqa7 in the workspace\.(.|\n)*aqa finetune --dataset aqa7"):
        stage.run(QUICK, _options(tmp_path), dataset="aqa7")


def test_run__several_experiments_are_listed(root: Path) -> None:
    shutil.copytree(root / "models/arms-kinematics-ridge", root / "models/other")
    with pytest.raises(UsageError, match=r"Several experiments are possible: arms-kinematics-ridge, other\.(.|\n)*--model NAME"):
        stage.run(QUICK, _options(root))
    assert stage.run(QUICK, _options(root, dry_run=True), models=["other"]).name == "other"


def test_run__data_sets_are_found_in_any_spelling(root: Path) -> None:
    assert stage.run(QUICK, _options(root, dry_run=True), dataset="AR-MS").name == "arms-kinematics-ridge"
    with pytest.raises(UsageError, match="The experiment 'arms-kinematics-ridge' is not on legs"):
        stage.run(QUICK, _options(root), dataset="legs", models=["arms-kinematics-ridge"])


def test_run__unknown_experiment_names_the_nearest(root: Path) -> None:
    with pytest.raises(UsageError, match=r"Unknown experiment 'arms-kinematics-rigde'\. Did you mean 'arms-kinematics-ridge'\?"):
        stage.run(QUICK, _options(root), models=["arms-kinematics-rigde"])


def test_run__missing_models_are_named(root: Path) -> None:
    (root / "models/arms-kinematics-ridge/fold-2/1.h5").unlink()
    (root / "models/arms-kinematics-ridge/fold-0/0.h5").unlink()
    with pytest.raises(ArtifactError, match=r"2 of 6 models of 'arms-kinematics-ridge' are missing: fold-0/0, fold-2/1\."):
        stage.run(QUICK, _options(root))


def test_run__damaged_model(root: Path) -> None:
    path = root / "models/arms-kinematics-ridge/fold-1/0.h5"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ArtifactError, match=r"fold-1/0\.h5 is not a readable HDF5 artifact: truncated or damaged"):
        stage.run(QUICK, _options(root))


@pytest.mark.parametrize("text", ["{", "[]", '{"dataset": "arms"}'], ids=["not JSON", "a list", "keys missing"])
def test_run__damaged_index(root: Path, text: str) -> None:
    (root / "models/arms-kinematics-ridge/index.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"index\.json, the list of an experiment's models, is damaged"):
        stage.run(QUICK, _options(root))


def test_run__models_made_with_different_settings(root: Path) -> None:
    _change(root / "models/arms-kinematics-ridge/fold-1/0.h5", config={"settings": {"inner_folds": 9, "face_camera": True, "frames": None}})
    with pytest.raises(
        ArtifactError, match=r"different settings: fold-1/0 differs from fold-0/0 in settings\.inner_folds(.|\n)*--overwrite"
    ):
        stage.run(QUICK, _options(root))


def test_run__model_that_predicts_no_numbers(root: Path) -> None:
    path = root / "models/arms-kinematics-ridge/fold-0/1.h5"
    artifact = store.read(path)
    store.write(path, replace(artifact, arrays={**artifact.arrays, "arrays/bias": np.array([np.nan])}))
    with pytest.raises(ArtifactError, match=r"The model fold-0/1 predicts what is no number for 6 clip\(s\)"):
        stage.run(QUICK, _options(root))


def test_run__test_clips_that_are_gone_and_scores_that_are_gone(root: Path) -> None:
    manifest = root / "poses/arms/manifest.csv"
    whole = manifest.read_text()

    def no_score(row: dict[str, str]) -> None:
        row["score"] = "" if row["clip"] == "s2/clip-1" else row["score"]

    _edit_manifest(manifest, no_score)
    with pytest.raises(
        ArtifactError, match=r"1 of the clips that '.*' was to be tested on have no score: s2/clip-1\.(.|\n)*--manifest FILE"
    ):
        stage.run(QUICK, _options(root))
    elsewhere = root / "scores.csv"
    elsewhere.write_text(whole)
    assert len(stage.run(QUICK, _options(root), places=Places(manifest=elsewhere)).table) == 18
    (root / "poses/arms/s2/clip-1.h5").unlink()
    with pytest.raises(ArtifactError, match=r"1 of the clips that '.*' was to be tested on are not in .*: s2/clip-1\."):
        stage.run(QUICK, _options(root), places=Places(manifest=elsewhere))
