"""``aqa methods``: every list, and every name in it can be imported."""

from __future__ import annotations

import json

import pytest

from stages.engine.methods import LISTS, catalogue
from stages.engine.registry import load
from tests.conftest import run_python


def test_methods__table(aqa) -> None:
    code, out, _ = aqa("methods")
    lines = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert lines[0] == ["for", "name", "what it is", "from", "takes"]
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


def test_methods__listing_imports_no_method() -> None:
    code = (
        "import sys; from stages.engine.methods import catalogue; catalogue(); print([m for m in sys.modules if m.endswith('.kinematics')])"
    )
    assert run_python(code).stdout.strip() == "[]"
