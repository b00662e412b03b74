"""``aqa evaluate`` on anybody's predictions."""

from __future__ import annotations

import json

import pytest


def test_finediving__spearman_is_the_published_one(aqa, shared, workspace) -> None:
    file = shared / "data/predictions/finediving_mcore_749.csv"
    code, out, _ = aqa("evaluate", "--predictions", file, "--truth-column", "true", "--prediction-column", "pred", "--json")
    assert code == 0
    spearman = json.loads(out)["overall"]["spearman"]
    assert spearman["value"] == pytest.approx(0.9270135, abs=5e-8)
    assert spearman["low"] < spearman["value"] < spearman["high"]


def test_predictions__unknown_column(aqa, tmp_path, workspace) -> None:
    file = tmp_path / "p.csv"
    file.write_text("true,pred\n1,2\n3,4\n")
    code, _, err = aqa("evaluate", "--predictions", file, "--truth-column", "truth", "--prediction-column", "pred")
    assert code == 2
    assert "has no column 'truth'. Did you mean 'true'?" in err


def test_predictions__cells_that_are_no_numbers_are_all_named(aqa, tmp_path, workspace) -> None:
    file = tmp_path / "p.csv"
    file.write_text("true,pred\n1,x\n,4\n3,nan\n")
    code, _, err = aqa("evaluate", "--predictions", file, "--truth-column", "true", "--prediction-column", "pred")
    assert code == 3
    assert "3 problem(s)" in err
    assert "line 2: pred must be a finite number, found 'x'" in err
