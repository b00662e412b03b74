"""Parts of a movement in somebody else's way: what a clip would be if one part of the body, for a while, did as a good performer's does.

Two performances are laid on each other in time by dynamic time warping of the whole bodies (Sakoe and Chiba 1978), seen from their centres,
in trunk lengths, and facing the same way.  A part is then moved as the other's is from where it is joined to the body, starting where its
own starts, so that neither the length of limbs nor the stance is taken over; arms go along with a trunk that is replaced.
T and S frames, V joints, C coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from stages.arrays import Array
from stages.explain.explanation import WHOLE
from stages.skeletons import transforms
from stages.skeletons.layouts import Layout
from stages.skeletons.poses import PoseSequence

WARPED = 60
"""At most so many frames of each performance are laid on each other; between them lines are drawn."""
_WAIT = 0.2
"""Cost of a step in which one performance goes on and the other waits, beside mean squared differences of movements of size 1."""
_SETTLED = 3
"""A part's start is its mean over the first so many frames."""


@dataclass(frozen=True)
class Body:
    """The first person of a clip, seen from the body's centre, in trunk lengths, facing the camera.

    Attributes:
        joints: (T, V, C), finite.
        centre: (T, 1, C), in the clip's own coordinates after turning.
        size: the trunk's length in the clip's units.
        rotation: (C, C) that turned it; None for bodies that were not turned.
        layout: of the joints.
    """

    joints: Array
    centre: Array
    size: float
    rotation: Array | None
    layout: Layout

    def back(self, joints: Array) -> Array:
        """Return joints (T, V, C) in the clip's own coordinates."""
        found = joints * self.size + self.centre
        return found if self.rotation is None else found @ self.rotation


def body_of(poses: PoseSequence) -> Body:
    """Return the first person of a clip."""
    layout, positions = poses.layout, poses.positions[:1].astype(np.float64)
    rotation = transforms.facing(positions, layout)
    turned = transforms.interpolate_gaps(positions if rotation is None else positions @ rotation.T)
    centre, size = transforms.body_centre(turned, layout), transforms.trunk_length(turned, layout)
    return Body(((turned - centre) / size)[0], centre[0], size, rotation, layout)


def with_joints(poses: PoseSequence, body: Body, joints: Array) -> PoseSequence:
    """Return the clip with other joints (T, V, C), as :func:`body_of` sees them, of its first person; all of them were seen."""
    positions, confidence = poses.positions.copy(), poses.confidence.copy()
    positions[0] = body.back(joints)
    confidence[0] = np.maximum(confidence[0], np.nanmean(confidence[0]))
    return replace(poses, positions=positions, confidence=confidence)


def warped(own: Body, other: Body) -> Array:
    """Return the frame of ``other`` (a real number) that each frame of ``own`` corresponds to, (T,), never running back."""
    steps = [np.unique(np.linspace(0, len(body.joints) - 1, min(WARPED, len(body.joints))).round().astype(int)) for body in (own, other)]
    one, two = (_course(body.joints[chosen]) for body, chosen in zip((own, other), steps, strict=True))
    path = _path(((one[:, None] - two[None]) ** 2).mean(axis=-1))
    return np.interp(np.arange(len(own.joints)), steps[0], np.interp(path, np.arange(len(steps[1])), steps[1]))


def replaced(own: Body, other: Body, phase: Array, part: str, share: Array) -> Array:
    """Return the joints (T, V, C) of ``own`` with one part as ``other`` moves it.

    Args:
        own: who is changed.
        other: whose way of moving is taken, of the same layout.
        phase: (T,) from :func:`warped`.
        part: one of the layout's parts, or :data:`WHOLE`.
        share: (T,) in [0, 1], how far each frame is changed.
    """
    parts, joined = own.layout.parts, joints_of(own.layout)
    low = np.floor(phase).astype(int)
    high, weight = np.minimum(low + 1, len(other.joints) - 1), (phase - low)[:, None, None]
    theirs = other.joints[low] * (1 - weight) + other.joints[high] * weight
    found = own.joints.copy()
    for name in ("trunk", *(each for each in parts if each != "trunk")):
        if not parts[name]:
            continue
        joint, members = joined[name], list(parts[name])
        moved = np.zeros_like(found[:, :1]) if joint is None else (found - own.joints)[:, [joint]]
        course = own.joints[:, members]
        if part in (name, WHOLE):
            at, there = (np.zeros_like(found[:, :1]) if joint is None else each[:, [joint]] for each in (own.joints, theirs))
            mine, others = course - at, theirs[:, members] - there
            start = mine[:_SETTLED].mean(axis=0) - others[:_SETTLED].mean(axis=0)
            course = course + (others + start - mine) * share[:, None, None]
        # what a part is joined to carries it along
        found[:, members] = course + moved
    return found


def joints_of(layout: Layout) -> Mapping[str, int | None]:
    """Return the joint at which each part hangs on another one; None for the trunk, and where the root is among its own joints."""
    found: dict[str, int | None] = {}
    for name, members in layout.parts.items():
        parents = [layout.parents[layout.joints[joint]] for joint in members]
        outside = [layout.index[parent] for parent in parents if parent is not None and layout.index[parent] not in members]
        found[name] = outside[0] if outside and name != "trunk" else None
    return found


def windows(frames: int, count: int) -> list[Array]:
    """Return ``count`` stretches of equal length as shares (T,) of ones and zeros; fewer where there are fewer frames."""
    edges = edges_of(frames, count)
    return [((np.arange(frames) >= low) & (np.arange(frames) < high)).astype(np.float64) for low, high in pairwise(edges)]


def edges_of(frames: int, count: int) -> Array:
    """Return where those stretches begin, and where the last one ends, in frames."""
    return np.unique(np.linspace(0, frames, min(count, frames) + 1).round().astype(int))


def _course(joints: Array) -> Array:
    """Return how the joints (T, V, C) move about their mean places, (T, V C), with a mean square of 1: who moves less moves alike."""
    moved = (joints - joints.mean(axis=0)).reshape(len(joints), -1)
    return np.asarray(moved / max(float(np.sqrt((moved**2).mean())), 1e-9))


def _path(cost: Array) -> Array:
    """Return, for each row of a cost (R, K), the mean column on the cheapest path from the first cell to the last.

    Standing still in one of them costs :data:`_WAIT` more, or a peak of one would shrink to a moment of the other.
    """
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    for row in range(rows):
        best = np.minimum(total[row, :-1], total[row, 1:] + _WAIT)
        for column in range(columns):
            total[row + 1, column + 1] = cost[row, column] + min(best[column], total[row + 1, column] + _WAIT)
    row, column, on = rows, columns, [list[int]() for _ in range(rows)]
    while row > 0 and column > 0:
        on[row - 1].append(column - 1)
        before = (total[row - 1, column - 1], total[row - 1, column] + _WAIT, total[row, column - 1] + _WAIT)
        step = int(np.argmin(before))
        row, column = row - (step != 2), column - (step != 1)
    return np.array([np.mean(places) for places in on])
