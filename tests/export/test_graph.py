"""Graphs of models: prepared clips have the scores of ``aqa score``, with onnxruntime and without torch."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.encoders.segments import SegmentsConfig
from stages.encoders.spec import EncoderSpec, ImageSpec, PoseSpec, PretrainedEncoder, SegmentSpec
from stages.engine.opening import open_clips
from stages.engine.options import RunOptions
from stages.errors import UsageError
from stages.export import graph, onnx_file
from stages.finetune.model import Model, roles_of
from stages.skeletons.input import PoseInput
from stages.workspace import Workspace
from tests.small import write_feature_set, write_image_set, write_pose_set

SMALL = ("--set", "settings.encoder_settings={width: 8, blocks: 2}", "--set", "settings.input.frames=16", "--init", "none")
RECURRENT = ("--set", "settings.encoder_settings={units: 8, layers: 2}", "--set", "settings.channels=8", "--init", "none")
LONGER = ("--epochs", "5", "--set", "training.lr=0.03")
DRAWN = (*LONGER, "--set", "settings.size=24", "--set", "settings.width=4", "--set", "settings.input={frames: 40, length: pad-back}")
SEEN = (*LONGER, "--set", "settings.frames=4", "--set", "settings.units=8", "--set", "settings.encoder_settings={features: 4, width: 4}")
FITTED = ("kinematics-ridge", "features-svr", "coreg", "linear-probe", "knn-probe")
PARTLY = ("--protocol", "2-fold/50-percent-labels/seed-0")
WITHOUT_TORCH = """
import json, sys
sys.modules["torch"] = None
import numpy as np, onnxruntime
found = []
for graph, clips in zip(json.loads(sys.argv[1]), json.loads(sys.argv[2])):
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    clips = dict(np.load(clips))
    at_once = len(clips[names[0]]) if isinstance(session.get_inputs()[0].shape[0], str) else 1
    parts = [{name: clips[name][start : start + at_once] for name in names} for start in range(0, len(clips[names[0]]), at_once)]
    found.append(np.concatenate([session.run(None, part)[0] for part in parts]).tolist())
assert not [name for name in sys.modules if name.split(".")[0] == "stages"]
print(json.dumps(found))
"""


def scored(aqa, name: str, *arguments: str) -> dict[str, dict]:
    code, out, err = aqa("score", "--dataset", "arms", "--model", name, "--json", *arguments)
    assert code == 0, err
    return {clip["clip"]: clip for clip in json.loads(out)["clips"]}


def by_graphs(workspace: Path, name: str) -> tuple[list[str], np.ndarray]:
    """Return the clips of the set, and what an experiment's graphs say of them in a process without torch, (models, N, …)."""
    folder, graphs, inputs = workspace / f"exports/{name}", [], []
    for member in json.loads((folder / "preparation.json").read_text())["members"]:
        model = Model.read(workspace / f"models/{name}/{member['id']}.h5")
        data = open_clips("arms", roles_of(model.documents["method"]), RunOptions(Workspace(workspace)))
        prepared = graph.prepared(model, data.load(data.manifest.clips))
        assert set(member["inputs"]) <= set(prepared)
        np.savez(workspace / f"{len(inputs)}.npz", **prepared)
        graphs.append(str(folder / member["files"]["onnx"]))
        inputs.append(str(workspace / f"{len(inputs)}.npz"))
    command = [sys.executable, "-c", WITHOUT_TORCH, json.dumps(graphs), json.dumps(inputs)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=workspace)
    assert ran.returncode == 0, ran.stderr
    return data.manifest.clips, np.array(json.loads(ran.stdout))


@pytest.fixture
def arms(workspace: Path) -> Path:
    """Poses, features and pictures of people who raise their arms, with a difficulty."""
    write_pose_set(workspace / "poses/arms")
    write_feature_set(workspace / "features/arms/tiny")
    write_image_set(workspace / "images/arms")
    for manifest in workspace.glob("**/manifest.csv"):
        rows = list(csv.DictReader(manifest.open()))
        for number, row in enumerate(rows):
            row["difficulty"] = str((1.5, 2.0, 2.5)[number % 3])
            row["action"] = ("low", "high")[number % 2]
        with manifest.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return workspace


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("sme-gcn", SMALL),
        ("features-mlp", ("--set", "target.scaling=class-standardise", "--set", "target.times=difficulty")),
        ("kinematics-ridge", ()),
        ("c3d-lstm", ()),
        ("s4aqa", (*PARTLY, "--set", "settings.channels=[8]")),
        ("core", ("--set", "settings.same=difficulty", "--set", "settings.hidden=16")),
        ("expert", (*RECURRENT, "--set", "settings.input={frames: 40, length: pad-front}")),
        ("vi-net", DRAWN),
        ("u-vi", SEEN),
        *(
            pytest.param(method, arguments, marks=pytest.mark.slow)
            for method, arguments in (
                ("features-svr", ()),
                ("coreg", PARTLY),
                ("linear-probe", SMALL),
                ("knn-probe", SMALL),
                ("dae-core", ()),
            )
        ),
    ],
)
def test_prepared__has_the_scores_of_aqa_score(aqa, arms: Path, method: str, arguments: tuple[str, ...]) -> None:
    length = () if method in FITTED else ("--epochs", "2", "--select", "last")
    code, _, err = aqa("finetune", "--dataset", "arms", "--method", method, "--name", "own", "--protocol", "2-fold", *length, *arguments)
    assert code == 0, err
    code, _, err = aqa("export", "own", "--format", "onnx")
    assert (code, "Warning" in err, "graph(" in err) == (0, False, False), err
    clips, found = by_graphs(arms, "own")
    truth = scored(aqa, "own")
    values = np.array([truth[clip]["score"] for clip in clips])
    members = json.loads((arms / "exports/own/preparation.json").read_text())["members"]
    assert {member["clips_at_once"] for member in members} == {1 if method == "u-vi" else "any number"}
    assert np.ptp(found, axis=1).min() > 1e-3, "a graph that says the same of all clips shows nothing"
    assert np.abs(found.mean(axis=0) - values).max() < 1e-4


