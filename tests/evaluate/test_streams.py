"""What is said of a model that picks one of several streams, by hand."""

from __future__ import annotations

import numpy as np

from stages.evaluate import streams
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.figures import compute
from stages.evaluate.table import Table

TRUTH = np.array([1.0, 2.0, 3.0, 4.0])
SKELETON = np.array([[1.0, 2.5, 3.0, 0.0]])  # errors 0, .5, 0, 4
RGB = np.array([[3.0, 2.0, 3.2, 4.5]])  # errors 2, 0, .2, .5
PICKED = np.array([[0.0, 1.0, 1.0, 1.0]])  # the third pick is wrong


def table() -> Table:
    picked = PICKED.astype(int)
    extra = {
        "predicted.skeleton": SKELETON,
        "predicted.rgb": RGB,
        "stream": PICKED,
        "confidence": np.array([[0.9, 0.8, 0.6, 0.7]]),
    }
    same, clips = np.array(["all"] * 4), np.array(list("abcd"))
    return Table(clips, TRUTH, np.where(picked == 0, SKELETON, RGB), ("0",), same, clips, same, extra=extra)


def test_streams__shares_and_cases_by_hand() -> None:
    whole = table()
    assert streams.names_of(whole) == ["skeleton", "rgb"]
    assert streams.right(whole).tolist() == [[1, 1, 0, 1]]
    assert streams.best_always(whole).mean() == 0.5
    assert streams.cases(whole, 2) == [("skeleton", [0, 2]), ("rgb", [3, 1])]


def test_compute__streams_are_judged_as_if_alone() -> None:
    found = compute(table(), EvaluateConfig(resamples=100)).streams
    assert found is not None
    assert found.picked == {"skeleton": 0.25, "rgb": 0.75}
    assert (found.right.value, found.chance.value) == (0.75, 0.5)
    assert found.figures["skeleton"]["mae"].value == 4.5 / 4
    assert found.figures["rgb"]["mae"].value == 2.7 / 4
    assert "streams" in compute(table(), EvaluateConfig(resamples=100)).to_json()


def test_compute__models_without_a_choice_have_no_streams() -> None:
    whole = table()
    plain = Table(whole.clips, whole.truth, whole.predicted, ("0",), whole.groups, whole.clusters, whole.folds)
    found = compute(plain, EvaluateConfig(resamples=100))
    assert found.streams is None
    assert "streams" not in found.to_json()
