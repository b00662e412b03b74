"""Conformal intervals and sets: ranks by hand, coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stages.engine.conformal import Held, HeldClasses, half_width, interval, margin, members, needed, rank_of


@pytest.mark.parametrize(
    ("count", "confidence", "rank"),
    [(19, 0.95, 19), (18, 0.95, None), (9, 0.9, 9), (8, 0.9, None), (99, 0.9, 90), (4, 0.8, 4), (0, 0.5, None), (39, 0.95, 38)],
)
def test_rank__is_that_of_the_definition(count: int, confidence: float, rank: int | None) -> None:
    assert rank_of(count, confidence) == rank


def test_needed__is_the_smallest_number_with_a_finite_interval() -> None:
    assert [needed(confidence) for confidence in (0.5, 0.8, 0.9, 0.95)] == [1, 4, 9, 19]


def test_half_width__is_an_error_of_that_rank() -> None:
    errors = np.arange(10.0)[::-1]
    assert half_width(errors, 0.8) == 8
    assert half_width(errors, 0.95) == math.inf


def test_interval__of_one_model_is_split_conformal() -> None:
    held = Held(5.0, np.array([3.0, 1.0, 2.0, 4.0]), lambda values: 10 * values)
    assert interval([held], 0.8) == (10.0, 90.0)
    assert interval([held], 0.6) == (20.0, 80.0)
    assert interval([held], 0.9) == (-math.inf, math.inf)


def test_interval__of_several_models_widens_where_they_disagree() -> None:
    errors = np.linspace(0.1, 1, 10)
    agree = interval([Held(0.0, errors, lambda values: values), Held(0.0, errors, lambda values: values)], 0.9)
    apart = interval([Held(-2.0, errors, lambda values: values), Held(2.0, errors, lambda values: values)], 0.9)
    assert agree == pytest.approx((-0.95, 0.95), abs=0.06)
    assert apart[0] < -2.5
    assert apart[1] > 2.5


def test_interval__covers_as_promised() -> None:
    random = np.random.default_rng(0)
    errors = np.abs(random.normal(size=(2000, 60)))
    new = np.abs(random.normal(size=2000))
    covered = [low <= 0 + truth <= high for row, truth in zip(errors, new, strict=True) for low, high in [interval([_held(row)], 0.8)]]
    assert np.mean(covered) == pytest.approx(0.8, abs=0.03)


def _held(errors: np.ndarray) -> Held:
    return Held(0.0, errors, lambda values: values)


def test_margin__is_the_lead_of_a_class() -> None:
    scores = np.array([[1.0, 3.0, 2.0], [5.0, 0.0, 0.0]])
    assert margin(scores, np.array([1, 2])).tolist() == [1.0, -5.0]


def test_members__are_the_classes_that_conform() -> None:
    held_out = np.arange(1.0, 10.0)  # the true class led by 1 to 9
    of = [HeldClasses(np.array([5.0, 0.5, -5.0]), held_out)]
    assert members(of, 0.8) == [0]
    assert members(of, 0.95) == [0, 1, 2]  # nine clips cannot leave any class out at that confidence
    twice = [HeldClasses(np.array([0.0, 1.0]), held_out), HeldClasses(np.array([9.0, -np.inf]), held_out)]
    assert members(twice, 0.8) == [0]


def test_members__cover_as_promised() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(1500):
        truth = random.integers(3, size=41)
        scores = random.normal(size=(41, 3))
        scores[np.arange(41), truth] += 1
        margins = margin(scores, truth)
        new = margin(np.repeat(scores[-1:], 3, axis=0), np.arange(3))
        held += int(truth[-1]) in members([HeldClasses(new, margins[:-1])], 0.8)
    assert held / 1500 == pytest.approx(0.8, abs=0.03)
