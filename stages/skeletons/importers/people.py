"""Frame numbers to rows, and detections of one frame after another to people.

Most tools list the people of a frame in no lasting order.  Where they give no track ids, a detection goes to the person whose
last seen joints lie nearest (the assignment of least total distance per frame); nobody is invented: there are as many people as
the fullest frame has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count, pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers.common import blank

MAX_PEOPLE = 100
"""In one frame; matching more than this from frame to frame would take for ever."""


class Timeline(NamedTuple):
    """The rows of numbered frames: ``rows[i]`` is where frame ``i`` goes, ``step`` frames of the video lie between two rows."""

    rows: list[int]
    frames: int
    step: int


class Detection(NamedTuple):
    """One person in one frame: row, joints (V, C), confidence (V,), and the tool's track id where it has one."""

    row: int
    points: Array
    confidence: Array
    track: str | None = None


def timeline(numbers: Sequence[int], where: str) -> Timeline:
    """Return the rows of distinct frame numbers; gaps become empty rows, an even step (every 5th frame) none.

    Raises:
        ArtifactError: no frames, a number twice, or numbers so far apart that they cannot count the frames of one clip.
    """
    if not numbers:
        raise ArtifactError(f"{where}: the clip has no frames.")
    ordered = sorted(numbers)
    gaps = [after - before for before, after in pairwise(ordered)]
    if 0 in gaps:
        raise ArtifactError(f"{where}: frame {ordered[gaps.index(0)]} appears twice.")
    step = math.gcd(*gaps) or 1
    frames = (ordered[-1] - ordered[0]) // step + 1
    if frames > 4 * len(ordered) + 1000:
        raise ArtifactError(f"{where}: {len(ordered)} frames are numbered {ordered[0]} to {ordered[-1]}: too few for one clip.")
    return Timeline([(number - ordered[0]) // step for number in numbers], frames, step)


def gather(detections: Sequence[Detection], frames: int, where: str) -> tuple[Array, Array]:
    """Return positions (M, T, V, C) and confidence (M, T, V) of the people, the one seen in most frames first.

    Raises:
        ArtifactError: nobody was detected, a frame has more than :data:`MAX_PEOPLE`, or a track twice.
    """
    if not detections:
        raise ArtifactError(f"{where}: nobody was detected in any frame.")
    by_row: dict[int, list[Detection]] = {}
    for detection in detections:
        by_row.setdefault(detection.row, []).append(detection)
    fullest = max(len(found) for found in by_row.values())
    if fullest > MAX_PEOPLE:
        raise ArtifactError(f"{where}: expected at most {MAX_PEOPLE} people in a frame, found {fullest}.")
    tracked = all(detection.track is not None for detection in detections)
    with np.errstate(over="ignore", invalid="ignore"):  # absurd coordinates are dropped when the clip is assembled
        slots = _by_track(by_row, where) if tracked else _by_distance(by_row)
    people = max(slot for row in slots.values() for slot in row) + 1
    joints, axes = detections[0].points.shape
    positions = blank(people, frames, joints, axes, where)
    confidence = np.zeros(positions.shape[:3], dtype=np.float32)
    with np.errstate(over="ignore"):
        for row, found in by_row.items():
            for slot, detection in zip(slots[row], found, strict=True):
                positions[slot, row], confidence[slot, row] = detection.points, detection.confidence
    order = most_seen_first(positions)
    return positions[order], confidence[order]


def most_seen_first(positions: Array) -> Array:
    """Return the numbers of the people in (M, T, V, C), by the frames in which any joint was seen; those never seen are left out."""
    frames = np.any(np.isfinite(positions).all(axis=3), axis=2).sum(axis=1)
    order = np.argsort(-frames, kind="stable")
    return order[: max(int((frames > 0).sum()), 1)]


def _by_track(by_row: dict[int, list[Detection]], where: str) -> dict[int, list[int]]:
    number: dict[str | None, int] = {}
    slots = {}
    for row in sorted(by_row):
        found = [detection.track for detection in by_row[row]]
        if len(set(found)) != len(found):
            raise ArtifactError(f"{where}: a track id appears twice in one frame.")
        slots[row] = [number.setdefault(track, len(number)) for track in found]
    return slots


def _by_distance(by_row: dict[int, list[Detection]]) -> dict[int, list[int]]:
    last: list[Array] = []
    slots: dict[int, list[int]] = {}
    for row in sorted(by_row):
        found = [np.where(detection.confidence[:, None] > 0, detection.points, np.nan) for detection in by_row[row]]
        chosen, fresh = _nearest(found, last), count(len(last))
        slots[row] = [chosen[number] if number in chosen else next(fresh) for number in range(len(found))]
        last += [np.full_like(found[0], np.nan)] * (max(slots[row]) + 1 - len(last))
        for slot, points in zip(slots[row], found, strict=True):
            last[slot] = np.where(np.isfinite(points), points, last[slot])
    return slots


def _nearest(found: list[Array], last: list[Array]) -> dict[int, int]:
    """Return which detection goes to which person, of least mean distance over the joints that both have."""
    if not last:
        return {}
    distance = np.linalg.norm(np.stack(found)[:, None] - np.stack(last)[None], axis=-1)
    shared = np.isfinite(distance)
    total = np.where(shared, distance, 0).sum(axis=-1)
    far = float(total.max()) * 10 + 1
    cost = np.where(shared.any(axis=-1), total / np.maximum(shared.sum(axis=-1), 1), far)
    rows, columns = linear_sum_assignment(cost)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))
