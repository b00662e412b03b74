"""Following one person with a top-down network that is given no boxes: each frame's box comes from the joints of the frame before.

The first frame, and every frame in which the person was lost, is searched: the network looks at the whole frame and at windows of up to
three sizes, the most confident views are looked at again, each through the box of the joints that it showed, until they settle, and
the most confident one is taken.  From then on the box follows the joints; where they leave it, the frame is looked at again, and
where the confidence falls, it is searched anew.  Frames that passed while nobody was found are made up for backwards from the frame
in which somebody was; how many is bounded, as are the images that are held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.extract_pose.estimators.contract import TopDown
from stages.extract_pose.tracking import overlap
from stages.video.frame import Frame

FOUND = 0.4
"""Mean confidence from which a search has found somebody."""
_CERTAIN = 0.7
"""Mean confidence from which a search looks no further."""
LOST = 0.3
"""Mean confidence below which a person who was followed is lost."""
_DOUBT = 0.7
"""Below this share of its usual confidence a followed person is searched for anew, once in every so many frames."""
_EVERY = 5
_SURE = 0.2
_ENOUGH = 5
"""Joints that must be sure for a box."""
_MARGIN = 0.1
_SETTLED = 0.8
"""Overlap of a box with that of its own joints from which looking again changes little."""
_AGAIN = 2
_KEPT, _ROUNDS = 4, 4
_WINDOWS = (1.0, 0.6, 0.36)
_ASPECT = 0.75


@dataclass(frozen=True)
class View:
    """One person in one frame: the box (4,) that was looked through, joints (V, 2) and confidence (V,)."""

    box: Array
    positions: Array
    confidence: Array

    @property
    def mean(self) -> float:
        """Mean confidence of all joints."""
        return float(self.confidence.mean())


def follow(frames: Iterable[Frame], estimator: TopDown) -> Iterator[tuple[int, View]]:
    """Yield (index of the frame, view) for every frame in which the person is seen; not always in order of the frames."""
    last: View | None = None
    usual, doubted, waiting = 0.0, -_EVERY, list[Frame]()
    for number, frame in enumerate(frames):
        if last is not None:
            view = _track(estimator, frame.image, last)
            if view.mean < max(LOST, _DOUBT * usual) and number - doubted >= _EVERY:
                doubted = number
                view = max(view, search(estimator, frame.image) or view, key=lambda found: found.mean)
            last = view if view.mean >= LOST and _joints_box(view) is not None else None
            usual = 0.95 * usual + 0.05 * view.mean
        else:
            waiting.append(frame)
            if len(waiting) < _EVERY and number >= _EVERY:
                continue
            last = search(estimator, frame.image)
            if last is not None:
                usual = last.mean
                yield from _made_up(estimator, waiting[:-1], last)
            if last is not None or len(waiting) >= _EVERY:
                waiting = []
        if last is not None:
            yield frame.index, last


def search(estimator: TopDown, image: Array) -> View | None:
    """Return the person in ``image`` of whom the network is surest, or None; smaller windows are tried while it is not sure enough."""
    found: View | None = None
    for boxes in windows(image.shape[1], image.shape[0]):
        views = _look(estimator, image, boxes)
        settled = _settled(estimator, image, sorted(views, key=lambda view: -view.mean)[:_KEPT])
        found = max([found, *settled] if found else settled, key=lambda view: view.mean, default=None)
        if found is not None and found.mean >= _CERTAIN:
            break
    return found if found is not None and found.mean >= FOUND and _joints_box(found) is not None else None


def _settled(estimator: TopDown, image: Array, views: list[View]) -> list[View]:
    """Look again through the boxes of the joints of ``views``, and so on; return everything that was seen."""
    seen: list[View] = []
    for _ in range(_ROUNDS):
        again = [box for view in views if (box := _joints_box(view)) is not None]
        if not again:
            break
        views = _look(estimator, image, np.stack(again))
        seen += views
    return seen


def windows(width: int, height: int) -> list[Array]:
    """Return the boxes (N, 4) through which a frame is searched, the largest first: all of it with upright windows, and smaller windows."""
    levels = []
    for share in _WINDOWS:
        tall = share * height
        wide = tall * _ASPECT
        if wide > width:  # an upright frame: windows as wide as their share of its width
            wide = share * width
            tall = wide / _ASPECT
        levels.append([(x, y, x + wide, y + tall) for y in _places(height, tall) for x in _places(width, wide)])
    levels[0].insert(0, (0.0, 0.0, float(width), float(height)))
    return [np.array(boxes) for boxes in levels]


def _places(whole: float, part: float) -> list[float]:
    count = 1 + int(np.ceil(2 * (whole - part) / part - 1e-9))
    return [float(place) for place in np.linspace(0, whole - part, count)] if count > 1 else [(whole - part) / 2]


def _track(estimator: TopDown, image: Array, last: View) -> View:
    box = _joints_box(last)
    assert box is not None
    view = _look(estimator, image, box[None])[0]
    for _ in range(_AGAIN):
        own = _joints_box(view)
        if own is None or overlap(view.box, own[None])[0] >= _SETTLED:
            break
        other = _look(estimator, image, own[None])[0]
        if other.mean < view.mean:
            break
        view = other
    return view


def _made_up(estimator: TopDown, passed: list[Frame], found: View) -> Iterator[tuple[int, View]]:
    """Follow the person backwards through the frames that passed before it was found."""
    for frame in reversed(passed):
        found = _track(estimator, frame.image, found)
        if found.mean < LOST or _joints_box(found) is None:
            return
        yield frame.index, found


def _look(estimator: TopDown, image: Array, boxes: Array) -> list[View]:
    views: list[View] = []
    for start in range(0, len(boxes), estimator.batch):
        some = boxes[start : start + estimator.batch]
        positions, confidence = estimator.joints([image] * len(some), some)
        views += [View(*parts) for parts in zip(some, positions, confidence, strict=True)]
    return views


def _joints_box(view: View) -> Array | None:
    """Return the box around the joints that are sure, with a margin for what lies beyond them, or None where too few are."""
    sure = view.confidence >= _SURE
    if sure.sum() < _ENOUGH:
        return None
    low, high = view.positions[sure].min(axis=0), view.positions[sure].max(axis=0)
    margin = _MARGIN * (high - low)
    return np.concatenate([low - margin, high + margin])
