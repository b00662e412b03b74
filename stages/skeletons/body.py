"""A body of strokes: which pieces lie between which joints, how thick they are, and to which part of the body they belong.

Lengths are shares of the trunk's length (about half a metre).  Everything here is a literal table and what follows from it: Q pieces,
each from one mixture of the P joints of :data:`stages.skeletons.layouts.KINECT_20` to another.  2-D bodies are painted in this order.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stages.arrays import Array
from stages.skeletons.layouts import KINECT_20

Mix = Mapping[str, float]
"""Joint → weight."""

PARTS: Mapping[str, int] = {
    "left_thigh": 17, "right_thigh": 34, "left_shin": 51, "right_shin": 68, "left_foot": 85, "right_foot": 102,
    "left_trunk": 119, "right_trunk": 136, "head": 153,
    "left_upper_arm": 170, "right_upper_arm": 187, "left_forearm": 204, "right_forearm": 221, "left_hand": 238, "right_hand": 255,
}  # fmt: skip
"""Body part → its value in the first channel of a body map; ``left`` and ``right`` are the person's own."""

_LIMBS: Mapping[str, tuple[str, str, float, float, int]] = {
    "thigh": ("hip", "knee", 0.21, 0.15, 5),
    "shin": ("knee", "ankle", 0.145, 0.095, 5),
    "foot": ("ankle", "foot", 0.095, 0.08, 2),
    "upper_arm": ("shoulder", "elbow", 0.135, 0.105, 4),
    "forearm": ("elbow", "wrist", 0.1, 0.075, 4),
    "hand": ("wrist", "hand", 0.085, 0.08, 2),
}
"""Limb → inner joint, outer joint, half its thickness at either, number of pieces."""
_TRUNK_STRIPS, _TRUNK_RADII = 7, (0.21, 0.22)
_TRUNK_WIDTHS = (0.62, 0.9)
"""How far the trunk's strips reach from the middle to the shoulder above and to the hip below, before their round ends."""
_TRUNK_GAP = 0.5
"""Where the strips begin, as a share of their way outwards, so that the round ends of left and right meet in the middle."""
_NECK = ((0.0, 0.4), (0.4, 0.7))
_NECK_RADIUS = 0.12
_HEAD = ((0.75, 0.18), (1.0, 0.21), (1.2, 0.18))
"""Discs on the line from the chest to the head: where, as a share of that line, and half their width."""

_Piece = tuple[str, float, Mix, Mix, float, float]
"""Part, how far along it (0 to 1), where it starts and ends, half its thickness there."""


def _mixed(one: Mix, other: Mix, share: float) -> Mix:
    names = {**one, **other}
    return {name: (1 - share) * one.get(name, 0.0) + share * other.get(name, 0.0) for name in names}


def _limb(part: str, side: str) -> list[_Piece]:
    inner, outer, thick, thin, count = _LIMBS[part]
    start, end = {f"{side}_{inner}": 1.0}, {f"{side}_{outer}": 1.0}
    found: list[_Piece] = []
    for number in range(count):
        low, high = number / count, (number + 1) / count
        first, last = (thick + (thin - thick) * share for share in (low, high))
        found.append((f"{side}_{part}", (low + high) / 2, _mixed(start, end, low), _mixed(start, end, high), first, last))
    return found


def _trunk(side: str) -> list[_Piece]:
    """Return strips that lie across one half of the trunk, from the chest down to the hips."""
    found: list[_Piece] = []
    for number in range(_TRUNK_STRIPS):
        share = number / (_TRUNK_STRIPS - 1)
        shoulders = {"left_shoulder": 0.5, "right_shoulder": 0.5}
        middle = _mixed(shoulders, {"left_hip": 0.5, "right_hip": 0.5}, share)
        upper = _mixed(shoulders, {f"{side}_shoulder": 1.0}, _TRUNK_WIDTHS[0])
        lower = _mixed({"left_hip": 0.5, "right_hip": 0.5}, {f"{side}_hip": 1.0}, _TRUNK_WIDTHS[1])
        radius = _TRUNK_RADII[0] + (_TRUNK_RADII[1] - _TRUNK_RADII[0]) * share
        edge = _mixed(upper, lower, share)
        found.append((f"{side}_trunk", share, _mixed(middle, edge, _TRUNK_GAP), edge, radius, radius))
    return found


def _head() -> list[_Piece]:
    chest, head = {"spine_shoulder": 1.0}, {"head": 1.0}
    found: list[_Piece] = []
    for low, high in _NECK:
        found.append(("head", low / 2, _mixed(chest, head, low), _mixed(chest, head, high), _NECK_RADIUS, _NECK_RADIUS))
    for place, radius in _HEAD:
        at = _mixed(chest, head, place)
        found.append(("head", place / _HEAD[-1][0], at, at, radius, radius))
    return found


def _weights(mixes: list[Mix]) -> Array:
    found = np.zeros((len(mixes), len(KINECT_20.joints)))
    for row, mix in enumerate(mixes):
        for name, weight in mix.items():
            found[row, KINECT_20.index[name]] = weight
    return found


_SIDES = ("left", "right")
_PIECES: list[_Piece] = [
    *(piece for part in ("foot", "shin", "thigh") for side in _SIDES for piece in _limb(part, side)),
    *(piece for side in _SIDES for piece in _trunk(side)),
    *_head(),
    *(piece for part in ("upper_arm", "forearm", "hand") for side in _SIDES for piece in _limb(part, side)),
]

PART: Array = np.array([PARTS[piece[0]] for piece in _PIECES], np.float64)
"""(Q,) the value of each piece's part."""
ALONG: Array = np.array([255 * piece[1] for piece in _PIECES])
"""(Q,) how far along its part each piece lies, 0 to 255."""
START: Array = _weights([piece[2] for piece in _PIECES])
"""(Q, P) the mixture of joints at which each piece starts."""
END: Array = _weights([piece[3] for piece in _PIECES])
"""(Q, P) the same of its end."""
START_RADIUS: Array = np.array([piece[4] for piece in _PIECES])
"""(Q,) half its thickness at the start, in trunk lengths."""
END_RADIUS: Array = np.array([piece[5] for piece in _PIECES])
"""(Q,) the same at its end."""
