"""The generated set of six actions: what it claims of itself, and that actions teach each other on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples import six_actions as example
from stages.artifacts.collection import Collection
from stages.datasets import manifest

LSTM = ("--dataset", "six", "--method", "c3d-lstm", "--set", "settings.units=32", "--set", "settings.standardise=true")
RATE = ("--set", "training.lr=0.003")
LONG = ("--select", "last", "--set", "training.iterations=600", "--set", "training.step_iterations=200")
NEW = ("--protocol", "new-action-25", "--select", "test", "--set", "training.iterations=150", "--set", "training.round_iterations=25")
FEW = ("--protocol", "official/10-percent-labels/seed-0")


def test_generate__scores_have_the_action_s_range_and_come_from_the_elements() -> None:
    found = example.generate(400, 0)
    assert list(found) == list(example.ACTIONS)
    for action, (features, scores, elements) in found.items():
        mean, deviation = example.ACTIONS[action]
        assert features.shape == (400, example.SEGMENTS, example.DIMENSIONS)
        assert scores.mean() == pytest.approx(mean, abs=4 * deviation / 20)
        assert scores.std() == pytest.approx(deviation, rel=0.12)
        weights, residue, *_ = np.linalg.lstsq(elements, (scores - mean) / deviation, rcond=None)
        assert (weights > 0).all(), "every element raises the score"
        assert 1 - residue[0] / 400 == pytest.approx(1 / (1 + example.JUDGES**2), abs=0.04)
        assert 0.5 < np.square(weights[: example.SHARED]).sum() / np.square(weights).sum() < 0.85


def test_generate__shared_elements_look_alike_in_two_actions_and_private_ones_do_not() -> None:
    found = example.generate(1500, 0)

    def looks(action: str) -> np.ndarray:
        features, _, elements = found[action]
        return np.stack([np.einsum("n,nsd->sd", element, features - features.mean(axis=0)).ravel() for element in elements.T])

    one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (looks("dive"), looks("ski")))
    alike = np.abs(one @ other.T) > 0.7
    assert alike[: example.SHARED, : example.SHARED].sum() >= 2
    assert not alike[example.SHARED :].any()
    assert not alike[:, example.SHARED :].any()


def test_generate__a_seed_gives_the_same_set_and_another_another() -> None:
    first, again, other = (example.generate(5, seed)["ski"][0] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_write__a_set_with_actions_and_a_split(workspace: Path) -> None:
    example.write(workspace, train=3, test=2, seed=3)
    collection = Collection(workspace / "features/six/seen", "features")
    rows = manifest.parse(collection.manifest_text() or "", "six").rows
    assert len(rows) == len(collection.ids) == 30
    assert sorted({row.text("action") for row in rows}) == sorted(example.ACTIONS)
    assert sum(row.text("split") == "test" for row in rows) == 12


def spearman(workspace: Path, name: str) -> float:
    found = json.loads((workspace / f"evaluations/{name}/metrics.json").read_text())["overall"]
    return float(found["spearman_mean"]["value"])


@pytest.mark.slow
def test_c3d_lstm__actions_teach_each_other(aqa: Any, workspace: Path) -> None:
    example.write(workspace)
    experiments = {
        "all": (*LONG, *FEW),
        "single": (*LONG, *FEW, "--per", "action"),
        "zero-shot": (*LONG, "--protocol", "zero-shot"),
        "random": (*LONG[:2], "--set", "training.iterations=0", "--protocol", "zero-shot"),
        "scratch": NEW,
        "pretrained": (*NEW, "--from", "zero-shot"),
    }
    for name, options in experiments.items():
        code, _, err = aqa("finetune", *LSTM, *RATE, *options, "--name", name)
        assert code == 0, err
        assert aqa("evaluate", "--model", name)[0] == 0
    assert spearman(workspace, "all") > spearman(workspace, "single") + 0.05
    assert spearman(workspace, "zero-shot") > spearman(workspace, "random") + 0.15
    curves = {
        name: json.loads((workspace / f"evaluations/{name}/metrics.json").read_text())["followed"] for name in ("scratch", "pretrained")
    }
    first = {name: np.mean([seeds["0"][0][1] for seeds in found.values()]) for name, found in curves.items()}
    assert first["pretrained"] > first["scratch"] + 0.15
