"""Every method of the registry: what its graph takes, and that ``docs/export.md`` says so."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.artifacts import store
from stages.artifacts.store import Artifact, Header
from stages.encoders.registry import ENCODERS
from stages.encoders.video import VideoConfig
from stages.engine import loop
from stages.engine.method import Context
from stages.engine.targets import Target, TargetConfig
from stages.errors import ArtifactError, UsageError
from stages.export import graph, onnx_file
from stages.finetune.methods.registry import METHODS
from stages.finetune.methods.tsa_net import Settings, TSANet
from stages.finetune.model import Model
from stages.skeletons.layouts import layout_named
from tests.small import write_feature_set, write_image_set, write_pose_set

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/export.md"
GCN = ("settings.encoder_settings={width: 8, blocks: 2}", "settings.input.frames=16")
GRU = ("settings.encoder_settings={units: 8, layers: 2}", "settings.input.frames=40", "settings.channels=8")
JUDGES = [f"score.judge_{number}" for number in range(5)]
TURNED = 'settings.features.views=["original", "rotate90", "rotate180", "rotate270"]'
FRESH = ("sme-gcn", "2m-af", "expert", "linear-probe", "knn-probe", "u-vi")
PARTLY = ("coreg", "s4aqa", "vat", "pseudo-labels", "s4l", "mean-teacher")
FITTED = re.compile("coreg|.*-(probe|ridge|svr|trees)")
SETTINGS: dict[str, tuple[str, ...]] = {
    "sme-gcn": GCN,
    "2m-af": GCN,
    "coreg": (),
    "usdl": (),
    "musdl": (f"settings.judges={json.dumps(JUDGES)}", "settings.drop=1", "target.column=score.sum"),
    "core": ("settings.hidden=16",),
    "dae": (),
    "dae-core": (),
    "gdlt": (),
    "jrg": ("settings.features.backbone=net",),
    "c3d-avg": ("settings.hidden=16",),
    "c3d-lstm": (),
    "action-net": (),
    "falcons": ("settings.input.frames=24",),
    "s4aqa": ("settings.channels=[8]",),
    "vat": ("settings.channels=[8]",),
    "pseudo-labels": ("settings.channels=[8]",),
    "s4l": ("settings.channels=[8]", TURNED),
    "mean-teacher": ("settings.channels=[8]",),
    "eagle-eye": (),
    "vi-net": ("settings.size=24", "settings.width=4", "settings.input.frames=40"),
    "expert": GRU,
    "linear-probe": GCN,
    "knn-probe": GCN,
    "kinematics-ridge": (),
    "kinematics-svr": (),
    "u-vi": ("settings.frames=4", "settings.units=8", "settings.encoder_settings={features: 4, width: 4}"),
    "features-ridge": (),
    "features-svr": (),
    "features-mlp": (),
}
ELSEWHERE = {"tsa-net", "kinematics-trees"}


def rows_of_the_table() -> dict[str, list[str]]:
    """Return method → the cells of its row in the documentation."""
    table = DOCUMENT.read_text(encoding="utf-8").partition("## What can be exported")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return {name.strip("`"): cells for names, *cells in lines for name in names.split(", ")}


def write_sets(workspace: Path) -> None:
    """Write poses, features and pictures, features of squares around joints, and more columns."""
    write_pose_set(workspace / "poses/arms")
    write_feature_set(workspace / "features/arms/tiny", views=("original", "rotate90", "rotate180", "rotate270"))
    write_feature_set(workspace / "features/squares/net")
    write_image_set(workspace / "images/spots")
    for file in (workspace / "features/squares/net").rglob("*.h5"):
        scene, random = store.read(file), np.random.default_rng(0)
        values = scene.arrays["features"]
        squares = (values[..., None] + random.normal(size=(*values.shape, 17))).astype(np.float32)
        squares[..., 3] = np.nan
        documents = {**scene.documents, "clip": {"joints": list(layout_named("coco-17").joints)}}
        place = workspace / "features/squares/net-patches" / file.relative_to(workspace / "features/squares/net")
        store.write(
            place, Artifact(Header("features", "extract-features", 1, f"{scene.header.fingerprint}-p"), {"features": squares}, documents)
        )
    for manifest in workspace.glob("*/arms/**/manifest.csv"):
        rows = list(csv.DictReader(manifest.open()))
        for number, row in enumerate(rows):
            difficulty, marks = (1.5, 2.0, 2.5)[number % 3], [2.0 + number % 5 + 0.5 * judge for judge in range(5)]
            row["difficulty"], row["score.execution"] = str(difficulty), str(float(row["score"]) / difficulty)
            row["score.sum"] = str(sum(sorted(marks)[1:4]))
            row.update(zip(JUDGES, map(str, marks), strict=True))
        with manifest.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def test_methods__are_all_tried_and_documented() -> None:
    assert set(SETTINGS) | ELSEWHERE == set(METHODS)
    assert set(rows_of_the_table()) == {*METHODS, *ENCODERS, "segments"}


@pytest.mark.slow
@pytest.mark.parametrize("method", SETTINGS)
def test_method__has_the_graph_that_is_documented(aqa: Any, workspace: Path, method: str) -> None:
    write_sets(workspace)
    dataset = {"jrg": "squares", "u-vi": "spots"}.get(method, "arms")
    chosen = [part for setting in SETTINGS[method] for part in ("--set", setting)]
    length = () if FITTED.fullmatch(method) else ("--epochs", "1", "--select", "last")
    protocol = "2-fold/50-percent-labels/seed-0" if method in PARTLY else "2-fold"
    init = ("--init", "none") if method in FRESH else ()
    tune = ("--dataset", dataset, "--protocol", protocol, "--name", "own", *length, *chosen, *init)
    code, _, err = aqa("finetune", "--method", method, *tune)
    assert code == 0, err
    code, _, err = aqa("export", "own", "--member", "fold-0/0", "--format", "onnx")
    assert code == 0, err
    inputs, at_once = rows_of_the_table()[method][:2]
    (member,) = json.loads((workspace / "exports/own/preparation.json").read_text())["members"]
    there = [name for name in member["inputs"] if not name.endswith("mask")]
    assert [name for name in there if name not in ("group", "factor") and not name.startswith("told.")] == inputs.strip("`").split("`, `")
    assert str(member["clips_at_once"]) == {"any": "any number", "one": "1"}[at_once]


def tsa_net(attention: Any, size: int | None) -> Model:
    settings = Settings(backbone=VideoConfig(network="tiny", segments=2), attention=attention, hidden=(8,))
    method = loop.initialise(lambda: TSANet(settings, Context()), 0)
    lineage = {"inputs": [{"role": "images", "made_by": [{"count": 1, "provenance": {"config": {"size": size}}}]}]}
    documents = {"method": {"name": "tsa-net", "context": Context().to_json()}, "provenance": lineage}
    target = Target(TargetConfig(scaling="range-100"), (), ("all",), shift=np.array([3.0]), scale=np.array([0.5]))
    return Model(method.eval(), target, documents)  # type: ignore[arg-type]


@pytest.mark.parametrize("attention", ["tube", "all", "none"])
def test_tsa_net__frames_and_boxes(attention: str) -> None:
    exported = onnx_file.export(graph.of_model(tsa_net(attention, 64), 20), "tsa-net")
    assert [port.name for port in exported.graph.ports] == ["images", "frames", *(["boxes"] if attention == "tube" else [])]
    assert (exported.batch, exported.graph.ports[0].shape) == (1, (20, 1, 3, 64, 64))


def test_pictures__of_which_nobody_knows_the_size_or_the_number() -> None:
    with pytest.raises(UsageError, match=r"does not say how long its training clips were\.\n  hint: aqa export --frames NUMBER"):
        graph.of_model(tsa_net("none", 64), None)
    with pytest.raises(ArtifactError, match="does not say how large the pictures of its training clips were"):
        graph.of_model(tsa_net("none", None), 20)
