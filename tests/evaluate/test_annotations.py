"""What a model names beside the target: how often it is right, of whom, and where nothing is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stages.evaluate import figures
from stages.evaluate.annotations import columns_of
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.table import Table
from tests.evaluate import tables


def table() -> Table:
    """Thirty clips: of ten nothing is known; of twenty, twelve are tuck, one is a class that training never saw."""
    known = np.array(["tuck"] * 12 + ["pike"] * 7 + ["free"] + [""] * 10)
    always = np.full(30, "tuck")
    mostly = np.where(known == "free", "pike", known)
    captions = np.full((2, 30), "a dive")
    return replace(tables.scores(seeds=2), said={"position": np.stack([always, mostly]), "caption": captions}, known={"position": known})


def test_figures__how_often_a_class_is_named() -> None:
    found = figures.compute(table(), EvaluateConfig(resamples=200))
    named = found.named["position"]
    assert list(found.named) == ["position"], "sentences are neither right nor wrong"
    assert (named.clips, named.commonest) == (20, 0.6)
    assert named.accuracy.seeds == (0.6, 0.95)
    assert named.accuracy.low < named.accuracy.value < named.accuracy.high
    assert found.to_json()["named"]["position"]["accuracy"]["value"] == pytest.approx(0.775)
    said = next(note for note in found.notes if note.startswith("position"))
    assert said.startswith("position is named rightly of 0.775 [0.")
    assert said.endswith("] of 20 clips; always naming the commonest would be 0.600")


def test_figures__nothing_named_and_nothing_known() -> None:
    plain = figures.compute(tables.scores(), EvaluateConfig(resamples=200))
    assert (plain.named, "named" in plain.to_json()) == ({}, False)
    assert columns_of(replace(table(), known={"position": np.full(30, "")})) == {}


def test_figures__numbers_that_are_predicted_beside_the_target() -> None:
    plain = tables.scores(seeds=2)
    truth = np.linspace(1, 4, 30)
    truth[20:] = np.nan
    said = np.stack([truth, -truth])
    said[:, 20:] = 99.0
    said[0, :20] += 0.5
    found = figures.compute(replace(plain, numbers={"difficulty": truth}, extra={"number.difficulty": said}), EvaluateConfig(resamples=200))
    measured = found.measured["difficulty"]
    assert measured.clips == 20
    assert measured.spearman.seeds == pytest.approx((1, -1))
    assert measured.mae.seeds == pytest.approx((0.5, float(np.abs(2 * truth[:20]).mean())))
    assert found.to_json()["measured"]["difficulty"]["clips"] == 20
    note = next(note for note in found.notes if note.startswith("difficulty"))
    assert note.startswith("difficulty is predicted with Spearman ρ 0.000 [")
    assert note.endswith(", on 20 clips")
    assert figures.compute(replace(plain, numbers={"difficulty": truth}), EvaluateConfig(resamples=200)).measured == {}, (
        "fused predictions say nothing of it"
    )
    taken = replace(plain, numbers={"difficulty": truth}).take(np.array([25, 3]))
    assert taken.numbers["difficulty"].tolist()[1] == truth[3]


def test_table__what_is_said_follows_the_clips() -> None:
    order = np.array([29, 13, 0])
    taken = table().take(order)
    assert taken.said["position"].tolist() == [["tuck"] * 3, ["", "pike", "tuck"]]
    assert taken.known["position"].tolist() == ["", "pike", "tuck"]
