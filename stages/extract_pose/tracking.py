"""Which of the people of one frame are those of the frames before: overlap of boxes, distance of joints, and a best matching.

A track may be lost for a while (somebody walks past, a few blurred frames) and resumed.  What is kept of a frame is its boxes and
joints, never its image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stages.arrays import Array
from stages.extract_pose.estimators.contract import People

RESUME_SECONDS = 2.0
"""A track that was lost for longer is over."""
BIRTH = 0.3
"""Score from which a person that matches nobody begins a track; one that is already followed may score less."""
_SURE = 0.2
_NEAR = 0.35
"""Distance, in body sizes, at which a joint's closeness falls to exp(-1/2)."""
_SPREAD = 1.0
"""By how many body sizes per second that distance grows while a track is lost."""
_MATCH = 0.25
_COAST_SECONDS = 0.2
_AT_ONCE = 1 << 18
"""Pairs of tracks and joints that are compared at once: what a processor's cache holds."""
_FAR = 1e5
"""Pixels that no image has: a network that places somebody beyond them, or at NaN, has seen nobody."""
_NOWHERE = 1e9


@dataclass
class Track:
    """One person through the frames in which it was seen.

    Attributes:
        id: its name: a number in the order of appearance, or the name that a file of boxes gives.
        frames: indices of the frames, increasing.
        boxes: one (4,) left, top, right, bottom per frame.
        positions: one (V, 2) per frame, in pixels.
        confidence: one (V,) per frame.
    """

    id: str
    frames: list[int] = field(default_factory=list)
    boxes: list[Array] = field(default_factory=list)
    positions: list[Array] = field(default_factory=list)
    confidence: list[Array] = field(default_factory=list)

    def add(self, frame: int, box: Array, positions: Array, confidence: Array) -> None:
        """Add one frame."""
        self.frames.append(frame)
        self.boxes.append(np.asarray(box, np.float32))
        self.positions.append(np.asarray(positions, np.float32))
        self.confidence.append(np.asarray(confidence, np.float32))

    def spread(self, frames: int) -> tuple[Array, Array, Array]:
        """Return boxes (T, 4), positions (T, V, 2) and confidence (T, V) over all ``frames``; NaN and 0 where not seen."""
        joints = len(self.confidence[0])
        boxes = np.full((frames, 4), np.nan, np.float32)
        positions = np.full((frames, joints, 2), np.nan, np.float32)
        confidence = np.zeros((frames, joints), np.float32)
        boxes[self.frames], positions[self.frames], confidence[self.frames] = self.boxes, self.positions, self.confidence
        return boxes, positions, confidence


class Tracker:
    """Turns the people of frame after frame into tracks."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._times: list[float] = []

    def add(self, people: People) -> None:
        """Give each person of the next frame to a track, or begin one.  Times must have been told by :meth:`tick`."""
        from scipy.optimize import linear_sum_assignment  # takes a second to import, and not every clip has several people

        frame = len(self._times) - 1
        people = _sane(people)
        live = [track for track in self.tracks if self._gap(track) <= RESUME_SECONDS]
        taken: set[int] = set()
        if live and len(people.scores):
            likeness = self._likeness(live, people)
            for row, column in zip(*linear_sum_assignment(-likeness), strict=True):
                if likeness[row, column] >= _MATCH:
                    taken.add(int(column))
                    live[row].add(frame, people.boxes[column], people.positions[column], people.confidence[column])
        for number, score in enumerate(people.scores):
            if number not in taken and score >= BIRTH:
                track = Track(str(len(self.tracks) + 1))
                track.add(frame, people.boxes[number], people.positions[number], people.confidence[number])
                self.tracks.append(track)

    def tick(self, time: float) -> None:
        """Say the time in seconds of the next frame."""
        self._times.append(time)

    def _gap(self, track: Track) -> float:
        return self._times[-1] - self._times[track.frames[-1]]

    def _likeness(self, tracks: Sequence[Track], people: People) -> Array:
        """Return how well each of P people continues each of K tracks, (K, P) in [0, 1]: the mean of overlap and closeness of joints."""
        gaps = np.array([self._gap(track) for track in tracks])
        shifts = self._velocities(tracks) * np.minimum(gaps, _COAST_SECONDS)[:, None]
        boxes = np.stack([track.boxes[-1] for track in tracks]) + np.tile(shifts, 2)
        expected = np.stack([track.positions[-1] for track in tracks]) + shifts[:, None]
        reaches = np.maximum(_sizes(boxes), 1.0) * (_NEAR + _SPREAD * gaps)
        sure = np.stack([track.confidence[-1] for track in tracks]) >= _SURE
        seen = people.confidence >= _SURE
        likeness = np.empty((len(tracks), len(people.scores)))
        at_once = max(1, _AT_ONCE // seen.size)
        for start in range(0, len(tracks), at_once):
            rows = slice(start, start + at_once)
            near = _closeness(expected[rows], sure[rows], reaches[rows], people.positions, seen)
            likeness[rows] = 0.5 * overlap(boxes[rows, None], people.boxes) + 0.5 * near
        return likeness

    def _velocities(self, tracks: Sequence[Track]) -> Array:
        """Return the median motion of each track's joints in pixels per second, (K, 2); 0 where it was not seen twice at short distance."""
        found = np.zeros((len(tracks), 2))
        moving = [number for number, track in enumerate(tracks) if len(track.frames) > 1 and self._step(track) <= _COAST_SECONDS]
        if moving:
            some = [tracks[number] for number in moving]
            sure = np.stack([np.minimum(track.confidence[-1], track.confidence[-2]) for track in some]) >= _SURE
            steps = np.stack([track.positions[-1] - track.positions[-2] for track in some])
            found[moving] = median(steps, sure) / np.array([self._step(track) for track in some])[:, None]
        return found

    def _step(self, track: Track) -> float:
        """Return the seconds between the last two frames in which a track was seen."""
        return self._times[track.frames[-1]] - self._times[track.frames[-2]]


