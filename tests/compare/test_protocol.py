"""What differs in how the runs were made is spelled out, whatever their provenance holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stages.compare.protocol import Aspects, aspects
from stages.compare.runs import Run, matched
from stages.evaluate.table import Table
from tests.compare.evaluations import chosen, provenance_of, run_of
from tests.evaluate.tables import scores


def _aspects(*runs: Run) -> Aspects:
    return aspects(matched(runs))


def _differing(found: Aspects) -> dict[str, tuple[str, ...]]:
    return {aspect.name: aspect.values for aspect in (*found.protocol, *found.settings) if not aspect.same}


def test_aspects__runs_that_were_made_alike() -> None:
    table = scores()
    found = _aspects(run_of("a", table), run_of("b", table))
    assert _differing(found) == {}
    same = {aspect.name: aspect.values[0] for aspect in found.protocol}
    assert same["selection"] == "best epoch on validation clips carved from training"
    assert same["encoder"] == "none"
    assert same["poses"] == "9 clips, fingerprint pppppppppppp"
    assert same["split_seed"] == "0"
    assert [aspect.name for aspect in found.settings] == ["settings.width"]


def test_aspects__protocol_selection_encoders_and_settings() -> None:
    table = scores()
    made = provenance_of({"split_seed": 3, "settings": {"width": 16}, "where": ["action=high"]}, encoder="sme-gcn", poses="q" * 64)
    stamp = "transductive: the encoder's pretraining saw 2 of the test clips (without their scores)"
    other = run_of("b", table, made=made, dataset="legs", protocol="10-fold", select="last, test", target="score.execution", stamps=[stamp])
    assert _differing(_aspects(run_of("a", table), other)) == {
        "dataset": ("arms", "legs"),
        "target": ("score", "score.execution"),
        "protocol": ("5-fold", "10-fold"),
        "selection": ("best epoch on validation clips carved from training", "none (last epoch); best epoch on the test clips"),
        "stamps": ("none", stamp),
        "poses": ("9 clips, fingerprint pppppppppppp", "9 clips, fingerprint qqqqqqqqqqqq"),
        "encoder": ("none", "pretrain sme-gcn on arms, legs, eeeeeeeeeeee"),
        "split_seed": ("0", "3"),
        "where": ("–", "action=high"),
        "settings.width": ("8", "16"),
    }


def test_aspects__clips_and_folds() -> None:
    table = scores(folds=3, seeds=2)
    other: Table = replace(chosen(table, list(range(25))), folds=np.array([f"fold-{number % 5}" for number in range(25)]))
    found = _differing(_aspects(run_of("a", table), run_of("b", replace(other, predicted=other.predicted[:1], seeds=("7",)))))
    assert found["clips"] == ("30", "25")
    assert found["clips that not all have"] == ("5", "0")
    assert found["folds"] == ("3", "5")
    assert found["seeds"] == ("0, 1", "7")
    assert found["clips of each fold"] == ("those of a", "other than those of a")


def test_aspects__settings_that_differ_within_an_experiment_and_fusions() -> None:
    table = scores()
    fused = provenance_of()
    first = fused["inputs"][0]
    other = provenance_of({"settings": {"width": 16}})["inputs"][0]
    fused["inputs"] = [{**first, "role": "models of x"}, {**other, "role": "models of y"}]
    found = _differing(_aspects(run_of("a", table), run_of("b", table, made=fused, fused={"x": "m, weight 0.5", "y": "m, weight 0.5"})))
    assert found == {
        "settings.width": ("8", "8 or 16"),
        "fused": ("–", "x: m, weight 0.5, y: m, weight 0.5"),
        "poses": ("9 clips, fingerprint pppppppppppp", "–"),
    }


def test_aspects__predictions_without_provenance_of_models() -> None:
    table = scores()
    bare = Run("b", table, {}, {"stage": "evaluate"}, "b")
    found = _differing(_aspects(run_of("a", table), bare))
    assert found["dataset"] == ("arms", "–")
    assert found["settings.width"] == ("8", "–")
