from __future__ import annotations

import numpy as np
import pytest

from stages.extract_pose.following import follow, search, windows
from stages.video.frame import Frame
from tests.extract_pose.toys import OneInBox, joints_in, scene, walk

BIG = (640, 480)


def frames(images: list[np.ndarray]) -> list[Frame]:
    return [Frame(number, number / 30, image) for number, image in enumerate(images)]


def test_follow__finds_and_keeps_a_walking_person() -> None:
    found = dict(follow(frames(walk(30)), OneInBox()))
    assert sorted(found) == list(range(30))
    for t, view in found.items():
        assert np.abs(view.positions - joints_in(np.array([10 + 3 * t, 30, 34 + 3 * t, 90]))).max() < 2


def test_follow__looks_once_per_frame_after_the_first() -> None:
    network = OneInBox(batch=1)
    still = [scene([("red", (60, 30, 90, 100))])] * 20
    list(follow(frames(still[:10]), network))
    first = len(network.calls)
    network.calls.clear()
    list(follow(frames(still), network))
    assert len(network.calls) == first + 10


@pytest.mark.parametrize("place", [(20, 20), (300, 200), (560, 360)], ids=["corner", "middle", "other-corner"])
def test_search__finds_a_small_person_anywhere(place: tuple[int, int]) -> None:
    box = np.array([*place, place[0] + 40, place[1] + 100], float)
    view = search(OneInBox(), scene([("red", tuple(box))], BIG))
    assert view is not None
    assert np.abs(view.positions - joints_in(box)).max() < 2


def test_search__nobody_is_none() -> None:
    assert search(OneInBox(), scene([], BIG)) is None


def test_follow__a_person_who_comes_late_is_made_up_for_backwards() -> None:
    empty = [scene([])] * 7
    late = [scene([("red", (60, 30, 90, 100))])] * 20
    found = follow(frames(empty + late), OneInBox())
    assert sorted(number for number, _ in found) == list(range(7, 27))


def test_follow__a_person_who_was_away_is_found_elsewhere() -> None:
    here, there = scene([("red", (10, 30, 40, 100))]), scene([("red", (110, 30, 140, 100))])
    images = [here] * 10 + [scene([])] * 8 + [there] * 12
    found = dict(follow(frames(images), OneInBox()))
    assert sorted(found) == [*range(10), *range(18, 30)]
    assert found[29].positions[:, 0].min() > 100


def test_follow__nobody_at_all_yields_nothing() -> None:
    assert list(follow(frames([scene([])] * 12), OneInBox())) == []


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (640, 480), (100, 100), (2000, 100)])
def test_windows__cover_the_frame_at_every_size(size: tuple[int, int]) -> None:
    width, height = size
    levels = windows(width, height)
    assert levels[0][0].tolist() == [0, 0, width, height]
    assert len(levels) == 3
    for level in levels:
        covered = np.zeros((height, width), bool)
        for left, top, right, bottom in level[1 if level is levels[0] else 0 :]:
            covered[max(0, int(top)) : round(bottom + 0.5), max(0, int(left)) : round(right + 0.5)] = True
        assert covered.all()


def test_search__looks_no_further_than_it_must() -> None:
    network = OneInBox(batch=1)
    large, small = scene([("red", (200, 40, 400, 440))], BIG), scene([("red", (300, 200, 330, 280))], BIG)
    counts = []
    for image in (large, small):
        network.calls.clear()
        assert search(network, image) is not None
        counts.append(len(network.calls))
    assert counts[0] < 0.5 * counts[1]
