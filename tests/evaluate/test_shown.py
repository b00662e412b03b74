"""Which clips a report shows one by one, and whose poses are read for it."""

from __future__ import annotations

import numpy as np

from stages.evaluate.shown import DRAWN, LISTED, MOMENTS, extremes, strips
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import PoseSequence, sequence
from tests.evaluate.tables import labels, scores
from tests.small import clip


def test_extremes__the_largest_and_the_smallest_errors() -> None:
    table = scores({"all": 50})
    errors = np.abs(table.ensemble - table.truth)
    (worst, first), (best, last) = extremes(table)
    assert (worst, best) == ("Largest errors", "Smallest errors")
    assert first == np.argsort(-errors)[:LISTED].tolist()
    assert last == np.argsort(errors)[:LISTED].tolist()
    assert extremes(scores({"all": 1})) == [("Clips", [0])]


def test_extremes__mistakes_of_classes() -> None:
    table = labels(("a", "b", "c"))
    ((title, places),) = extremes(table)
    assert title == "Clips most often mistaken"
    wrong = (table.predicted != table.truth).sum(axis=0)
    assert places
    assert wrong[places].tolist() == sorted(wrong[places].tolist(), reverse=True)
    assert (wrong[places] > 0).all()


def test_strips__only_the_clips_that_are_drawn_are_read() -> None:
    table = scores({"all": 50})
    asked = []

    def poses(name: str) -> PoseSequence:
        asked.append(name)
        return sequence(clip(0.5, 20, 0), KINECT_20, fps=10, units="m", origin="camera")

    found = strips(table, poses)
    assert asked == [str(table.clips[number]) for _, places in extremes(table) for number in places[:DRAWN]]
    assert sorted(found) == sorted(asked)
    assert {len(strip) for strip in found.values()} == {MOMENTS}
