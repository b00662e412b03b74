"""COREG: one round by hand, and that unlabelled clips help where they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from aqa_cli.main import app
from stages.artifacts import store
from stages.errors import UsageError
from stages.finetune.methods.coreg import Learner, Settings, distances_of, teach_each_other
from tests.small import write_feature_set


def learner(points: list[float], values: list[float], neighbours: int = 1) -> Learner:
    table = np.array(points)[:, None]
    return Learner(distances_of(table, table, 2.0), list(range(len(values))), list(values), neighbours)


def test_estimate__is_the_mean_of_the_nearest() -> None:
    found = learner([0, 1, 2, 10, 1.4], [0, 10, 20, 100], neighbours=2).estimate([4])
    assert found.tolist() == [15]


def test_best__is_the_clip_that_reduces_the_error_around_it() -> None:
    """Points at 0, 1 and 9 with scores 0, 2 and 0; with two neighbours, knowing the clip at 1.2 (estimated 1) moves 1's estimate."""
    one = learner([0, 1, 9, 1.2, 30], [0, 2, 0], neighbours=2)
    before = one.estimate([0, 1]).tolist()
    assert before == [1, 1]
    # the clip at 1.2 is estimated 1: then 1's neighbours are itself and 1.2, (2 + 1) / 2, and 0's stay
    assert one._gain(3, 1.0, np.array([1, 0])) == pytest.approx((2 - 1) ** 2 - (2 - 1.5) ** 2)
    assert one.best([3, 4]) == (3, 1.0)


def test_teach__gives_to_the_other_and_ends_when_nothing_helps() -> None:
    points = [0, 1, 9, 1.2, 30]
    pair = [learner(points, [0, 2, 0], neighbours=2) for _ in range(2)]
    teach_each_other(pair, [3, 4], Settings(), np.random.default_rng(0))
    assert 3 in pair[1].members
    assert all(set(each.members) >= {0, 1, 2} for each in pair)
    again = [learner(points, [5, 5, 5]) for _ in range(2)]
    teach_each_other(again, [3, 4], Settings(), np.random.default_rng(0))
    assert [each.members for each in again] == [[0, 1, 2]] * 2, "equal scores: nothing can be gained"


def test_command__uses_unlabelled_clips_and_says_so(tmp_path: Path) -> None:
    write_feature_set(tmp_path / "features/small/net")
    runner, workspace = CliRunner(), ["--workspace", str(tmp_path)]
    result = runner.invoke(app, ["finetune", "--method", "coreg", "--protocol", "2-fold/50-percent-labels/seed-0", *workspace])
    assert result.exit_code == 0, result.output
    model = store.read(next((tmp_path / "models").rglob("0.h5")), "model")
    data = model.documents["data"]
    assert set(model.documents["training"]["clips"]) == {*data["train"], *data["unlabelled"]}
    evaluated = runner.invoke(app, ["evaluate", "--model", "small-coreg", *workspace])
    assert evaluated.exit_code == 0, evaluated.output
    without = runner.invoke(app, ["finetune", "--method", "coreg", "--protocol", "2-fold", "--name", "x", *workspace])
    assert isinstance(without.exception, UsageError)
    assert "There are no unlabelled clips for coreg to learn from." in str(without.exception)
