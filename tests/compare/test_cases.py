"""Which clips are shown, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stages.compare import cases
from stages.compare.cases import BEST, CHOSEN, DISAGREE, WORST
from stages.compare.config import CompareConfig
from stages.compare.runs import Matched, matched
from stages.errors import UsageError
from stages.evaluate.table import Table
from tests.compare.evaluations import chosen, run_of
from tests.evaluate.tables import labels, scores


def _matched(*tables: Table) -> Matched:
    return matched([run_of(name, table) for name, table in zip("abcd", tables, strict=False)])


def _with(table: Table, values: dict[int, float], seeds: int = 1) -> Table:
    predicted = table.truth + 1.0
    for number, value in values.items():
        predicted[number] = table.truth[number] + value
    return replace(table, predicted=np.repeat(predicted[None], seeds, axis=0), seeds=tuple(map(str, range(seeds))))


def test_chosen__where_the_runs_disagree_most_and_best_and_worst_of_the_reference() -> None:
    table = scores()
    first, second = _with(table, {4: 0.0, 9: 5.0, 12: -9.0}), _with(table, {9: 8.0, 20: -6.0, 3: 2.5, 12: -9.0})
    found = cases.chosen(_matched(first, second), CompareConfig())
    assert [(case.clip, case.why) for case in found] == [
        ("clip-20", (DISAGREE,)),
        ("clip-9", (DISAGREE,)),
        ("clip-3", (DISAGREE,)),
        ("clip-4", (BEST,)),
        ("clip-12", (WORST,)),
    ]
    assert [case.clip for case in cases.chosen(_matched(second, first), CompareConfig(disagreements=0))] == ["clip-0", "clip-12"]


def test_chosen__one_clip_for_several_reasons_and_runs_that_agree() -> None:
    table = scores()
    first, second = _with(table, {4: 9.0}), _with(table, {})
    found = cases.chosen(_matched(first, second), CompareConfig())
    assert [(case.clip, case.why) for case in found] == [("clip-4", (DISAGREE, WORST)), ("clip-0", (BEST,))]


def test_chosen__named_clips_and_errors() -> None:
    table = scores()
    found = _matched(table, chosen(table, list(range(1, 30))))
    named = cases.chosen(found, CompareConfig(clips=("clip-7", "clip-2", "clip-7")))
    assert [(case.clip, case.why, found.runs[1].table.clips[case.number]) for case in named] == [
        ("clip-7", (CHOSEN,), "clip-7"),
        ("clip-2", (CHOSEN,), "clip-2"),
    ]
    with pytest.raises(UsageError, match=r"The clip 'clip-0' cannot be shown: of the runs only a has it\.(.|\n)*there are clip-1, clip-2"):
        cases.chosen(found, CompareConfig(clips=("clip-0",)))
    with pytest.raises(UsageError, match=r"No run has a clip 'klip-3'\. Did you mean 'clip-3'\?(.|\n)*there are clip-1, .* … \(29\)"):
        cases.chosen(found, CompareConfig(clips=("klip-3",)))


def test_said__scores_are_means_over_seeds() -> None:
    table = scores(seeds=2)
    table = replace(table, truth=np.full(30, 10.0), predicted=np.stack([np.full(30, 11.0), np.full(30, 14.0)]))
    assert (cases.truth_of(table, 3), cases.prediction_of(table, 3), cases.error_of(table, 3)) == ("10", "12.5", "+2.5")


def test_said__classes_are_what_most_seeds_say() -> None:
    table = labels(("low", "mid", "high"), task="level", seeds=3)
    predicted = table.predicted.copy()
    predicted[:, 0] = [0, 2, 2]
    predicted[:, 1] = [1, 1, 1]
    table = replace(table, predicted=predicted)
    assert (cases.truth_of(table, 0), cases.prediction_of(table, 0), cases.error_of(table, 0)) == (
        "low",
        "high (2 of 3 seeds)",
        "1 of 3 right",
    )
    assert (cases.prediction_of(table, 1), cases.error_of(table, 1)) == ("mid", "3 of 3 right")
    single = replace(table, predicted=predicted[1:2], seeds=("1",))
    assert (cases.error_of(single, 0), cases.error_of(single, 1)) == ("wrong", "right")


def test_disagreement__of_levels_and_actions() -> None:
    table = labels(("a", "b", "c"), seeds=1, count=4)

    def says(*values: float) -> Table:
        return replace(table, predicted=np.array([values], dtype=float))

    three = [says(0, 0, 0, 2), says(0, 1, 1, 2), says(0, 2, 1, 2)]
    np.testing.assert_allclose(cases.disagreement(three), [0, 2 / 3, 1 / 3, 0])
    levels = [replace(each, task="level") for each in three]
    np.testing.assert_allclose(cases.disagreement(levels), [0, 2, 1, 0])
    np.testing.assert_allclose(cases.errors_of(three[0]), [0, 1, 1, 1])
    np.testing.assert_allclose(cases.errors_of(levels[0]), [0, 1, 2, 2])
