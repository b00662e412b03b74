"""The paired bootstrap where the answer is known."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from stages.compare import paired
from stages.compare.config import CompareConfig
from stages.compare.paired import Difference, Found, compute
from stages.evaluate import figures
from stages.evaluate.statistics import Drawn
from stages.evaluate.table import Table
from tests.compare.evaluations import noisier, run_of
from tests.evaluate.tables import labels, scores

CONFIG = CompareConfig(resamples=400)


def _compared(*tables: Table, config: CompareConfig = CONFIG) -> Found:
    return compute([run_of(name, table) for name, table in zip("abcdefgh", tables, strict=False)], config)


def _apart(found: Found, name: str = "spearman", run: str = "b") -> Difference:
    difference = found.overall[name][run].difference
    assert difference is not None
    return difference


def test_compute__identical_runs_do_not_differ() -> None:
    table = scores({"dive": 12, "vault": 15}, seeds=2, folds=3, subjects=9)
    found = _compared(table, table)
    for figure, by_run in found.overall.items():
        assert by_run["a"].difference is None
        assert by_run["a"].estimate == by_run["b"].estimate
        if figure != "spearman_pooled_of_class_means":
            assert by_run["b"].difference == Difference(0, 0, 0, 1, 1), figure
    assert {name: by_run["spearman"]["b"].difference for name, by_run in found.per_class.items()} == dict.fromkeys(
        ("dive", "vault"), Difference(0, 0, 0, 1, 1)
    )


def test_compute__seeds_in_another_order_are_the_same_run() -> None:
    table = scores(seeds=5)
    found = _compared(table, replace(table, predicted=table.predicted[::-1]))
    assert all(by_run["b"].difference == Difference(0, 0, 0, 1, 1) for by_run in found.overall.values())


def test_compute__figures_are_those_of_evaluate() -> None:
    table = scores({"dive": 12, "vault": 15}, seeds=2, folds=3, subjects=9)
    found, alone = _compared(table, noisier(table, 2)), figures.compute(table, CONFIG)
    for name, by_run in found.overall.items():
        value = by_run["a"].estimate
        assert (value.value, value.low, value.high) == (alone.overall[name].value, alone.overall[name].low, alone.overall[name].high)
    for group, by_name in alone.per_class.items():
        assert {name: by_run["a"].estimate for name, by_run in found.per_class[group].items()} == by_name
    classes = labels(("1", "2", "3"), task="level")
    recalls = figures.compute(classes, CONFIG).per_class
    assert {label: each["recall"]["a"].estimate for label, each in _compared(classes, classes).per_class.items()} == {
        label: each["recall"] for label, each in recalls.items()
    }


def test_compute__a_clearly_better_run_is_told() -> None:
    poor = scores(noise=8.0)
    better = scores(noise=0.5)
    found = _compared(poor, better)
    for name in ("spearman", "mae", "rmse", "relative_l2"):
        apart = _apart(found, name)
        assert apart.told
        assert apart.verdict(name) == "better", name
        assert apart.p < 0.01
    assert _apart(found).low > 0
    assert _apart(found, "mae").high < 0
    back = _compared(better, poor)
    assert _apart(back).verdict("spearman") == "worse"
    assert _apart(back).value == -_apart(found).value
    assert _apart(back).low == pytest.approx(-_apart(found).high)


def test_compute__recall_and_accuracy_of_classes() -> None:
    truth = np.arange(60) % 3
    base = labels(("a", "b", "c"), seeds=1)
    never_c = replace(base, predicted=np.where(truth == 2, 0.0, truth)[None])
    always = replace(base, predicted=truth[None].astype(float))
    found = _compared(never_c, always)
    assert _apart(found, "accuracy").value == pytest.approx(1 / 3)
    assert _apart(found, "accuracy").verdict("accuracy") == "better"
    recall = found.per_class["c"]["recall"]["b"].difference
    assert (recall.value, recall.low, recall.high) == (1, 1, 1)
    assert found.per_class["a"]["recall"]["b"].difference == Difference(0, 0, 0, 1, 1)


def test_compute__pairing_narrows_the_interval() -> None:
    table = scores(noise=6.0)
    near = noisier(table, 0.3)
    found = _compared(table, near)
    alone = [found.overall["spearman"][run].estimate for run in "ab"]
    apart = _apart(found)
    assert apart.high - apart.low < 0.3 * min(each.high - each.low for each in alone)


def test_compute__is_the_same_again_and_the_seed_decides() -> None:
    tables = scores(), noisier(scores(), 2)
    assert _apart(_compared(*tables)) == _apart(_compared(*tables))
    assert _apart(_compared(*tables)) != _apart(_compared(*tables, config=CONFIG.model_copy(update={"seed": 1})))


def test_compute__constant_predictions_are_not_defined_and_said() -> None:
    table = scores()
    found = _compared(table, replace(table, predicted=np.full((1, 30), 5.0)))
    apart = _apart(found)
    assert np.isnan([apart.value, apart.low, apart.high, apart.other_side, apart.p]).all()
    assert apart.to_json() == dict.fromkeys(("value", "low", "high", "other_side", "p")) | {"told": False}
    assert apart.verdict("spearman") == ""
    assert np.isfinite(_apart(found, "mae").p)
    assert found.notes == ("not defined for every run, because truth or predictions are constant or the clips too few: spearman",)


def test_difference__p_is_twice_the_share_on_the_other_side() -> None:
    draws = np.concatenate([np.full(95, 0.2), np.full(4, -0.1)])
    apart = paired.difference(Drawn((0.6,), draws + 0.5), Drawn((0.5,), np.full(99, 0.5)), 0.95, units=50)
    assert apart.value == pytest.approx(0.1)
    assert apart.other_side == pytest.approx(5 / 100)
    assert apart.p == pytest.approx(0.1)
    assert not apart.told
    none = paired.difference(Drawn((0.6,), np.full(99, 0.6)), Drawn((0.5,), np.full(99, 0.5)), 0.95, units=50)
    assert none.p == pytest.approx(2 / 100)
    assert none.told


@pytest.mark.parametrize(("units", "p", "told"), [(3, 0.25, False), (5, 0.0625, False), (6, 0.03125, True), (1, 1, False)])
def test_difference__few_subjects_cannot_tell(units: int, p: float, told: bool) -> None:
    apart = paired.difference(Drawn((0.6,), np.full(999, 0.6)), Drawn((0.5,), np.full(999, 0.5)), 0.95, units=units)
    assert (apart.p, apart.told) == (p, told)
    assert apart.low > 0


def _population(random: np.random.Generator, pearson: tuple[float, float], subjects: int, each: int) -> tuple[Table, Table]:
    """Two runs with known correlations in the population, whose errors are alike; what a subject adds is in all of the clips."""
    count = subjects * each
    own = np.repeat(np.arange(subjects), each)

    def drawn() -> np.ndarray:
        return (random.normal(size=subjects)[own] + random.normal(size=count)) / np.sqrt(2)

    truth, shared = drawn(), drawn()
    tables = []
    for r in pearson:
        error = (shared + drawn()) / np.sqrt(2)
        predicted = r * truth + np.sqrt(1 - r**2) * error
        names = np.array([f"c{number}" for number in range(count)])
        whole = np.full(count, "all")
        tables.append(Table(names, truth, predicted[None], ("0",), whole, np.array([f"s{number}" for number in own]), whole))
    return tables[0], tables[1]


@pytest.mark.parametrize(("subjects", "each"), [(60, 1), (40, 3)], ids=["clips", "subjects"])
@pytest.mark.parametrize("pearson", [(0.6, 0.6), (0.8, 0.5)], ids=["equal runs", "one is better"])
def test_difference__interval_covers_the_population_about_as_often_as_it_says(subjects: int, each: int, pearson) -> None:
    random = np.random.default_rng(0)
    first, second = (6 / np.pi * np.arcsin(r / 2) for r in pearson)  # Spearman's ρ of a binormal population
    covered, told, experiments = 0, 0, 300
    for number in range(experiments):
        tables = _population(random, pearson, subjects, each)
        apart = _apart(_compared(*tables, config=CompareConfig(resamples=300, seed=number)))
        covered += apart.low <= second - first <= apart.high
        told += apart.told
    assert 0.90 <= covered / experiments <= 0.98
    if first == second:
        assert told / experiments <= 0.10
    else:
        assert told / experiments >= 0.8


def test_compute__five_runs_of_three_hundred_clips_are_fast() -> None:
    tables = [noisier(scores({"dive": 150, "vault": 150}, seeds=3, folds=5), noise, seed=noise) for noise in range(1, 6)]
    start = time.process_time()
    _compared(*tables, config=CompareConfig())
    assert time.process_time() - start < 12
