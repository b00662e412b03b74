"""Bootstrap intervals: what is drawn, whether they cover, and how long they take."""

from __future__ import annotations

import time

import numpy as np
import pytest

from stages.evaluate import metrics
from stages.evaluate.statistics import Estimate, estimates, interval, resamples


def _estimate(predicted, truth, clusters, *, count=400, seed=0) -> Estimate:
    figures = {"spearman": lambda p, w: metrics.spearman_of_draws(p, truth, w)}
    return estimates(figures, np.atleast_2d(predicted), clusters, confidence=0.95, count=count, seed=seed)["spearman"]


def test_resamples__draws_whole_clusters() -> None:
    clusters = np.array(["a", "b", "a", "c", "b", "a"])
    weights = np.concatenate(list(resamples(clusters, 200, 0)))
    assert weights.shape == (200, 6)
    for name in "abc":
        members = weights[:, clusters == name]
        assert (members == members[:, :1]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) > 5


def test_resamples__seed_decides_and_blocks_do_not(monkeypatch) -> None:
    clusters = np.arange(30)
    whole = np.concatenate(list(resamples(clusters, 50, 1)))
    assert (whole == np.concatenate(list(resamples(clusters, 50, 1)))).all()
    assert (whole != np.concatenate(list(resamples(clusters, 50, 2)))).any()
    monkeypatch.setattr("stages.evaluate.statistics._CELLS", 30 * 7)
    blocks = list(resamples(clusters, 50, 1))
    assert len(blocks) == 8
    assert (np.concatenate(blocks) == whole).all()


def test_estimates__mean_and_deviation_over_seeds() -> None:
    truth = np.arange(20.0)
    predicted = np.stack([truth, -truth, truth])
    found = _estimate(predicted, truth, np.arange(20))
    assert found.seeds == (1, -1, 1)
    assert found.value == pytest.approx(1 / 3)
    assert found.deviation == pytest.approx(np.std([1, -1, 1], ddof=1))
    assert np.isnan(_estimate(truth, truth, np.arange(20)).deviation)


def test_estimates__not_defined_is_null(recwarn) -> None:
    found = _estimate(np.ones(20), np.arange(20.0), np.arange(20))
    assert found.to_json() == {"value": None, "low": None, "high": None, "sd_over_seeds": None, "seeds": [None]}
    assert not recwarn.list


def test_interval__percentiles_of_the_defined_draws() -> None:
    values = np.concatenate([np.arange(101.0), np.full(50, np.nan)])
    assert interval(values, 0.9) == pytest.approx((5, 95))
    assert np.isnan(interval(np.array([1.0, np.nan, np.nan]), 0.9)).all()


def test_interval__covers_the_population_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    pearson = 0.6
    true = 6 / np.pi * np.arcsin(pearson / 2)  # Spearman's ρ of a binormal population
    covered, experiments, n = 0, 300, 60
    for number in range(experiments):
        truth = random.normal(size=n)
        predicted = pearson * truth + np.sqrt(1 - pearson**2) * random.normal(size=n)
        found = _estimate(predicted, truth, np.arange(n), seed=number)
        covered += found.low <= true <= found.high
    assert 0.90 <= covered / experiments <= 0.98


def test_interval__is_wider_where_subjects_repeat() -> None:
    random = np.random.default_rng(1)
    subjects = np.repeat(np.arange(20), 10)
    truth, predicted = (random.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 20)[subjects] + random.normal(0, 0.1, (200, 2))).T
    naive, clustered = (_estimate(predicted, truth, clusters) for clusters in (np.arange(200), subjects))
    assert naive.value == clustered.value
    assert clustered.high - clustered.low > 2 * (naive.high - naive.low)


def test_estimates__two_thousand_draws_of_five_thousand_samples_are_fast() -> None:
    random = np.random.default_rng(2)
    truth = random.normal(size=5000)
    predicted = truth + random.normal(size=5000)
    start = time.process_time()
    found = _estimate(predicted, truth, np.arange(5000), count=2000)
    assert time.process_time() - start < 10
    assert 0.03 < found.high - found.low < 0.06
