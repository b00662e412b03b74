"""What is said of a clip that differs from the training clips."""

from __future__ import annotations

import math

import pytest

from stages.score.judgement import Interval, Judgement, differences, unlike

KNOWN = {
    "poses": {"skeleton": ["coco-17"], "seconds": [4.0, 8.0], "fps": [15.0, 15.0], "unseen": [0.0, 0.05], "confidence": [0.8, 0.95]},
    "features": {"segments": [10.0, 10.0]},
}
LIKE = {"poses": {"skeleton": "coco-17", "seconds": 6.0, "fps": 15.0, "unseen": 0.0, "confidence": 0.9}, "features": {"segments": 10.0}}


@pytest.mark.parametrize(
    ("role", "change", "expected"),
    [
        ("poses", {}, []),
        ("poses", {"seconds": 8.7}, []),
        ("poses", {"seconds": 9.0}, ["its poses are 9.0 s long, training clips 4 to 8"]),
        ("poses", {"seconds": 3.5}, ["its poses are 3.5 s long, training clips 4 to 8"]),
        ("poses", {"fps": 30.0}, ["its poses are 30 frames per second, training clips 15 to 15"]),
        ("poses", {"skeleton": "kinect-20"}, ["its poses have skeleton kinect-20, training had coco-17"]),
        ("poses", {"unseen": 0.06}, []),
        ("poses", {"unseen": 0.4}, ["40% of its joints were not seen, at most 5% in training"]),
        ("poses", {"confidence": 0.5}, ["the mean confidence of its joints is 0.50, at least 0.80 in training"]),
        ("features", {"segments": 4.0}, ["its features are 4 segments, training clips 10 to 10"]),
        ("features", {"other": 4.0}, []),
    ],
)
def test_differences__name_what_training_never_had(role: str, change: dict[str, object], expected: list[str]) -> None:
    assert differences(LIKE | {role: {**LIKE[role], **change}}, KNOWN) == expected


@pytest.mark.parametrize(
    ("likeness", "count", "expected"),
    [
        (None, 50, ""),
        (0.5, 50, ""),
        (1 / 11, 10, ""),
        (1 / 51, 50, "it lies farther from the training clips than all of 50 held-out clips"),
        (2 / 51, 50, ""),
        (5 / 501, 500, "it lies farther from the training clips than 99% of 500 held-out clips"),
    ],
)
def test_unlike__speaks_of_rare_clips_only(likeness: float | None, count: int, expected: str) -> None:
    assert unlike(likeness, count) == expected


def test_json__has_null_for_an_infinite_end() -> None:
    said = Judgement("a", 3.0, interval=Interval(-math.inf, 4.0, 0.9), percentile=40.0).to_json()
    assert (said["score"], said["low"], said["high"]) == (3.0, None, 4.0)
    assert Judgement("a", None, label="2", labels=("1", "2")).to_json()["labels"] == ["1", "2"]
