"""Errors of groups of clips: which columns tell groups apart, what is said of each group, and of how few nothing is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stages.evaluate.config import EvaluateConfig
from stages.evaluate.groups import FEWEST, MOST, NO_VALUE, errors_of, groups_of, telling
from tests.evaluate.reports import full, told_apart
from tests.evaluate.tables import labels, scores

QUICK = EvaluateConfig(resamples=200)


def test_telling__columns_with_two_to_twenty_values() -> None:
    columns = {
        "one": ["a"] * 40,
        "two": ["a", "b"] * 20,
        "one and nothing": ["a", ""] * 20,
        "most": [str(n % MOST) for n in range(40)],
        "more": [str(n % (MOST + 1)) for n in range(42)],
    }
    assert sorted(telling(columns)) == ["most", "two"]


def test_groups_of__bias_and_error_of_each_the_largest_bias_first() -> None:
    table = full()
    found = groups_of(table, QUICK)
    assert found is not None
    assert [grouping.columns for grouping in found.columns] == [("view", "camera"), ("sex",), ("disease",)]
    errors = table.predicted - table.truth
    for grouping in found.columns:
        sizes = [abs(group.bias.value) for group in grouping.groups]
        assert sizes == sorted(sizes, reverse=True)
        for group in grouping.groups:
            text = "" if group.name == NO_VALUE else group.name
            members = table.columns[grouping.columns[0]] == text
            assert group.clips == members.sum()
            assert group.subjects == len(set(table.clusters[members]))
            assert group.bias.value == pytest.approx(errors[:, members].mean())
            assert group.mae.value == pytest.approx(np.abs(errors[:, members]).mean())
            assert group.bias.low < group.bias.value < group.bias.high
    view = {group.name: group.apart for group in found.columns[0].groups}
    assert view == {"v0": True, "v1": False, "v2": False, "v3": False}
    assert found.everyone.clips == 240
    assert found.everyone.bias.value == pytest.approx(errors.mean())


def test_groups_of__subjects_are_drawn_whole() -> None:
    table = replace(scores({"all": 120}), clusters=np.array([f"s{n // 10}" for n in range(120)]))
    shift = np.repeat(np.tile([6.0, -6.0], 6), 10)
    table = told_apart(replace(table, predicted=table.truth[None] + shift), {"side": ["l", "r"] * 60})
    whole = groups_of(table, QUICK)
    single = groups_of(replace(table, clusters=table.clips), QUICK)
    assert whole is not None
    assert single is not None

    def width(found) -> float:
        bias = found.columns[0].groups[0].bias
        return bias.high - bias.low

    assert width(whole) > 1.5 * width(single)


def test_groups_of__one_subject_draws_its_clips_and_a_few_subjects_have_no_interval() -> None:
    table = replace(scores({"all": 96}), clusters=np.array([f"s{n // 12}" for n in range(96)]))
    columns = {"subject": table.clusters.tolist(), "room": ["a" if n < 36 else "b" for n in range(96)]}
    found = groups_of(told_apart(table, columns), QUICK)
    assert found is not None
    subject, room = sorted(found.columns, key=lambda grouping: -len(grouping.groups))
    assert all(group.subjects == 1 and group.bias.low < group.bias.value < group.bias.high for group in subject.groups)
    by_name = {group.name: group for group in room.groups}
    assert by_name["a"].subjects == 3
    assert np.isnan([by_name["a"].bias.low, by_name["a"].mae.high]).all()
    assert not by_name["a"].apart
    assert by_name["b"].subjects == 5
    assert np.isfinite(by_name["b"].bias.low)


def test_groups_of__small_groups_are_left_out_and_named() -> None:
    sexes = ["f"] * 12 + ["m"] * 15 + ["x"] * (FEWEST - 1) + [""] * 2
    found = groups_of(told_apart(scores({"all": len(sexes)}), {"sex": sexes}), QUICK)
    assert found is not None
    (grouping,) = found.columns
    assert {group.name for group in grouping.groups} == {"f", "m"}
    assert grouping.small == (NO_VALUE, "x")
    lone = ["f"] * 30 + ["m"] * (FEWEST - 1)
    assert groups_of(told_apart(scores({"all": len(lone)}), {"sex": lone}), QUICK) is None


def test_groups_of__levels_that_are_numbers_have_errors_and_actions_have_none() -> None:
    table = labels(("0", "1", "5"), task="level")
    expected = np.array([0.0, 1, 5])
    np.testing.assert_array_equal(errors_of(table), expected[table.predicted.astype(int)] - expected[table.truth.astype(int)])
    sides = {"side": np.array(["l", "r"] * 30)}
    assert groups_of(replace(table, columns=sides), QUICK) is not None
    assert groups_of(replace(labels(("a", "b"), task="action"), columns=sides), QUICK) is None
    assert groups_of(scores(), QUICK) is None
