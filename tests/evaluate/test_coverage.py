"""Coverage of intervals around the predictions: calibrated on other folds' errors, counted on a clip's own."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from stages.engine.conformal import half_width
from stages.evaluate import figures
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.coverage import coverages
from tests.evaluate.reports import full, told_apart
from tests.evaluate.tables import labels, scores


def test_coverages__half_widths_come_from_the_other_folds() -> None:
    table = full()
    errors = np.abs(table.ensemble - table.truth)
    found = {each.confidence: each for each in coverages(table)}
    assert sorted(found) == [0.8, 0.9, 0.95]
    own = table.folds == "fold-2"
    expected = half_width(errors[~own] / 3, 0.9) * 3
    assert found[0.9].half_widths[own] == pytest.approx(expected)
    share = (errors <= found[0.9].half_widths).mean()
    assert found[0.9].share == share
    limits = stats.binomtest(round(share * 240), 240).proportion_ci(0.95, method="exact")
    assert (found[0.9].low, found[0.9].high) == (limits.low, limits.high)
    assert found[0.9].width == pytest.approx(2 * found[0.9].half_widths.mean())


def test_coverages__of_one_fold_other_subjects_calibrate() -> None:
    table = told_apart(scores({"all": 60}, subjects=10), {})
    errors = np.abs(table.ensemble - table.truth)
    nominal = coverages(table)[0]
    own = table.clusters == "s3"
    assert nominal.half_widths[own] == pytest.approx(half_width(errors[~own] / 3, 0.8) * 3)


def test_coverages__of_many_clips_are_near_the_nominal_ones() -> None:
    for each in coverages(full(3000)):
        assert each.share == pytest.approx(each.confidence, abs=0.02)
        assert each.low < each.confidence < each.high


def test_coverages__too_few_clips_classes_and_bare_tables_have_none() -> None:
    assert coverages(told_apart(scores({"all": 4}), {})) == ()
    assert [each.confidence for each in coverages(told_apart(scores({"all": 14}), {}))] == [0.8, 0.9]
    assert coverages(scores()) == ()
    assert coverages(replace(labels(("a", "b")), units=np.ones(60))) == ()


def test_metrics__hold_coverage_and_groups() -> None:
    document = json.loads(json.dumps(figures.compute(full(), EvaluateConfig(resamples=100)).to_json(), allow_nan=False))
    assert [each["confidence"] for each in document["coverage"]] == [0.8, 0.9, 0.95]
    view = document["groups"]["columns"][0]
    assert view["columns"] == ["view", "camera"]
    assert view["groups"][0]["value"] == "v0"
    assert view["groups"][0]["bias"]["low"] > 0
    assert document["groups"]["everyone"]["clips"] == 240