def _sane(people: People) -> People:
    """Return the people whose boxes and joints are numbers within reason."""
    kept = (np.abs(people.boxes) < _FAR).all(axis=1) & (np.abs(people.positions) < _FAR).all(axis=(1, 2))
    kept &= np.isfinite(people.scores) & np.isfinite(people.confidence).all(axis=1)
    return people if kept.all() else People(people.boxes[kept], people.scores[kept], people.positions[kept], people.confidence[kept])


def overlap(box: Array, others: Array) -> Array:
    """Return intersection over union of a box (…, 4) with each of ``others`` (P, 4), (…, P); several boxes come as (K, 1, 4)."""
    low, high = np.maximum(box[..., :2], others[:, :2]), np.minimum(box[..., 2:], others[:, 2:])
    inside = np.clip(high - low, 0, None)
    common = inside[..., 0] * inside[..., 1]
    return common / np.maximum(_areas(box) + _areas(others) - common, 1e-9)


def median(values: Array, counted: Array) -> Array:
    """Return the median over the joints that count, (K, 2) of ``values`` (K, V, 2) and ``counted`` (K, V); 0 where none does."""
    number = counted.sum(axis=1)
    ordered = np.sort(np.where(counted[..., None], values, np.inf), axis=1)
    rows = np.arange(len(values))
    middle = 0.5 * (ordered[rows, np.maximum(number - 1, 0) // 2] + ordered[rows, number // 2])
    return np.where(number[:, None] > 0, middle, 0.0)


def _closeness(expected: Array, sure: Array, reaches: Array, positions: Array, seen: Array) -> Array:
    """Return the mean over the joints that both know of exp(-(distance / reach)² / 2): (K, P) for K expected poses and P people."""
    # A joint that either does not know is put where its closeness is 0; joint by joint, so that the arrays stay in the cache.
    ahead = np.where(sure[..., None], expected, _NOWHERE).astype(np.float32).transpose(1, 2, 0)[..., None].copy()
    found = np.where(seen[..., None], positions, -_NOWHERE).astype(np.float32).transpose(1, 2, 0).copy()
    scale = (-0.5 / reaches**2).astype(np.float32)[:, None]
    total = np.zeros((len(expected), len(positions)), np.float32)
    for joint in range(expected.shape[1]):
        x, y = ahead[joint] - found[joint][:, None]
        x *= x
        y *= y
        x += y
        x *= scale
        total += np.exp(x, out=x)
    counted = sure.astype(float) @ seen.T.astype(float)
    return total / np.maximum(counted, 1)


def _areas(boxes: Array) -> Array:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _sizes(boxes: Array) -> Array:
    return np.sqrt(np.clip(boxes[..., 2] - boxes[..., 0], 0, None) * np.clip(boxes[..., 3] - boxes[..., 1], 0, None))
