"""The page of a scored video."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.explain.explanation import WHOLE, Explanation
from stages.score.judgement import Interval, Judgement
from stages.score.page import Scored, render, sentence
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence
from tests.browser import complaints, overflow
from tests.small import clip

PARTS = ("trunk", "left_arm", "right_arm", "left_leg", "right_leg", WHOLE)
GRID = np.random.default_rng(0).normal(0, 1, (6, 8)) + np.eye(6, 8) * -5
WHY = Explanation("replacement", "poses", PARTS, np.linspace(0, 4, 9), GRID, GRID.sum(axis=1))
POSES = sequence(clip(0.9, 41, 0), KINECT_20, fps=10, units="m", origin="camera")
JUDGEMENT = Judgement(
    "a-rather-long-folder-name/<b>own</b>",
    31.25,
    interval=Interval(25.5, 36.5, 0.9),
    percentile=62.0,
    facts={"poses": {"skeleton": "kinect-20", "seconds": 4.0}},
    warnings=("its poses are 9.0 s long, training clips 4 to 8",),
    extra={"predicted.after-1": 20.0, "predicted.after-2": 28.0, "predicted.after-3": 31.25},
)
SCORED = Scored(JUDGEMENT, (WHY,), POSES, np.random.default_rng(1).normal(30, 5, 80), "squats", {"stage": "finetune"})


def test_page__says_what_it_must() -> None:
    page = render(SCORED)
    assert '<div class="value">31.25</div>' in page
    assert "[25.5, 36.5] with 90%" in page
    assert "above 62 % of the training clips" in page
    assert "⚠ its poses are 9.0 s long, training clips 4 to 8" in page
    assert "&lt;b&gt;own&lt;/b&gt;" in page
    assert "<b>own</b>" not in page
    assert page.count("<th>0.0–0.5</th>") == 1
    assert page.count('class="strips"') == 1
    assert "the score so far, after each segment" in page
    assert "scored by squats" in page
    for outside in ("http://", "https://", "src="):
        assert outside not in page


def test_page__without_what_is_not_known() -> None:
    page = render(Scored(replace(JUDGEMENT, interval=None, percentile=None, extra={}, warnings=())))
    for part in ("with 90%", "training clips</p>", "Why", "so far", "⚠"):
        assert part not in page
    unbounded = render(Scored(replace(JUDGEMENT, interval=Interval(-math.inf, math.inf, 0.9))))
    assert "inf" not in re.sub(r"<style>.*</style>", "", unbounded, flags=re.S).lower().replace("info", "")


def test_page__of_levels() -> None:
    page = render(Scored(Judgement("a", None, label="mild", labels=("mild", "severe"))))
    assert '<div class="value">mild</div>' in page
    assert "may be severe" in page


def test_sentence__says_part_moment_and_cost() -> None:
    part, begin, end, cost = WHY.worst
    assert sentence(WHY) == f"costs most: {part.replace('_', ' ')} from {begin:.1f} to {end:.1f} s ({cost:+.3g})"
    features = Explanation("gradients", "features", ("features",), np.array([0, 0.5, 1]), np.array([[1.0, -2.0]]), np.array([-1.0]))
    assert sentence(features) == "costs most: features in the part from 50% to 100% (-2)"
    assert sentence(replace(features, grid=np.array([[1.0, 2.0]]))) == "nothing costs points beside the best clips"


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_page__fits_the_width_of_the_window(tmp_path: Path, width: int, *, dark: bool) -> None:
    assert overflow(render(SCORED), tmp_path, width, dark=dark) == 0


@pytest.mark.browser
def test_page__complains_of_nothing(tmp_path: Path) -> None:
    assert complaints(render(SCORED), tmp_path) == []
