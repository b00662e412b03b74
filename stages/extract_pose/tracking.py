"""Which of the people of one frame are those of the frames before: overlap of boxes, distance of joints, and a best matching.

A track may be lost for a while (somebody walks past, a few blurred frames) and resumed.  What is kept of a frame is its boxes and
joints, never its image.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

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
_FAR = 1e5
"""Pixels that no image has: a network that places somebody beyond them, or at NaN, has seen nobody."""


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
        frame = len(self._times) - 1
        people = _sane(people)
        live = [track for track in self.tracks if self._gap(track) <= RESUME_SECONDS]
        taken: set[int] = set()
        if live and len(people.scores):
            likeness = np.array([self._likeness(track, people) for track in live])
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

    def _likeness(self, track: Track, people: People) -> Array:
        """Return how well each of P people continues ``track``, (P,) in [0, 1]: the mean of overlap and closeness of joints."""
        gap = self._gap(track)
        shift = self._velocity(track) * min(gap, _COAST_SECONDS)
        box = track.boxes[-1] + np.tile(shift, 2)
        expected = track.positions[-1] + shift
        reach = max(_size(box), 1.0) * (_NEAR + _SPREAD * gap)
        distance = np.linalg.norm(people.positions - expected, axis=-1)
        counted = (people.confidence >= _SURE) & (track.confidence[-1] >= _SURE)
        near = np.where(counted, np.exp(-0.5 * (distance / reach) ** 2), 0).sum(axis=1)
        return 0.5 * overlap(box, people.boxes) + 0.5 * near / np.maximum(counted.sum(axis=1), 1)

    def _velocity(self, track: Track) -> Array:
        """Return the median motion of the joints in pixels per second, (2,)."""
        if len(track.frames) < 2:
            return np.zeros(2)
        seconds = self._times[track.frames[-1]] - self._times[track.frames[-2]]
        counted = (track.confidence[-1] >= _SURE) & (track.confidence[-2] >= _SURE)
        if seconds > _COAST_SECONDS or not counted.any():
            return np.zeros(2)
        return np.median((track.positions[-1] - track.positions[-2])[counted], axis=0) / seconds


def _sane(people: People) -> People:
    """Return the people whose boxes and joints are numbers within reason."""
    kept = (np.abs(people.boxes) < _FAR).all(axis=1) & (np.abs(people.positions) < _FAR).all(axis=(1, 2))
    kept &= np.isfinite(people.scores) & np.isfinite(people.confidence).all(axis=1)
    return people if kept.all() else People(people.boxes[kept], people.scores[kept], people.positions[kept], people.confidence[kept])


def overlap(box: Array, others: Array) -> Array:
    """Return intersection over union of one box (4,) with each of ``others`` (P, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - common
    return common / np.maximum(union, 1e-9)


def _size(box: Array) -> float:
    width, height = np.clip(box[2:] - box[:2], 0, None)
    return float(np.sqrt(width * height))
