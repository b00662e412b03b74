from __future__ import annotations

import numpy as np
import pytest

from stages.extract_pose import tracking
from stages.extract_pose.estimators.contract import People
from stages.extract_pose.tracking import RESUME_SECONDS, Track, Tracker, overlap
from tests.extract_pose.toys import joints_in

FPS = 25


def people(*boxes: tuple[float, float, float, float], score: float = 0.9) -> People:
    sides = np.array(boxes, np.float32).reshape(-1, 4)
    joints = np.array([joints_in(box) for box in sides]).reshape(-1, 17, 2)
    return People(sides, np.full(len(sides), score), joints, np.ones(joints.shape[:2]))


def person(x: float, y: float = 100) -> tuple[float, float, float, float]:
    return (x, y, x + 40, y + 100)


def followed(frames: list[People], fps: float = FPS) -> list[Track]:
    tracker = Tracker()
    for number, found in enumerate(frames):
        tracker.tick(number / fps)
        tracker.add(found)
    return tracker.tracks


def test_tracker__keeps_two_people_apart_though_their_order_changes() -> None:
    frames = [people(*[person(10 + 2 * t), person(300 - 2 * t)][:: 1 if t % 2 else -1]) for t in range(40)]
    tracks = followed(frames)
    assert sorted(len(track.frames) for track in tracks) == [40, 40]
    for track in tracks:
        assert np.abs(np.diff(np.stack(track.boxes)[:, 0])).max() < 3


def test_tracker__people_who_cross_go_on_in_their_direction() -> None:
    frames = [people(person(6 * t), person(240 - 6 * t, 110)) for t in range(40)]
    tracks = followed(frames)
    assert [len(track.frames) for track in tracks] == [40, 40]
    assert all(len(set(np.sign(np.diff(np.stack(track.boxes)[:, 0])))) == 1 for track in tracks)


def test_tracker__a_fast_body_is_followed_where_boxes_barely_overlap() -> None:
    frames = [people((100, 18.0 * t, 130, 18.0 * t + 30)) for t in range(20)]
    assert overlap(np.array([100, 0, 130, 30]), np.array([[100, 18, 130, 48]]))[0] < 0.3
    assert [len(track.frames) for track in followed(frames)] == [20]


@pytest.mark.parametrize(("seconds", "count"), [(0.5 * RESUME_SECONDS, 1), (1.5 * RESUME_SECONDS, 2)], ids=["resumed", "over"])
def test_tracker__who_is_lost_for_a_while_is_resumed(seconds: float, count: int) -> None:
    gap = [people() for _ in range(round(seconds * FPS))]
    tracks = followed([people(person(50))] * 10 + gap + [people(person(60))] * 10)
    assert [track.id for track in tracks] == ["1", "2"][:count]
    assert sum(len(track.frames) for track in tracks) == 20


def test_tracker__a_low_score_goes_on_but_does_not_begin() -> None:
    faint = people(person(50), score=0.15)
    assert followed([faint] * 5) == []
    (track,) = followed([people(person(50)), *[faint] * 5])
    assert track.frames == [0, 1, 2, 3, 4, 5]


def test_tracker__a_crowd_is_followed_one_by_one_whatever_is_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [(60 * column + 2 * (row % 2), 130 * row) for row in range(6) for column in range(10)]

    def crowd(t: int) -> People:
        order = np.random.default_rng(t).permutation(len(places))
        return people(*(person(places[one][0] + 3 * t, places[one][1] - t) for one in order))

    frames = [crowd(t) for t in range(12)]
    whole = followed(frames)
    monkeypatch.setattr(tracking, "_AT_ONCE", 1)
    by_row = followed(frames)
    assert len(whole) == len(places)
    for track, other in zip(whole, by_row, strict=True):
        assert track.frames == list(range(12))
        assert np.ptp(np.diff(np.stack(track.boxes), axis=0), axis=0).max() == 0
        assert np.array_equal(track.positions, other.positions)


def test_median__counts_only_the_joints_that_count() -> None:
    values = np.random.default_rng(0).normal(size=(30, 17, 2))
    counted = np.random.default_rng(1).random((30, 17)) < np.linspace(0, 1, 30)[:, None]
    expected = [np.median(some[which], axis=0) if which.any() else np.zeros(2) for some, which in zip(values, counted, strict=True)]
    assert counted.any(axis=1).sum() < 30
    assert np.allclose(tracking.median(values, counted), expected, atol=1e-12)


def test_tracker__somebody_far_away_is_somebody_else() -> None:
    assert [track.frames for track in followed([people(person(0)), people(person(400))])] == [[0], [1]]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_tracker__who_is_nowhere_is_nobody(value: float) -> None:
    found = people(person(50), person(300))
    found.positions[1, 3] = value
    (track,) = followed([people(person(50)), found])
    assert track.frames == [0, 1]


def test_track__spread_is_nan_where_the_person_was_not_seen() -> None:
    (track,) = followed([people(person(50)), people(), people(person(52))])
    boxes, positions, confidence = track.spread(4)
    assert np.isnan(boxes[[1, 3]]).all()
    assert np.isnan(positions[[1, 3]]).all()
    assert confidence[:, 0].tolist() == [1, 0, 1, 0]
    assert boxes[2].tolist() == [52, 100, 92, 200]


def test_overlap__is_intersection_over_union() -> None:
    assert overlap(np.array([0, 0, 2, 2]), np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]])) == pytest.approx([1, 1 / 3, 0])
