"""``aqa methods``: every list, and every name in it can be imported."""

from __future__ import annotations

import json

import pytest

from stages.engine.methods import LISTS, OWN_WEIGHTS, catalogue, weights_of
from stages.engine.registry import load
from tests.conftest import run_python


def test_methods__table(aqa) -> None:
    code, out, _ = aqa("methods")
    lines = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert lines[0] == ["for", "name", "what it is", "from", "takes", "published weights"]
    assert {tuple(line[:2]) for line in lines[1:]} >= {
        ("pretrain", "sme-gcn"),
        ("finetune", "sme-gcn"),
        ("finetune", "kinematics-ridge"),
        ("encoder", "ctr-gcn"),
    }


def test_methods__json(aqa) -> None:
    code, out, _ = aqa("methods", "--json")
    assert code == 0
    assert json.loads(out) == catalogue()
    assert all(entry["summary"] for entry in catalogue())


@pytest.mark.parametrize("purpose", LISTS)
def test_methods__every_reference_can_be_imported(purpose: str) -> None:
    for entry in load(LISTS[purpose]).values():
        assert load(getattr(entry, "reference", None) or entry.module) is not None


@pytest.mark.parametrize(
    ("inputs", "weights"),
    [
        ("poses", "the pose estimator's, for videos"),
        ("features", "the backbone's, for videos"),
        ("poses, features (optional)", "the pose estimator's and the backbone's, for videos"),
        ("a table", "none"),
    ],
)
def test_weights__are_those_of_what_a_method_takes(inputs: str, weights: str) -> None:
    assert weights_of(inputs) == weights


def test_weights__of_methods_that_bring_their_own_are_said() -> None:
    assert set(OWN_WEIGHTS) <= {entry["name"] for entry in catalogue()}
    assert next(entry["weights"] for entry in catalogue() if entry["name"] == "tsa-net").startswith("Inception-I3D's")


def test_methods__listing_imports_no_method() -> None:
    code = (
        "import sys; from stages.engine.methods import catalogue; catalogue(); print([m for m in sys.modules if m.endswith('.kinematics')])"
    )
    assert run_python(code).stdout.strip() == "[]"
