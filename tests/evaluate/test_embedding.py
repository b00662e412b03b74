"""The picture of representations in the report."""

from __future__ import annotations

import numpy as np

from stages.evaluate.evaluation import Representation
from stages.evaluate.report.embedding import FEWEST, flattened, picture
from stages.evaluate.table import Table


def _table(count: int, classes: tuple[str, ...] = ()) -> Table:
    clips = np.array([f"clip-{number}" for number in range(count)])
    truth = np.arange(count) % len(classes) if classes else np.linspace(0, 10, count)
    same = np.array(["all"] * count)
    return Table(
        clips, truth.astype(float), truth[None].astype(float), ("0",), same, clips, same, "action" if classes else "score", classes
    )


def test_flattened__keeps_groups_apart_and_is_the_same_every_time() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(40, 6)) + 20 * (np.arange(40) < 20)[:, None]
    flat = flattened(values)
    assert np.array_equal(flat, flattened(values))
    middle = [flat[:20].mean(axis=0), flat[20:].mean(axis=0)]
    inside = max(np.linalg.norm(flat[:20] - middle[0], axis=1).max(), np.linalg.norm(flat[20:] - middle[1], axis=1).max())
    assert np.linalg.norm(middle[0] - middle[1]) > inside


def test_picture__scores_are_shaded_and_classes_coloured() -> None:
    values = np.random.default_rng(1).normal(size=(30, 4))
    table = _table(40)
    found = picture(table, Representation("f/0", tuple(table.clips[:30]), values))
    assert found is not None
    assert [css for _, css in found["legend"]] == ["s0", "s1", "s2", "s3", "s4"]
    dots = [mark for mark in found["drawing"].marks if mark.tag == "circle"]
    assert (len(dots), dots[0].title) == (30, "clip-0: 0")
    assert {mark.css for mark in dots} == {f"point s{part}" for part in range(5)}
    many = tuple(f"a{number:02d}" for number in range(10))
    named = _table(40, many)
    found = picture(named, Representation("f/0", tuple(named.clips[:30]), values))
    assert found is not None
    assert found["legend"][-1] == ("other classes", "rest")
    assert len(found["legend"]) == 9


def test_picture__nothing_to_draw() -> None:
    table = _table(FEWEST)
    assert picture(table, None) is None
    assert picture(table, Representation("f/0", tuple(table.clips[:5]), np.zeros((5, 2)))) is None
    assert picture(table, Representation("f/0", tuple(table.clips), np.ones((FEWEST, 2)))) is None
