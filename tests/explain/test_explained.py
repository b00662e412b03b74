"""What explanations say of models whose reasons are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from stages.artifacts.collection import Collection
from stages.engine.records import ClipSet, ImageClip, Record
from stages.errors import UsageError
from stages.explain import gradients
from stages.explain.explanation import Explanation
from stages.explain.occlusion import Explainer, best_for
from stages.finetune.model import Model
from tests.small import write_feature_set, write_pose_set

CPU = torch.device("cpu")
NETWORK = ("--init", "none", "--epochs", "60", "--select", "last", "--set", "training.lr=0.01", "--set", "settings.input.frames=32")
SMALL = ("--set", "settings.encoder_settings.width=8", "--set", "settings.encoder_settings.blocks=2")


def one_class(folder: Path) -> None:
    """Leave the actions out of a set's manifest, so that all its clips compare with each other."""
    table = pd.read_csv(folder / "manifest.csv")
    table.drop(columns="action", errors="ignore").to_csv(folder / "manifest.csv", index=False)


def trained(aqa, workspace: Path, name: str, *options: str) -> tuple[Model, list[Record]]:
    """A model of the small poses or features, and the clips that it was tested on."""
    for manifest in workspace.glob("*/arms/**/manifest.csv"):
        one_class(manifest.parent)
    assert aqa("finetune", "--dataset", "arms", "--protocol", "3-fold", "--name", name, *options)[0] == 0
    model = Model.read(workspace / f"models/{name}/fold-0/0.h5")
    assert model.carried is not None
    assert len(model.carried.best) == (0 if model.target.classes else 5)
    kind = "poses" if (workspace / "poses/arms").exists() else "features"
    place = workspace / ("poses/arms" if kind == "poses" else "features/arms/tiny")
    data = ClipSet("arms", {kind: Collection(place, kind)})
    return model, data.load(model.documents["data"]["test"])


def lowest(records: list[Record]) -> Record:
    """The clip with the lowest score."""
    return min(records, key=lambda record: record.row.number("score"))


def check_arms(explanation: Explanation) -> None:
    """The arms were not raised high enough, in both raises, and nothing else is wrong."""
    totals = dict(zip(explanation.parts, explanation.totals, strict=True))
    arms = totals["left_arm"] + totals["right_arm"]
    assert arms < -5
    assert arms < 3 * min(totals["left_leg"], totals["right_leg"], totals["trunk"], 0)
    moments = explanation.grid[[explanation.parts.index(part) for part in ("left_arm", "right_arm")]].sum(axis=0)
    assert moments[[1, 2, 5, 6]].sum() < 2 * moments[[0, 3, 4, 7]].sum(), "in half of the eight moments the arms hang"


def test_replacement__of_a_classical_regressor(aqa, workspace) -> None:
    write_pose_set(workspace / "poses/arms")
    model, records = trained(aqa, workspace, "ridge", "--method", "kinematics-ridge")
    (found,) = Explainer(model, CPU).explain(lowest(records))
    assert (found.how, found.of, found.parts[-1]) == ("replacement", "poses", "whole body")
    assert found.grid.shape == (6, 8)
    check_arms(found)


def test_network__by_replacement_and_by_gradients(aqa, workspace) -> None:
    write_pose_set(workspace / "poses/arms")
    model, records = trained(aqa, workspace, "net", "--method", "sme-gcn", *NETWORK, *SMALL)
    record = lowest(records)
    (moved,) = Explainer(model, CPU).explain(record)
    (led,) = gradients.explain(model, record, CPU)
    check_arms(moved)
    check_arms(led)


def test_gradients__add_up_to_the_distance_from_the_best(aqa, workspace) -> None:
    write_pose_set(workspace / "poses/arms")
    model, records = trained(aqa, workspace, "net", "--method", "sme-gcn", *NETWORK, *SMALL)
    record = lowest(records)
    (led,) = gradients.explain(model, record, CPU)
    starts = [gradients.start_of(record, each) for each in best_for(model, record)]
    scores = model.predict([record, *(start for start in starts if start is not None)])["predicted"]
    assert led.totals[-1] == pytest.approx(scores[0] - scores[1:].mean(), rel=0.05)


@pytest.mark.parametrize("how", ["replacement", "gradients"])
def test_features__segment_by_segment(aqa, workspace, how) -> None:
    write_feature_set(workspace / "features/arms/tiny")
    model, records = trained(
        aqa, workspace, "mlp", "--method", "features-mlp", "--epochs", "200", "--select", "last", "--set", "training.lr=0.01"
    )
    record = lowest(records)
    (found,) = Explainer(model, CPU).explain(record) if how == "replacement" else gradients.explain(model, record, CPU)
    assert (found.of, found.parts) == ("features", ("features",))
    segments = record.features().values.shape[1]
    assert found.totals[0] < -5
    assert (found.grid[0, :segments] < 0).all(), "the score shows in every segment"


def test_errors__what_cannot_be_explained(aqa, workspace) -> None:
    write_pose_set(workspace / "poses/arms")
    model, records = trained(aqa, workspace, "ridge", "--method", "kinematics-ridge")
    with pytest.raises(UsageError, match="Gradients are those of networks; this method is fitted in one call"):
        gradients.explain(model, records[0], CPU)
    bare = Model(model.method, model.target, model.documents)
    with pytest.raises(UsageError, match="This model carries no training clips to compare with"):
        Explainer(bare, CPU).explain(records[0])
    pictured = Record(
        records[0].row, {**records[0].artifacts, "images": ImageClip("a", np.zeros((1, 2, 3, 4, 4)), ("original",), np.arange(2.0))}
    )
    with pytest.raises(UsageError, match="This method looks at pictures, which are not explained"):
        Explainer(model, CPU).explain(pictured)
    levels = ("--task", "level", "--target-column", "view")
    model, records = trained(aqa, workspace, "kind", "--method", "linear-probe", "--init", "none", *levels, *SMALL)
    with pytest.raises(UsageError, match="Scores are explained, not levels or actions"):
        Explainer(model, CPU).explain(records[0])
