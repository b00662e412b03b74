"""Units of scores whose class training never saw: those of an average class, the same for every clip of it."""

from __future__ import annotations

import numpy as np
import pytest

from stages.datasets import manifest
from stages.datasets.manifest import Row
from stages.engine.targets import Target, TargetConfig


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
