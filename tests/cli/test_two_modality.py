"""``aqa finetune --method 2m-af`` and what ``aqa evaluate`` says of its streams."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from examples.two_modalities import write as write_two_modalities
from stages.artifacts import store
from stages.extract_features.backbones.registry import HERE

SMALL = ("--set", "settings.encoder_settings.width=8", "--set", "settings.encoder_settings.blocks=2", "--set", "settings.input.frames=16")
TRAIN = ("--dataset", "two", "--protocol", "2-fold", "--select", "last", "--set", "training.lr=0.01")


def _metrics(workspace: Path, name: str) -> dict:
    return json.loads((workspace / f"evaluations/{name}/metrics.json").read_text())


@pytest.mark.parametrize("fusion", ["pfm", "pfm+mlp", "mlp", "bilinear", "falcons"])
def test_finetune__every_fusion_trains_and_is_evaluated(aqa, workspace: Path, fusion: str) -> None:
    write_two_modalities(workspace, subjects=4, each=3)
    code, _, err = aqa(
        "finetune", "--method", "2m-af", *TRAIN, "--epochs", "1", "--seeds", "0-1", *SMALL, "--set", f"settings.fusion={fusion}"
    )
    assert code == 0, err
    code, out, err = aqa("evaluate")
    assert code == 0, err
    found = _metrics(workspace, "two-2m-af")
    assert ("streams" in found) == fusion.startswith("pfm")
    page = (workspace / "evaluations/two-2m-af/report.html").read_text()
    assert ("Stream skeleton" in page) == fusion.startswith("pfm")
    if fusion.startswith("pfm"):
        assert list(found["streams"]["picked"]) == ["skeleton", "rgb", "both"][: 3 if fusion == "pfm+mlp" else 2]
        assert sum(found["streams"]["picked"].values()) == pytest.approx(1)
        assert "picks that were the nearest" in out


def test_finetune__the_picked_stream_is_the_prediction(aqa, workspace: Path) -> None:
    write_two_modalities(workspace, subjects=4, each=3)
    assert aqa("finetune", "--method", "2m-af", *TRAIN, "--epochs", "3", *SMALL)[0] == 0
    assert aqa("evaluate")[0] == 0
    with h5py.File(workspace / "evaluations/two-2m-af/predictions.h5") as file:
        predicted, extra = file["predicted"][:, 0], {name: values[:, 0] for name, values in file["extra"].items()}
    every = np.stack([extra["predicted.skeleton"], extra["predicted.rgb"]])
    assert np.allclose(predicted, np.take_along_axis(every, extra["stream"].astype(int)[None], axis=0)[0])
    assert ((extra["confidence"] >= 0.5) & (extra["confidence"] <= 1)).all()


def test_finetune__two_modalities_predict_scores_only(aqa, workspace: Path) -> None:
    write_two_modalities(workspace, subjects=4, each=2)
    code, _, err = aqa("finetune", "--method", "2m-af", "--dataset", "two", "--protocol", "2-fold", "--task", "action", *SMALL)
    assert code in (2, 3)
    write_two_modalities(workspace, subjects=4, each=2)
    code, _, err = aqa("finetune", "--method", "2m-af", *TRAIN, "--task", "level", "--target-column", "fault", *SMALL, "--epochs", "1")
    assert (code, "2M-AF predicts scores only" in err) == (2, True)


def test_finetune__no_features(aqa, workspace: Path) -> None:
    write_two_modalities(workspace, subjects=4, each=2)
    code, _, err = aqa("finetune", "--method", "2m-af", *TRAIN, "--backbone", "i3d")
    assert (code, "There are no features of 'two' by 'i3d'" in err, "aqa extract-features" in err) == (2, True, True)


def write_frames(workspace: Path, *, side: int = 16) -> None:
    """Write frames of the clips of ``two``: a grey that says the score."""
    table = (workspace / "poses/two/manifest.csv").read_text()
    for row in csv.DictReader(table.splitlines()):
        images = np.full((1, 18, 3, side, side), 40 + int(float(row["score"])), np.uint8)
        documents = {"clip": {"views": [{"name": "original", "yaw": 0.0, "pitch": 0.0}]}, "config": {}, "provenance": {}}
        arrays = {"images": images, "timestamps": np.arange(18) / 30}
        header = store.Header("images", "extract-maps", 1, row["clip"])
        store.write(workspace / f"images/two/{row['clip']}.h5", store.Artifact(header, arrays, documents))
    (workspace / "images/two/manifest.csv").write_text(table)


def test_finetune__the_rgb_stream_from_frames_end_to_end(aqa, workspace: Path) -> None:
    write_two_modalities(workspace, subjects=4, each=3)
    write_frames(workspace)
    video = ("--set", "settings.video=frames", "--set", "settings.backbone={network: tiny, segments: 1, weights: packaged}")
    code, _, err = aqa("finetune", "--method", "2m-af", *TRAIN, "--epochs", "2", "--set", "training.micro_batch=4", *SMALL, *video)
    assert code == 0, err
    code, out, err = aqa("evaluate")
    assert (code, "picks that were the nearest" in out) == (0, True), err
    model = store.read(workspace / "models/two-2m-af/fold-1/0.h5", "model")
    started = store.read(HERE / "tiny.h5").arrays
    (name,) = [name for name in model.arrays if name.endswith("video.network.layers.0.weight")]
    moved = np.abs(model.arrays[name] - started["weights/layers.0.weight"])
    assert 0 < moved.max() < 0.02, "the network starts from its packaged weights and learns slowly"
    assert {entry["role"] for entry in model.documents["provenance"]["inputs"]} == {"poses", "images"}


@pytest.mark.slow
def test_finetune__preference_fusion_beats_its_streams_and_simple_fusion_where_each_is_blind(aqa, workspace: Path) -> None:
    write_two_modalities(workspace, subjects=40)
    single = ("--set", "settings.loss=mse+mae")
    runs = {
        "pfm": ("2m-af", "--set", "settings.fusion=pfm", *SMALL),
        "simple": ("2m-af", "--set", "settings.fusion=simple", *SMALL),
        "skeleton": ("sme-gcn", *SMALL),
        "rgb": ("features-mlp", "--set", "settings.hidden=[]", "--set", "settings.dropout=0", *single),
    }
    found = {}
    for name, (method, *options) in runs.items():
        assert aqa("finetune", "--method", method, *TRAIN, "--epochs", "40", "--name", name, *options)[0] == 0
        assert aqa("evaluate", "--model", name)[0] == 0
        found[name] = _metrics(workspace, name)
    rho = {name: metrics["overall"]["spearman"] for name, metrics in found.items()}
    for other in ("simple", "skeleton", "rgb"):
        assert rho["pfm"]["low"] > rho[other]["value"], rho
    streams = found["pfm"]["streams"]
    assert streams["right"]["low"] > streams["chance"]["value"] + 0.1
