"""A clip as a strip of poses: what somebody did, at even distances in time, for pages that show clips.  T frames, V joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.evaluate.report.drawing import Drawing
from stages.render import project
from stages.skeletons.layouts import Layout
from stages.skeletons.poses import PoseSequence

_HEIGHT, _MARGIN = 130.0, 8.0
_NARROWEST, _WIDEST = 0.45, 1.2
"""Width of a pose's drawing, as shares of its height."""
_STANDS = 1.6
"""Up to this range of the body's middle, in heights of the tallest pose, poses stand on common ground; who flies farther is centred."""
_TYPICAL = 90
"""Percentile of the poses' sizes that fits the drawing: a joint that flew away in a frame must not shrink all the others."""
_HEADS = ("head", "nose")


@dataclass(frozen=True)
class Pose:
    """One pose of a strip, and when it was taken, in seconds."""

    drawing: Drawing
    seconds: float


def strip(poses: PoseSequence, count: int) -> list[Pose]:
    """Draw about ``count`` poses of the person who is seen most, at even distances in time, all at one scale.

    3-D skeletons are seen from the front (:func:`stages.render.project.on_canvas`).  Poses are centred sideways; upright they share one
    ground unless the person moves far up and down, as divers do.  A frame in which too little was seen gives way to the nearest other.
    """
    flat = project.on_canvas(poses)[0].positions
    person = flat[int(np.isfinite(flat).all(axis=-1).sum(axis=(1, 2)).argmax())].astype(np.float64)
    frames = _frames(person, count)
    chosen = person[frames]
    low, high = np.nanmin(chosen, axis=1), np.nanmax(chosen, axis=1)
    width, height = np.percentile(high - low, _TYPICAL, axis=0)
    inner = _HEIGHT - 2 * _MARGIN
    middle = (low + high) / 2
    ground = float(high[:, 1].max() - low[:, 1].min())
    common = ground <= _STANDS * height
    tall = max(ground if common else height, 1e-9)
    scale = min(inner / tall, (_WIDEST * _HEIGHT - 2 * _MARGIN) / max(width, 1e-9))
    wide = max(width * scale + 2 * _MARGIN, _NARROWEST * _HEIGHT)
    if common:
        middle[:, 1] = (high[:, 1].max() + low[:, 1].min()) / 2
    placed = (chosen - middle[:, None]) * scale + np.array([wide, _HEIGHT]) / 2
    return [Pose(_drawn(joints, poses.layout, wide), float(poses.timestamps[frame])) for joints, frame in zip(placed, frames, strict=True)]


def _frames(person: Array, count: int) -> list[int]:
    """Return the numbers of ``count`` frames at even distances, of (T, V, 2), each moved to the nearest in which enough was seen."""
    joints = np.isfinite(person).all(axis=-1).sum(axis=1)
    seen = np.flatnonzero(2 * joints >= joints.max())
    wanted = np.linspace(0, len(person) - 1, min(count, len(person)))
    return list(dict.fromkeys(int(seen[np.abs(seen - place).argmin()]) for place in wanted))


def _drawn(joints: Array, layout: Layout, width: float) -> Drawing:
    drawing = Drawing(round(width, 1), _HEIGHT, "a skeleton")
    there = np.isfinite(joints.sum(axis=1))
    for child, parent in layout.edges:
        if there[child] and there[parent]:
            ends = [(float(joints[joint, 0]), float(joints[joint, 1])) for joint in (child, parent)]
            drawing.line(ends[0], ends[1], f"limb {_side(layout.joints[child])}")
    head = next((layout.index[name] for name in _HEADS if name in layout.index), None)
    if head is not None and there[head]:
        drawing.dot((float(joints[head, 0]), float(joints[head, 1])), 4.5, "head")
    return drawing


def _side(joint: str) -> str:
    side = joint.partition("_")[0]
    return side if side in ("left", "right") else "trunk"
