"""The pictures of representations in the report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stages.evaluate.evaluation import Representation
from stages.evaluate.report.embedding import FEWEST, flattened, picture

SOME = np.random.default_rng(1).normal(size=(30, 4))


def _found(truth: list[float] | list[str]) -> Representation:
    clips = tuple(f"clip-{number}" for number in range(len(truth)))
    return Representation("f/0", "its test clips", clips, SOME[: len(truth)], tuple(truth))


def test_flattened__keeps_groups_apart_and_is_the_same_every_time() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(40, 6)) + 20 * (np.arange(40) < 20)[:, None]
    flat = flattened(values)
    assert np.array_equal(flat, flattened(values))
    middle = [flat[:20].mean(axis=0), flat[20:].mean(axis=0)]
    inside = max(np.linalg.norm(flat[:20] - middle[0], axis=1).max(), np.linalg.norm(flat[20:] - middle[1], axis=1).max())
    assert np.linalg.norm(middle[0] - middle[1]) > inside


def test_picture__higher_scores_are_in_darker_shades() -> None:
    found = picture(_found(np.linspace(0, 10, 30).tolist()))
    assert found is not None
    assert found["legend"] == [(text, f"s{part}") for part, text in enumerate(("0 to 2", "2 to 4", "4 to 6", "6 to 8", "8 to 10"))]
    dots = [mark for mark in found["drawing"].marks if mark.tag == "circle"]
    assert (len(dots), dots[0].title) == (30, "clip-0: 0")
    shades = [mark.css for mark in dots]
    assert shades == sorted(shades)
    assert set(shades) == {f"point s{part}" for part in range(5)}
    assert found["drawing"].label == (
        "t-SNE of what f/0 makes of its test clips: 30 points, one per clip, coloured by true score, from 0 to 10"
    )


def test_picture__classes_have_the_colours_of_their_place_whoever_is_there() -> None:
    many = [f"a{number:02d}" for number in range(10)]
    found = picture(_found([many[number % 9 + 1] for number in range(30)]), many)
    assert found is not None
    assert found["legend"] == [*((name, f"c{number}") for number, name in enumerate(many[:8]) if number), ("other classes", "rest")]
    assert found["drawing"].label.endswith("coloured by class")
    strange = picture(_found(["a00", "of training alone"] * 15), many)
    assert strange is not None
    assert strange["legend"] == [("a00", "c0"), ("other classes", "rest")]


def test_picture__of_representations_that_differ_by_rounding_there_is_none() -> None:
    random = np.random.default_rng(0)
    base = random.normal(size=16).astype(np.float32)
    values = np.stack([base * np.float32(1 + 1e-7 * number) for number in range(12)])
    assert float(np.ptp(values)) > 0
    assert picture(replace(_found(list(range(12))), values=values)) is None


@pytest.mark.parametrize("varying", [1, 2])
def test_flattened__columns_that_do_not_vary_count_for_nothing(varying: int) -> None:
    random = np.random.default_rng(0)
    found = np.concatenate([random.normal(size=(12, varying)), np.ones((12, 3)) + 1e-9 * random.normal(size=(12, 3))], axis=1)
    flat = flattened(found.astype(np.float32))
    assert flat.shape == (12, 2)
    assert np.isfinite(flat).all()
    np.testing.assert_allclose(flat, flattened(found[:, :varying].astype(np.float32)), atol=1e-3)


def test_picture__nothing_to_draw() -> None:
    few = _found([1.0] * (FEWEST - 1))
    assert picture(few) is None
    same = replace(_found([1.0] * FEWEST), values=np.ones((FEWEST, 2)))
    assert picture(same) is None
