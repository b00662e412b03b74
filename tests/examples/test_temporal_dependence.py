"""The generated set with temporal dependence: what it claims of itself, what it writes, and that recovering segments pays on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples import temporal_dependence as example
from stages.artifacts.collection import Collection
from stages.datasets import manifest

TENTH = ("--dataset", "slips", "--protocol", "official/10-percent-labels/seed-0", "--select", "last")
SMALL = ("--set", "settings.channels=[64,32,16]", "--set", "settings.hidden=64", "--set", "training.lr=0.002")
AA = ("--set", "settings.recovery_weight=0", "--set", "settings.alignment=none")


def spearman(workspace: Path, name: str) -> dict[str, float]:
    found = json.loads((workspace / f"evaluations/{name}/metrics.json").read_text())["overall"]["spearman"]
    return {key: float(found[key]) for key in ("value", "low", "high")}


def test_executions__what_is_off_carries_over_and_slips_add() -> None:
    off = example.executions(500, np.random.default_rng(0))
    added = off[:, 1:] - example.CARRIED * off[:, :-1]
    assert off.shape == (500, 10)
    assert added.min() > -1e-12
    assert np.mean(added > 1e-12) == pytest.approx(example.SLIP, abs=0.03)


def test_generate__shares_of_the_variance_are_those_that_the_docstring_states() -> None:
    features, scores, off = example.generate(1500, 0)
    whole = features.var(axis=0).mean()
    shares = {
        "execution": example.EXECUTION**2 * off.var(axis=0).mean() / whole,
        "looks": example.LOOKS * example.LOOK**2 / whole,
        "view": example.VIEW**2 / whole,
    }
    assert 0.01 < shares["execution"] < 0.02
    assert shares == pytest.approx({"execution": shares["execution"], "looks": 0.05, "view": 0.6}, abs=0.04)
    assert np.corrcoef(scores, off.sum(axis=1))[0, 1] < -0.99
    again, other = example.generate(1500, 0)[0], example.generate(1500, 1)[0]
    assert np.array_equal(features, again)
    assert not np.array_equal(features, other)


def test_generate__segments_tell_of_each_other_what_the_clip_shares() -> None:
    features, _, _ = example.generate(1500, 0)
    ends = [features[:, segment] - features[:, segment].mean(axis=0) for segment in (0, 9)]
    across = np.linalg.svd(ends[0].T @ ends[1] / len(features), compute_uv=False)
    strangers = np.linalg.svd(ends[0].T @ ends[1][::-1] / len(features), compute_uv=False)
    assert across[0] > 2 * strangers[0]


def test_write__a_set_that_trains_and_evaluates(aqa: Any, workspace: Path) -> None:
    example.write(workspace, train=40, test=20, seed=3)
    collection = Collection(workspace / "features/slips/seen", "features")
    rows = manifest.read(collection.path / "manifest.csv").rows
    assert len(collection.ids) == 60
    assert collection.read("c0007").arrays["features"].shape == (1, 10, example.DIMENSIONS)
    assert [row.text("split") for row in rows] == ["train"] * 40 + ["test"] * 20
    assert aqa("validate", collection.path)[0] == 0
    code, _, err = aqa("finetune", *TENTH, *SMALL, "--method", "s4aqa", "--name", "all", "--epochs", "1")
    assert code == 0, err
    code, out, err = aqa("evaluate", "--model", "all")
    assert (code, "Spearman" in out) == (0, True), err


def test_finetune__all_labels_leave_s4aqa_nothing_to_recover(aqa: Any, workspace: Path) -> None:
    example.write(workspace, train=20, test=10)
    code, _, err = aqa("finetune", "--dataset", "slips", "--protocol", "official", "--method", "s4aqa", *SMALL)
    assert (code, "There are no unlabelled clips for s4aqa to learn from." in err) == (2, True)
    assert "--protocol official/40-percent-labels/seed-0" in err
    code, _, err = aqa("finetune", "--dataset", "slips", "--protocol", "official/100-percent-labels/seed-0", "--method", "s4aqa", *SMALL)
    assert (code, "'100-percent-labels' is no share: it must lie between 0 and 100." in err) == (2, True)


@pytest.mark.slow
def test_s4aqa__is_above_its_supervised_part_with_a_tenth_of_the_labels(aqa: Any, workspace: Path) -> None:
    example.write(workspace)
    for name, further in (("aa", AA), ("s4aqa", ())):
        code, _, err = aqa("finetune", *TENTH, *SMALL, *further, "--method", "s4aqa", "--name", name, "--epochs", "100", "--seeds", "0-2")
        assert code == 0, err
        assert aqa("evaluate", "--model", name)[0] == 0
    assert spearman(workspace, "s4aqa")["low"] > spearman(workspace, "aa")["high"]
