"""Units of scores: of classes that training never saw (those of an average class), and of scores that a known factor multiplies."""

from __future__ import annotations

import numpy as np
import pytest

from stages.datasets import manifest
from stages.datasets.manifest import Manifest, Row
from stages.engine.targets import Scaling, Target, TargetConfig, with_target
from stages.errors import UsageError


def rows(action: str, *scores: float) -> list[Row]:
    return list(manifest.from_rows([(f"{action}/{n}", {"action": action, "score": score}) for n, score in enumerate(scores)], "m").rows)


SEEN = [*rows("a", 0, 4), *rows("b", 10, 30)]
"""Deviations 2 and 10, means 2 and 20."""


@pytest.mark.parametrize(("scaling", "shift", "scale"), [("class-std", 0, 6), ("class-standardise", 11, 6)])
def test_decode__an_unseen_class_has_the_mean_units_of_those_seen(scaling: str, shift: float, scale: float) -> None:
    target = Target.fit(SEEN, TargetConfig(scaling=scaling))  # type: ignore[arg-type]
    unseen = rows("c", 5, 9)
    assert target.decode(np.array([1.0, 2.0]), unseen).tolist() == [shift + scale, shift + 2 * scale]
    assert target.encode(unseen) == pytest.approx([(5 - shift) / scale, (9 - shift) / scale])
    assert [target.has_scale(row) for row in (*SEEN[:1], *unseen)] == [True, False, False]
    assert target.decode(np.array([1.0]), SEEN[2:3]) == pytest.approx([10 + (20 if scaling == "class-standardise" else 0)])


@pytest.mark.parametrize("scaling", ["none", "standardise", "range-5"])
def test_has_scale__where_all_classes_have_the_same_units_an_unseen_one_has_them_too(scaling: str) -> None:
    target = Target.fit(SEEN, TargetConfig(scaling=scaling))  # type: ignore[arg-type]
    unseen = rows("c", 5, 9)
    assert all(target.has_scale(row) for row in unseen)
    assert target.decode(target.encode(unseen), unseen) == pytest.approx([5, 9], abs=1e-5)


DIVES = [
    Row(clip, {"score": score, "difficulty": hard, "action": "dive"})
    for clip, score, hard in (("a", 60.0, 3.0), ("b", 80.0, 3.2), ("c", 45.0, 2.5))
]


@pytest.mark.parametrize("scaling", ["none", "standardise", "class-standardise", "class-std", "range-100"])
def test_times__methods_see_the_score_without_the_factor_and_predictions_have_it(scaling: Scaling) -> None:
    config = TargetConfig(scaling=scaling, times="difficulty")
    target = Target.fit(DIVES, config)
    alone = [Row(row.clip, {"score": row.number("score") / row.number("difficulty"), "action": "dive"}) for row in DIVES]
    plain = Target.fit(alone, TargetConfig(scaling=scaling))
    np.testing.assert_allclose(target.encode(DIVES), plain.encode(alone), rtol=1e-6)
    np.testing.assert_allclose(target.decode(target.encode(DIVES), DIVES), [60, 80, 45], rtol=1e-6)
    harder = [Row("d", {"difficulty": 6.0, "action": "dive"})]
    easier = [Row("e", {"difficulty": 3.0, "action": "dive"})]
    assert target.decode(np.array([0.3]), harder) == pytest.approx(2 * target.decode(np.array([0.3]), easier))
    np.testing.assert_allclose(target.means, [np.mean([60, 80, 45])], err_msg="reports compare whole scores")
    again = Target.from_json(target.to_json())
    np.testing.assert_allclose(again.decode(np.array([0.3]), harder), target.decode(np.array([0.3]), harder))


def test_times__clips_without_the_factor_have_no_target() -> None:
    rows = (*DIVES, Row("d", {"score": 50.0, "difficulty": None, "action": "dive"}))
    kept, without = with_target(Manifest(rows, "dives"), TargetConfig(times="difficulty"))
    assert kept.clips == ["a", "b", "c"]
    assert without == ["d"]


def test_times__what_cannot_be_divided_by() -> None:
    manifest = Manifest((*DIVES, Row("d", {"score": 50.0, "difficulty": 0.0, "action": "dive"})), "dives")
    with pytest.raises(UsageError, match="'difficulty' of d is 0; scores are divided by it, so it must be above 0"):
        with_target(manifest, TargetConfig(times="difficulty"))
    with pytest.raises(UsageError, match="dives has no column 'hardness'"):
        with_target(manifest, TargetConfig(times="hardness"))
    with pytest.raises(UsageError, match=r"target\.times is for scores; the task is action"):
        with_target(manifest, TargetConfig(task="action", times="difficulty"))
