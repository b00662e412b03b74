from __future__ import annotations

import numpy as np
import pytest

from stages.extract_pose import repair
from tests.extract_pose.toys import joints_in

FRAMES = 40
TIMES = np.arange(FRAMES) / 25


def moving(people: int = 1) -> np.ndarray:
    """Positions (M, T, 17, 2) of bodies that walk and swing a little."""
    body = joints_in(np.array([0, 0, 60, 150], np.float32))
    swing = 4 * np.sin(TIMES * 5)[:, None, None] * np.linspace(-1, 1, 17)[None, :, None]
    one = body[None] + 3 * np.arange(FRAMES)[:, None, None] + swing
    return np.stack([one + 200 * person for person in range(people)]).astype(np.float32)


def test_fill_gaps__fills_short_gaps_linearly_in_time_and_marks_them() -> None:
    times = np.array([0.0, 0.1, 0.4, 0.5])
    positions = np.zeros((1, 4, 2, 2), np.float32)
    positions[0, :, 0] = [[0, 0], [np.nan] * 2, [np.nan] * 2, [10, 5]]
    filled, marks = repair.fill_gaps(positions, times, 0.5)
    assert filled[0, :, 0] == pytest.approx(np.array([[0, 0], [2, 1], [8, 4], [10, 5]]))
    assert marks[0].tolist() == [[0, 0], [1, 0], [1, 0], [0, 0]]
    assert marks.dtype == np.uint8


def test_fill_gaps__leaves_long_gaps_and_the_ends_missing() -> None:
    positions = moving()
    positions[0, :3, 0] = positions[0, 10:30, 1] = positions[0, -2:, 2] = np.nan
    filled, marks = repair.fill_gaps(positions, TIMES, 0.5)
    assert np.array_equal(filled, positions, equal_nan=True)
    assert not marks.any()


def test_fill_gaps__zero_seconds_fills_nothing() -> None:
    positions = moving()
    positions[0, 5, 0] = np.nan
    assert not repair.fill_gaps(positions, TIMES, 0)[1].any()


def test_smooth__keeps_a_parabola_and_quietens_noise() -> None:
    random = np.random.default_rng(0)
    parabola = np.tile((100 * TIMES**2 + 30 * TIMES)[None, :, None, None], (1, 1, 17, 2))
    assert repair.smooth(parabola, TIMES, 0.4) == pytest.approx(parabola)
    noisy = parabola + random.normal(0, 2, parabola.shape)
    assert np.abs(repair.smooth(noisy, TIMES, 0.4) - parabola).mean() < 0.6 * np.abs(noisy - parabola).mean()


def test_smooth__does_not_reach_across_a_gap() -> None:
    positions = moving()
    positions[:, 20] = np.nan
    positions[:, 21:] += 500
    smoothed = repair.smooth(positions, TIMES, 0.4)
    assert np.isnan(smoothed[:, 20]).all()
    assert np.abs(np.delete(smoothed - positions, 20, axis=1)).max() < 5


def test_smooth__a_run_of_three_frames_is_left_alone() -> None:
    positions = moving()
    positions[:, 3:] = np.nan
    assert np.array_equal(repair.smooth(positions, TIMES, 0.4), positions, equal_nan=True)
