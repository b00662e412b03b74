"""Score fusion of several experiments: by hand, refused where they do not belong together, and through the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.errors import UsageError
from stages.evaluate.collect import Collected
from stages.evaluate.fusion import fuse
from stages.evaluate.table import Table
from tests.small import write_pose_set

FACTS = {
    "dataset": "d",
    "protocol": "2-fold",
    "task": "score",
    "target": "score",
    "seeds": ["0"],
    "method": "m",
    "select": "last",
    "stamps": [],
}
SMALL = ("--set", "settings.encoder_settings.width=8", "--set", "settings.encoder_settings.blocks=2", "--set", "settings.input.frames=8")


def _part(predicted: list[float], clips: str = "abcd", **changes: object) -> Collected:
    count = len(clips)
    table = Table(
        clips=np.array(list(clips)),
        truth=np.arange(count, dtype=float),
        predicted=np.array([predicted]),
        seeds=("0",),
        groups=np.array(["all"] * count),
        clusters=np.array(list(clips)),
        folds=np.array(["f"] * count),
    )
    facts = FACTS | {key: value for key, value in changes.items() if key in FACTS}
    return Collected(replace(table, **{key: value for key, value in changes.items() if key not in FACTS}), facts, [{"role": "models"}])


def test_fuse__scores_are_averaged_clip_by_clip_whatever_their_order() -> None:
    other = _part([40, 30, 20, 10], clips="dcba", truth=np.arange(4.0)[::-1])
    found = fuse(["x", "y"], [_part([1, 2, 3, 4]), other], [3, 1])
    assert found.table.predicted.tolist() == [[(3 * a + b) / 4 for a, b in zip((1, 2, 3, 4), (10, 20, 30, 40), strict=True)]]
    assert found.facts["fused"] == {"x": "m, weight 0.75", "y": "m, weight 0.25"}
    assert [entry["role"] for entry in found.inputs] == ["models of x", "models of y"]


def test_fuse__columns_and_poses_are_those_of_the_parts() -> None:
    columns = {"sex": np.array(list("fmfm"))}
    one, two = _part([1, 2, 3, 4], columns=columns), replace(_part([4, 3, 2, 1], columns=columns), poses=str)
    found = fuse(["x", "y"], [one, two])
    assert found.table.columns["sex"].tolist() == list("fmfm")
    assert found.poses is str


def test_fuse__class_scores_are_added_and_an_unseen_class_is_no_candidate() -> None:
    def part(**scores: list[float]) -> Collected:
        extra = {f"score.{name}": np.array([values]) for name, values in scores.items()}
        return _part([0, 0], clips="ab", task="action", classes=("p", "q", "r"), extra=extra)

    one, two = part(p=[1.0, 0.0], q=[0.9, 0.1], r=[np.nan, 5.0]), part(p=[0.0, 0.0], q=[0.5, 0.2], r=[9.0, 9.0])
    assert fuse(["x", "y"], [one, two]).table.predicted.tolist() == [[1, 2]]


def test_fuse__experiments_on_other_clips_or_protocols_are_refused() -> None:
    one = _part([1, 2, 3, 4])
    with pytest.raises(UsageError, match=r"'x' and 'y' cannot be fused: they differ in the clips of each fold[\s\S]*same --dataset"):
        fuse(["x", "y"], [one, _part([1, 2, 3, 4], clips="abce")])
    with pytest.raises(UsageError, match="they differ in protocol, seeds"):
        fuse(["x", "y"], [one, _part([1, 2, 3, 4], protocol="5-fold", seeds=["1"])])
    with pytest.raises(UsageError, match="--weights takes one positive number per experiment, found 1 for 2"):
        fuse(["x", "y"], [one, one], [1.0])


def test_evaluate__four_streams_and_their_fusion(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    train = ("finetune", "--dataset", "arms", "--task", "action", "--protocol", "2-fold", "--epochs", "2", "--select", "last", *SMALL)
    streams = ("joint", "bone", "joint-motion", "bone-motion")
    for stream in streams:
        assert aqa(*train, "--name", stream, "--set", f"settings.input.stream={stream}")[0] == 0
    models = [word for stream in streams for word in ("--model", stream)]
    code, out, err = aqa("evaluate", *models, "--weights", "0.6,0.6,0.4,0.4")
    assert code == 0, err
    assert out.startswith("joint+bone+joint-motion+bone-motion: ")
    folder = workspace / "evaluations" / "+".join(streams)
    found = json.loads((folder / "metrics.json").read_text())
    assert found["fused"]["joint"] == "sme-gcn, weight 0.3"
    assert 0 <= found["overall"]["accuracy"]["value"] <= 1
    assert (folder / "report.html").is_file()
    code, _, err = aqa("evaluate", "--model", "joint", "--weights", "1")
    assert (code, "--weights are for several experiments" in err) == (2, True)
    code, _, err = aqa("evaluate", *models, "--weights", "1,x")
    assert (code, "--weights takes numbers with commas between them, found '1,x'" in err) == (2, True)
