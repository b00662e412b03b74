"""Left and right put back where an estimator exchanged them for some frames."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from stages.arrays import Array
from stages.skeletons.layouts import Edge, Layout
from stages.skeletons.transforms import trunk_length

SWITCH = 0.1
"""An exchange of a joint's two sides, or its end, must save more than this motion, in trunk lengths."""
EXCHANGED = 0.02
"""What each exchanged frame costs, so that what was found stays where nothing speaks against it."""
CROSSED = 0.3
"""Weight of the length, in trunk lengths, by which the sides of the trunk are longer than they would be with the hips exchanged.
Limbs may cross for as long as they like."""

_BODY = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_FACE = "face"

Units = Mapping[str, Sequence[Edge]]
"""Joints that change sides together: name → (left, right) pairs, the one that gives the name first."""


def repair_swaps(positions: Array, confidence: Array, layout: Layout) -> tuple[Array, Array, int]:
    """Put left and right back where that makes the motion from frame to frame clearly smaller.

    Shoulders, elbows, wrists (with the hands), hips, knees and ankles (with the feet) may each change sides; the face does as a
    whole.  The cheapest course through the frames is found (Viterbi over all combinations), where a frame costs the mean motion of
    each unit since the frame before, :data:`SWITCH` for each unit that changes, :data:`EXCHANGED` for each that is exchanged, and
    :data:`CROSSED` times the excess length of a trunk that is twisted.  A body that is mirrored throughout stays so.

    Args:
        positions: (M, T, V, 2) pixels, NaN for a missing joint.
        confidence: (M, T, V); exchanged along.
        layout: which joints are pairs.

    Returns:
        Positions, confidence, and in how many frames (of all people) something was exchanged.
    """
    positions, confidence = positions.copy(), confidence.copy()
    frames = np.zeros(positions.shape[:2], bool)
    units = _units(layout)
    chains = [[name for name in units if name in _BODY], [name for name in units if name == _FACE]]
    for person in range(len(positions)):
        size = trunk_length(positions[person : person + 1], layout)
        for names in filter(None, chains):
            exchanged = _exchanged(_held(positions[person]), {name: units[name] for name in names}, size)
            frames[person] |= exchanged.any(axis=1)
            for name, rows in zip(names, exchanged.T, strict=True):
                left, right = (list(side) for side in zip(*units[name], strict=True))
                for array in (positions[person], confidence[person]):
                    array[np.ix_(rows, left + right)] = array[np.ix_(rows, right + left)]
    return positions, confidence, int(frames.sum())


def _units(layout: Layout) -> dict[str, list[Edge]]:
    """Return the units of a layout; a joint that hangs from a unit's joint (a hand, a toe) goes with it, the rest is the face."""
    units: dict[str, list[Edge]] = {}
    for name in _BODY:
        if f"left_{name}" in layout.index:
            units[name] = [(layout.index[f"left_{name}"], layout.index[f"right_{name}"])]
    for pair in layout.symmetric_pairs:
        joint: str | None = layout.joints[pair[0]]
        while joint is not None and joint.removeprefix("left_") not in units.keys() - {_FACE}:
            joint = layout.parents[joint]
        members = units.setdefault(joint.removeprefix("left_") if joint else _FACE, [])
        members += [pair] if pair not in members else []
    return units


def _exchanged(positions: Array, units: Units, size: float) -> Array:
    """Return the frames and units (T, U) whose sides are to be exchanged; ``positions`` are (T, V, 2) without gaps."""
    states = np.array(list(itertools.product((False, True), repeat=len(units))))
    left, right = ([positions[:, [pair[side] for pair in pairs]] for pairs in units.values()] for side in (0, 1))
    same = np.stack([_steps(a, a) + _steps(b, b) for a, b in zip(left, right, strict=True)], axis=1) / 2 / size
    crossed = np.stack([_steps(a, b) + _steps(b, a) for a, b in zip(left, right, strict=True)], axis=1) / 2 / size
    alone = EXCHANGED * np.tile(states.sum(axis=1, dtype=float), (len(positions), 1))
    if "shoulder" in units and "hip" in units:
        top, bottom = (list(units).index(name) for name in ("shoulder", "hip"))
        excess = _excess(left[top][:, 0], right[top][:, 0], left[bottom][:, 0], right[bottom][:, 0]) / size
        alone += CROSSED * np.maximum(np.where(states[:, top] == states[:, bottom], excess[:, None], -excess[:, None]), 0)
    changes = (states[:, None] != states[None]).astype(float)
    return states[_cheapest(alone, same.sum(axis=1), changes, crossed + SWITCH - same)]


def _cheapest(alone: Array, same: Array, changes: Array, extra: Array) -> Array:
    """Return the cheapest course (T,) through S states.

    Args:
        alone: (T, S) what a state costs by itself.
        same: (T-1,) what each step costs where nothing changes.
        changes: (S, S, U) which units change between two states.
        extra: (T-1, U) what the change of a unit costs more.
    """
    came_from = np.zeros(alone.shape, int)
    cost = alone[0]
    for frame in range(1, len(alone)):
        choices = cost[:, None] + same[frame - 1] + changes @ extra[frame - 1]
        came_from[frame] = choices.argmin(axis=0)
        cost = choices.min(axis=0) + alone[frame]
    course = np.zeros(len(alone), int)
    state = int(cost.argmin())
    for frame in range(len(alone) - 1, -1, -1):
        course[frame] = state
        state = int(came_from[frame, state])
    return course


def _steps(now: Array, before: Array) -> Array:
    """Return the mean length (T-1,) of the steps from ``before`` (T, J, 2) to ``now``; a joint that was never seen counts nothing."""
    lengths = np.linalg.norm(now[1:] - before[:-1], axis=-1)
    known = np.isfinite(lengths)
    return np.where(known, lengths, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _excess(left: Array, right: Array, other_left: Array, other_right: Array) -> Array:
    """Return by how much (T,) two bones are longer than they would be crossed; 0 where an end was never seen."""
    straight = np.linalg.norm(left - other_left, axis=-1) + np.linalg.norm(right - other_right, axis=-1)
    crossed = np.linalg.norm(left - other_right, axis=-1) + np.linalg.norm(right - other_left, axis=-1)
    return np.nan_to_num(straight - crossed)


def _held(positions: Array) -> Array:
    """Return positions (T, V, 2) in which a missing joint stays where it was last seen."""
    seen = np.isfinite(positions).all(axis=-1)
    last = np.maximum.accumulate(np.where(seen, np.arange(len(positions))[:, None], 0), axis=0)
    return positions[last, np.arange(positions.shape[1])[None]]
