from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.extract_pose.people import choose, facts
from stages.extract_pose.tracking import Track
from tests.extract_pose.toys import joints_in

Place = Callable[[int], tuple[float, float]]


def track(name: str, frames: range, place: Place, width: float = 40, *, wave: float = 0) -> Track:
    made, random = Track(name), np.random.default_rng(0)
    for frame in frames:
        x, y = place(frame)
        box = np.array([x, y, x + width, y + 2.5 * width])
        made.add(frame, box, joints_in(box) + wave * random.standard_normal((17, 2)), np.ones(17))
    return made


def still(x: float) -> Place:
    return lambda _: (x, 0.0)


LARGE = track("large", range(20, 60), still(300), 80)
LONG = track("long", range(100), still(100))
BUSY = track("busy", range(30, 80), still(200), wave=4)
GHOST = track("ghost", range(40, 45), still(500), 200, wave=50)
ALL = [LONG, LARGE, BUSY, GHOST]


@pytest.mark.parametrize(("rule", "name"), [("largest", "large"), ("longest", "long"), ("most-moving", "busy"), ("ghost", "ghost")])
def test_choose__takes_one_by_rule_or_id_and_no_ghost_by_rule(rule: str, name: str) -> None:
    assert [kept.id for kept in choose(ALL, rule)] == [name]


def test_choose__all_are_those_that_last_the_longest_first() -> None:
    assert [kept.id for kept in choose(ALL, "all")] == ["long", "busy", "large"]


def test_choose__ids_keep_the_order_in_which_they_were_asked_for() -> None:
    assert [kept.id for kept in choose(ALL, "busy, long")] == ["busy", "long"]


def test_choose__most_moving_does_not_count_what_the_camera_does() -> None:
    def panned(x: float) -> Place:
        return lambda t: (x + 5 * t, 0.0)

    crowd = [track(str(number), range(50), panned(100 * number)) for number in range(4)]
    followed = track("athlete", range(20), still(500))  # the camera goes with the athlete, who is seen for less than half as long
    assert [kept.id for kept in choose([*crowd, followed], "most-moving")] == ["athlete"]


def test_choose__a_pair_is_there_together_and_comes_from_left_to_right() -> None:
    right, left = track("1", range(50), still(300), 60), track("2", range(50), still(100), 58)
    later = track("3", range(60, 110), still(0), 59)
    assert [kept.id for kept in choose([right, left, later], "largest", 2)] == ["2", "1"]


def test_choose__a_pair_of_one_is_an_error() -> None:
    with pytest.raises(ArtifactError, match="2 people were asked for, but 1 was there at the same time"):
        choose([LONG], "largest", 2)


def test_choose__an_unknown_id_lists_the_known_ones() -> None:
    with pytest.raises(ArtifactError, match=r"There is no person '7'; seen were long, large, busy, ghost\."):
        choose(ALL, "7")


def test_facts__say_what_an_id_can_be_chosen_by() -> None:
    assert facts([LARGE]) == [{"id": "large", "first": 20, "last": 59, "frames": 40, "area": 16000.0}]
