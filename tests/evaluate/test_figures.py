"""Which figures an evaluation has, by name, and what they are."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from stages.configuration import Layer, resolve
from stages.errors import UsageError
from stages.evaluate import metrics
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.figures import compute
from stages.evaluate.names import TITLES, headline_of, interval_of, range_sentence, shown
from tests.evaluate.tables import labels, scores

QUICK = EvaluateConfig(resamples=100)


def test_compute__one_class_one_seed() -> None:
    table = scores()
    found = compute(table, QUICK)
    assert list(found.overall) == ["spearman", "relative_l2", "mae", "rmse"]
    spearman = found.overall["spearman"]
    assert spearman.value == pytest.approx(stats.spearmanr(table.predicted[0], table.truth).statistic)
    assert spearman.low < spearman.value < spearman.high
    assert found.overall["relative_l2"].value == pytest.approx(metrics.relative_l2(table.predicted[0], table.truth))
    assert (found.per_class, found.per_fold, found.notes) == ({}, {}, ())
    assert headline_of(found) == "spearman"


def test_compute__classes_have_every_average_by_name() -> None:
    table = scores({"dive": 20, "vault": 25, "ski": 30})
    found = compute(table, QUICK)
    each = [metrics.spearman(table.predicted[0][table.groups == g], table.truth[table.groups == g]) for g in ("dive", "vault", "ski")]
    values = {name: estimate.value for name, estimate in found.overall.items()}
    assert values["spearman_mean"] == pytest.approx(np.mean(each))
    assert values["spearman_fisher_mean"] == pytest.approx(np.tanh(np.mean(np.arctanh(each))))
    assert values["spearman_pooled"] == pytest.approx(stats.spearmanr(table.predicted[0], table.truth).statistic)
    normalised = [(side - table.means) / table.deviations for side in (table.predicted[0], table.truth)]
    assert values["spearman_pooled_normalised"] == pytest.approx(stats.spearmanr(*normalised).statistic)
    assert values["spearman_pooled_of_class_means"] == pytest.approx(stats.spearmanr(table.means, table.truth).statistic)
    assert values["spearman_pooled_of_class_means"] > values["spearman_mean"]
    assert {name: estimates["spearman"].value for name, estimates in found.per_class.items()} == pytest.approx(
        dict(zip(("dive", "vault", "ski"), each, strict=True))
    )
    assert found.counts == {"dive": 20, "ski": 30, "vault": 25}
    assert set(found.overall) <= set(TITLES)
    assert headline_of(found) == "spearman_fisher_mean"


def test_compute__relative_l2_by_the_classes_own_ranges_or_by_a_given_one() -> None:
    table = scores({"dive": 20, "vault": 25})
    members = table.groups == "dive"
    predicted, truth = table.predicted[0][members], table.truth[members]
    own, given = compute(table, QUICK), compute(table, QUICK.model_copy(update={"range": (0, 100)}))
    assert own.per_class["dive"]["relative_l2"].value == pytest.approx(metrics.relative_l2(predicted, truth))
    assert given.per_class["dive"]["relative_l2"].value == pytest.approx(metrics.relative_l2(predicted, truth, 0, 100))
    for found in (own, given):
        each = [found.per_class[name]["relative_l2"].value for name in ("dive", "vault")]
        assert found.overall["relative_l2_mean"].value == pytest.approx(np.mean(each))
    assert "the evaluated truth" in range_sentence(own)
    assert "that class's own" in range_sentence(own)
    assert range_sentence(given) == "R-ℓ2 divides by the given range, 0 to 100."


def test_compute__small_classes_are_left_out_of_means_and_named() -> None:
    table = scores({"dive": 20, "vault": 2, "ski": 1, "big-air": 15})
    found = compute(table, QUICK)
    each = [found.per_class[name]["spearman"].value for name in ("dive", "big-air")]
    assert found.overall["spearman_mean"].value == pytest.approx(np.mean(each))
    assert "left out of means over classes: 2 of 4, with fewer than 3 clips or one score (ski, vault)" in found.notes
    assert abs(found.per_class["vault"]["spearman"].value) == 1
    assert np.isnan(found.per_class["ski"]["spearman"].value)
    assert found.per_class["ski"]["mae"].value > 0


def test_compute__a_class_with_constant_predictions_is_not_hidden_by_a_mean() -> None:
    table = scores({"dive": 20, "vault": 20})
    predicted = table.predicted.copy()
    predicted[0, table.groups == "dive"] = 5
    found = compute(replace(table, predicted=predicted), QUICK)
    assert np.isnan(found.overall["spearman_mean"].value)
    assert np.isnan(found.overall["spearman_fisher_mean"].value)
    assert np.isfinite(found.overall["spearman_pooled"].value)
    assert any(note.startswith("not defined") and "spearman_mean" in note for note in found.notes)
    assert headline_of(found) == "spearman_pooled"


@pytest.mark.parametrize("count", [1, 2, 20])
def test_compute__constant_predictions_are_not_defined_and_null(count, recwarn) -> None:
    table = replace(scores({"all": count}), predicted=np.ones((1, count)))
    found = compute(table, QUICK)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["overall"]["spearman"]["value"] is None
    assert document["overall"]["mae"]["value"] > 0
    assert shown(found.overall["spearman"].value) == "not defined"
    assert interval_of(found.overall["spearman"]) == ""
    assert not recwarn.list


def test_compute__seeds_have_a_spread_and_an_ensemble() -> None:
    table = scores({"dive": 20, "vault": 20}, seeds=3)
    found = compute(table, QUICK)
    each = [stats.spearmanr(row, table.truth).statistic for row in table.predicted]
    pooled = found.overall["spearman_pooled"]
    assert pooled.value == pytest.approx(np.mean(each))
    assert pooled.deviation == pytest.approx(np.std(each, ddof=1))
    ensemble = found.overall["ensemble_spearman_pooled"]
    assert ensemble.value == pytest.approx(stats.spearmanr(table.predicted.mean(axis=0), table.truth).statistic)
    assert ensemble.value > pooled.value
    assert found.overall["ensemble_mae"].value < found.overall["mae"].value
    assert ensemble.seeds == ()
    assert found.overall["spearman_pooled_of_class_means"].seeds == ()
    assert "ensemble_spearman_pooled_of_class_means" not in found.overall


def test_compute__one_seed_has_no_ensemble() -> None:
    assert not any(name.startswith("ensemble") for name in compute(scores(), QUICK).overall)


def test_compute__folds_have_a_mean_and_a_table() -> None:
    table = scores({"all": 40}, folds=4)
    found = compute(table, QUICK)
    each = [found.per_fold[f"fold-{number}"]["spearman"].value for number in range(4)]
    assert found.overall["spearman_mean_of_folds"].value == pytest.approx(np.mean(each))
    assert found.fold_counts == {f"fold-{number}": 10 for number in range(4)}


def test_compute__folds_of_single_clips_have_no_mean() -> None:
    found = compute(scores({"all": 12}, folds=12), QUICK)
    assert "spearman_mean_of_folds" not in found.overall
    assert any("left out of means over folds: 12 of 12" in note for note in found.notes)


def test_compute__subjects_that_repeat_are_drawn_whole() -> None:
    table = scores({"all": 60})
    repeated = replace(table, clusters=np.repeat(np.arange(6).astype(str), 10))
    shifted = replace(repeated, predicted=table.truth + np.repeat([-9.0, 9, 1, -1, 4, -4], 10)[None])
    alone = compute(replace(shifted, clusters=table.clusters), QUICK).overall["mae"]
    together = compute(shifted, QUICK).overall["mae"]
    assert together.value == alone.value
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_compute__actions() -> None:
    table = labels(("1", "2", "3"))
    found = compute(table, QUICK)
    assert list(found.overall) == ["accuracy", "macro_f1"]
    assert found.overall["accuracy"].value == pytest.approx(np.mean(table.predicted == table.truth))
    right = (table.predicted == table.truth)[:, table.truth == 1]
    assert found.per_class["2"]["recall"].value == pytest.approx(right.mean())
    assert found.counts == {"1": 20, "2": 20, "3": 20}
    assert found.score_range is None
    assert list(found.per_fold) == ["fold-0", "fold-1"]
    assert headline_of(found) == "accuracy"


def test_compute__a_class_that_no_clip_has_is_listed_without_a_recall() -> None:
    table = labels(("a", "b", "c"))
    found = compute(replace(table, classes=("a", "b", "c", "d")), QUICK)
    assert found.counts["d"] == 0
    assert "d" not in found.per_class


def test_compute__numeric_levels_also_have_spearman() -> None:
    table = labels(("0", "1", "5"), task="level")
    found = compute(table, QUICK)
    each = [
        stats.spearmanr(np.array([0, 1, 5])[row.astype(int)], np.array([0, 1, 5])[table.truth.astype(int)]).statistic
        for row in table.predicted
    ]
    assert found.overall["spearman"].value == pytest.approx(np.mean(each))
    assert "spearman" not in compute(replace(table, classes=("low", "mid", "high")), QUICK).overall


@pytest.mark.parametrize("value", [[3, 3], [5, 1]])
def test_config__range_must_increase(value) -> None:
    with pytest.raises(UsageError, match=r"'range' \(--set\): must be \[lowest, highest\] with lowest < highest"):
        resolve(EvaluateConfig, [Layer("--set", {"range": value})])