def test_prepared__levels_have_the_class_scores(aqa, arms: Path) -> None:
    tune = ("--task", "action", "--protocol", "2-fold", "--epochs", "20", "--select", "last")
    assert aqa("finetune", "--dataset", "arms", "--method", "features-mlp", "--name", "own", *tune)[0] == 0
    assert aqa("export", "own", "--format", "onnx")[0] == 0
    clips, found = by_graphs(arms, "own")
    truth = scored(aqa, "own")
    names = json.loads((arms / "exports/own/preparation.json").read_text())["members"][0]["target"]["classes"]
    assert names == ["high", "low"]
    assert [names[place] for place in found.mean(axis=0).argmax(axis=1)] == [truth[clip]["label"] for clip in clips]
    assert len({truth[clip]["label"] for clip in clips}) == 2


def test_prepared__a_class_that_training_did_not_see(aqa, arms: Path) -> None:
    scaling = ("--set", "target.scaling=class-standardise")
    assert aqa("finetune", "--dataset", "arms", "--method", "features-ridge", "--protocol", "2-fold", "--name", "own", *scaling)[0] == 0
    assert aqa("export", "own", "--format", "onnx")[0] == 0
    manifest = arms / "features/arms/tiny/manifest.csv"
    manifest.write_text(manifest.read_text().replace("high", "other"))
    clips, found = by_graphs(arms, "own")
    truth = scored(aqa, "own")
    assert np.abs(found.mean(axis=0) - [truth[clip]["score"] for clip in clips]).max() < 1e-4


def test_pictures__longer_clips_than_the_graph_takes(aqa, arms: Path) -> None:
    tune = ("--protocol", "2-fold", "--epochs", "1", "--select", "last", *SEEN)
    assert aqa("finetune", "--dataset", "arms", "--method", "u-vi", "--name", "own", *tune)[0] == 0
    assert aqa("export", "own", "--frames", "16", "--format", "onnx", "--member", "fold-0/0")[0] == 0
    member = json.loads((arms / "exports/own/preparation.json").read_text())["members"][0]
    assert (member["inputs"]["images"]["shape"], member["clips_at_once"]) == ([1, 16, 1, 3, 16, 16], 1)
    model = Model.read(arms / "models/own/fold-0/0.h5")
    data = open_clips("arms", roles_of(model.documents["method"]), RunOptions(Workspace(arms)))
    with pytest.raises(UsageError, match=r"A clip has 20 frames, the graph takes at most 16\.\n  hint: aqa export --frames 20"):
        graph.prepared(model, data.load(data.manifest.clips), frames=16)


@pytest.mark.parametrize(
    "spec",
    [
        PoseSpec("ctr-gcn", {"width": 8, "blocks": 3}, "kinect-25", 3, PoseInput(frames=16, people=2)),
        PoseSpec("gru", {"units": 8}, "coco-17", 2, PoseInput(frames=24, length="pad-front")),
        PoseSpec("st-gcn", {"width": 8, "blocks": 3}, "kinect-25", 3, PoseInput(frames=16, length="pad-back")),
        ImageSpec("posture", {"features": 4, "width": 4}, 3, (16, 16)),
        SegmentSpec(SegmentsConfig(channels=(8, 8)).model_dump(), {"features": (5, 12), "flow": (4, 6)}),
    ],
    ids=lambda spec: spec.name,
)
def test_encoder__takes_any_number_of_clips(spec: EncoderSpec) -> None:
    if spec.name == "st-gcn":
        pytest.importorskip("mmaction")
    encoder = PretrainedEncoder(spec, spec.build().state_dict(), "", {}, {}, frozenset(), {})
    exported = onnx_file.export(graph.of_encoder(encoder), spec.name)
    assert exported.batch == "N"
    assert len(exported.example["expected.representation"]) == 3
    assert exported.difference < 1e-5
