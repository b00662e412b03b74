"""Metrics against scipy, scikit-learn, published tables and hand-computed values; the same metrics over draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import f1_score, recall_score

from stages.evaluate import metrics

SCORES = st.integers(2, 30).flatmap(lambda n: st.tuples(*[arrays(np.float64, n, elements=st.integers(-9, 9).map(float)) for _ in range(2)]))
RANDOM = np.random.default_rng(0)


def test_spearman__equals_scipy_with_ties() -> None:
    truth = RANDOM.integers(0, 8, 200).astype(float)
    predicted = np.round(truth + RANDOM.normal(0, 3, 200))
    assert metrics.spearman(predicted, truth) == pytest.approx(stats.spearmanr(predicted, truth).statistic, abs=1e-12)


def test_spearman__hand_computed() -> None:
    # ranks of the prediction 1 2.5 2.5 4 against 1 2 3 4: covariance 4.5, norms √4.5 and √5
    assert metrics.spearman(np.array([1.0, 2, 2, 9]), np.array([1.0, 2, 3, 4])) == pytest.approx(4.5 / np.sqrt(4.5 * 5))


@pytest.mark.parametrize("values", [np.ones(5), np.zeros(1)], ids=["constant", "one sample"])
def test_spearman__not_defined_is_nan_without_a_warning(values, recwarn) -> None:
    assert np.isnan(metrics.spearman(values, np.arange(len(values), dtype=float)))
    assert np.isnan(metrics.spearman(np.arange(len(values), dtype=float), values))
    assert not recwarn.list


@given(SCORES)
def test_spearman__bounded_and_symmetric(pair) -> None:
    x, y = pair
    value = metrics.spearman(x, y)
    assert np.isnan(value) or -1 <= value <= 1
    assert metrics.spearman(y, x) == pytest.approx(value, nan_ok=True)


@given(SCORES)
def test_spearman__unchanged_by_monotone_maps(pair) -> None:
    x, y = pair
    value = metrics.spearman(x, y)
    assert metrics.spearman(np.exp(x / 3), y**3) == pytest.approx(value, nan_ok=True)
    assert metrics.spearman(-x, y) == pytest.approx(-value, nan_ok=True)


@pytest.mark.parametrize(
    ("correlations", "mean"),
    [
        ([0.6047, 0.5636, 0.4593, 0.5029, 0.7912, 0.6927], 0.6165),  # C3D-LSTM on AQA-7
        ([0.7902, 0.6824, 0.5209, 0.4006, 0.5937, 0.9120], 0.6937),  # C3D-SVR, its source's synchronised 3 m value
        ([0.8715, 0.8050, 0.7276, 0.7254, 0.9555, 0.9380], 0.8662),  # 2M-AF
    ],
    ids=["C3D-LSTM", "C3D-SVR", "2M-AF"],
)
def test_fisher_mean__reproduces_the_averages_of_aqa_7(correlations, mean) -> None:
    assert float(metrics.fisher_mean(correlations)) == pytest.approx(mean, abs=6e-5)
    assert float(np.mean(correlations)) < mean


def test_fisher_mean__perfect_class_stays_finite_and_nan_is_left_out() -> None:
    assert float(metrics.fisher_mean([1.0, 0.0])) < 1
    assert float(metrics.fisher_mean([np.nan, 0.5])) == pytest.approx(0.5)
    assert np.isnan(metrics.fisher_mean([np.nan, np.nan]))


def test_relative_l2__hand_computed_by_the_truths_range_and_by_a_given_one() -> None:
    truth, predicted = np.array([10.0, 20, 30]), np.array([12.0, 20, 26])
    assert metrics.relative_l2(predicted, truth) == pytest.approx(100 * (0.1**2 + 0 + 0.2**2) / 3)
    assert metrics.relative_l2(predicted, truth, 0, 100) == pytest.approx(100 * (0.02**2 + 0.04**2) / 3)
    assert np.isnan(metrics.relative_l2(predicted, np.ones(3)))


def test_errors__hand_computed() -> None:
    truth, predicted = np.array([1.0, 2, 3, 4]), np.array([1.0, 4, 3, 0])
    assert metrics.mean_absolute_error(predicted, truth) == 1.5
    assert metrics.root_mean_squared_error(predicted, truth) == pytest.approx(np.sqrt(5))


def test_class_metrics__equal_scikit_learn() -> None:
    truth, predicted = RANDOM.integers(0, 4, 100).astype(float), RANDOM.integers(0, 5, 100).astype(float)
    assert metrics.accuracy(predicted, truth) == pytest.approx(f1_score(truth, predicted, average="micro"))
    assert metrics.macro_f1(predicted, truth) == pytest.approx(f1_score(truth, predicted, average="macro"))
    once = np.ones((1, 100))
    expected = recall_score(truth, predicted, average=None, labels=[0, 1, 2, 3], zero_division=0)
    found = [metrics.recall_of_draws(predicted, truth, once, label)[0] for label in range(4)]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("of_draws", "of_samples"),
    [
        (metrics.spearman_of_draws, metrics.spearman),
        (metrics.mean_absolute_error_of_draws, metrics.mean_absolute_error),
        (metrics.root_mean_squared_error_of_draws, metrics.root_mean_squared_error),
        (metrics.accuracy_of_draws, metrics.accuracy),
        (metrics.macro_f1_of_draws, metrics.macro_f1),
        (lambda p, t, w: metrics.relative_l2_of_draws(p, t, w, 0, 9), lambda p, t: metrics.relative_l2(p, t, 0, 9)),
    ],
    ids=["spearman", "mae", "rmse", "accuracy", "macro-f1", "relative-l2"],
)
@pytest.mark.parametrize("ties", [True, False])
def test_of_draws__equals_the_metric_on_the_repeated_samples(of_draws, of_samples, ties) -> None:
    random = np.random.default_rng(3)
    truth, predicted = (random.integers(0, 5, (2, 20)) if ties else random.permuted(np.tile(np.arange(20), (2, 1)), axis=1)).astype(float)
    weights = random.integers(0, 3, (50, 20)).astype(float)
    expected = [of_samples(np.repeat(predicted, row.astype(int)), np.repeat(truth, row.astype(int))) for row in weights]
    np.testing.assert_allclose(of_draws(predicted, truth, weights), expected)
