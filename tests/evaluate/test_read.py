"""Predictions that an evaluation wrote are read as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.errors import ArtifactError
from stages.evaluate import figures, read, write
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.evaluation import Evaluation
from stages.evaluate.table import Table
from tests.evaluate.tables import labels, scores

CONFIG = EvaluateConfig(resamples=100)


def _write(folder: Path, table: Table) -> Path:
    made = {"stage": "evaluate", "config": CONFIG.model_dump(mode="json"), "inputs": []}
    write.predictions(Evaluation("x", table, figures.compute(table, CONFIG), {"task": table.task, "stamps": []}, made, folder))
    return folder / write.PREDICTIONS


@pytest.mark.parametrize(
    "table",
    [
        replace(scores({"dive": 9, "vault": 12}, seeds=3, folds=2, subjects=5), extra={"confidence": np.ones((3, 21))}),
        replace(scores(), means=None, deviations=None),
        replace(scores({"all": 24}), columns={"sex": np.array(["f", "m", ""] * 8), "view": np.array(["v1", "v2"] * 12)}),
        labels(("low", "mid", "high"), task="level"),
    ],
    ids=["scores with classes", "scores without statistics", "scores with columns", "levels"],
)
def test_predictions__come_back_as_they_were_and_give_the_same_figures(tmp_path: Path, table: Table) -> None:
    found = read.predictions(_write(tmp_path, table))
    for name in ("clips", "truth", "predicted", "groups", "clusters", "folds", "means", "deviations"):
        np.testing.assert_array_equal(getattr(found.table, name), getattr(table, name), err_msg=name)
    assert (found.table.seeds, found.table.classes, found.table.task) == (table.seeds, table.classes, table.task)
    assert sorted(found.table.extra) == sorted(table.extra)
    assert {name: texts.tolist() for name, texts in found.table.columns.items()} == {n: t.tolist() for n, t in table.columns.items()}
    assert figures.compute(found.table, CONFIG).to_json() == figures.compute(table, CONFIG).to_json()
    assert found.facts["task"] == table.task
    assert found.provenance["stage"] == "evaluate"
    assert len(found.fingerprint) == 64


def test_predictions__that_say_less_than_an_evaluation_does(tmp_path: Path) -> None:
    path = _write(tmp_path, scores(seeds=2))
    artifact = store.read(path)
    samples = dict(artifact.documents["samples"])
    del samples["cluster"]
    samples["group"] = samples["group"][:-1]
    samples["seeds"] = ["0"]
    samples["columns"] = {"sex": ["f"] * 3}
    store.write(path, replace(artifact, documents={**artifact.documents, "samples": samples}))
    with pytest.raises(ArtifactError, match=r"is not what 'aqa evaluate' writes:(.|\n)*'cluster' is missing") as error:
        read.predictions(path)
    assert "'group' has 29 entries, expected 30" in str(error.value)
    assert "'columns/sex' has 3 entries, expected 30" in str(error.value)
    assert "/predicted: has the shape (30, 2), expected (30, 1)" in str(error.value)
    assert "aqa evaluate makes it again" in error.value.hint


def test_predictions__of_another_kind(tmp_path: Path) -> None:
    path = _write(tmp_path, scores())
    with pytest.raises(ArtifactError, match="does not exist"):
        read.predictions(path.with_name("none.h5"))
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(ArtifactError, match="truncated or damaged"):
        read.predictions(path)
