"""Painting a body over a room: rounded limbs, far ones first, with a lit and a shaded side.

Everything about a clip is projected at once; a frame then only costs OpenCV's drawing calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.datasets.generated.bodies import SIDES
from stages.datasets.generated.film.camera import HEAD, Lens, head_axes
from stages.datasets.generated.film.wardrobe import Colour, Look
from stages.skeletons.layouts import KINECT_25
from stages.video.opencv import cv2

_SCALE = 2
"""Painted this many times larger and averaged down, for smooth edges."""
_SHIFT = 4
"""Fraction bits of OpenCV's coordinates."""
_LAYERS = ((1.0, 0.0, 0.0, 0.72), (0.72, -0.22, -0.12, 1.0), (0.3, -0.4, -0.2, 1.12))
"""How a limb is shaded: (share of the radius, shift to the right and down in radii, brightness), painted in this order."""


@dataclass(frozen=True)
class _Limb:
    """From one joint to another, with a radius at each end in units of the body's thickness."""

    start: str
    end: str
    radii: tuple[float, float]
    colour: Colour


@dataclass(frozen=True)
class _Ball:
    """A round part of the head: its place and radius in head radii (to its left, up, forward)."""

    place: tuple[float, float, float]
    radius: float
    colour: Colour


def painted(room: Array, body: Array, lens: Lens, look: Look) -> Iterator[Array]:
    """Yield ``room`` (H, W, 3) with the body (T, 25, 3), in the camera's axes, before it: T images."""
    cv = cv2()
    height, width = room.shape[:2]
    large = cv.resize(room, (width * _SCALE, height * _SCALE), interpolation=cv.INTER_LINEAR)
    limbs, balls = _limbs(look), _balls(look)
    outlines, centres, radii, near = _project_limbs(limbs, body, lens, look)
    head, sizes, near_head = _project_head(balls, body, lens)
    colours = [[_times(limb.colour, layer[3]) for layer in _LAYERS] for limb in limbs]
    for frame in range(len(body)):
        canvas = large.copy()
        for limb in np.argsort(-near[frame], kind="stable"):
            for layer, colour in enumerate(colours[limb]):
                cv.fillConvexPoly(canvas, outlines[frame, limb, layer], colour, cv.LINE_8, _SHIFT)
                for end in (0, 1):
                    cv.circle(canvas, centres[frame, limb, layer, end], radii[frame, limb, layer, end], colour, -1, cv.LINE_8, _SHIFT)
        for ball in np.argsort(-near_head[frame], kind="stable"):
            cv.circle(canvas, head[frame, ball], sizes[frame, ball], balls[ball].colour, -1, cv.LINE_8, _SHIFT)
        yield cv.resize(canvas, (width, height), interpolation=cv.INTER_AREA)


def _limbs(look: Look) -> list[_Limb]:
    sleeves = look.shirt if look.long_sleeves else look.skin
    legs = look.trousers if look.long_trousers else look.skin
    found = [
        _Limb("neck", "head", (1.0, 1.0), look.skin),
        _Limb("pelvis", "spine", (2.3, 2.3 * look.belly), look.shirt),
        _Limb("spine", "spine_shoulder", (2.3 * look.belly, 2.5), look.stripes or look.shirt),
        _Limb("left_shoulder", "right_shoulder", (1.5, 1.5), look.shirt),
        _Limb("left_hip", "right_hip", (2.0, 2.0), look.trousers),
    ]
    for side in SIDES:
        found += [
            _Limb(f"{side}_shoulder", "spine", (1.6, 1.8), look.shirt),
            _Limb(f"{side}_shoulder", f"{side}_elbow", (1.4, 1.15), look.shirt),
            _Limb(f"{side}_elbow", f"{side}_wrist", (1.1, 0.8), sleeves),
            _Limb(f"{side}_wrist", f"{side}_hand_tip", (0.85, 0.6), look.skin),
            _Limb(f"{side}_hip", f"{side}_knee", (2.2, 1.6), look.trousers),
            _Limb(f"{side}_knee", f"{side}_ankle", (1.5, 1.0), legs),
            _Limb(f"{side}_ankle", f"{side}_foot", (1.1, 1.0), look.shoes),
        ]
    return found


def _balls(look: Look) -> list[_Ball]:
    dark, ear, nose, mouth = (40.0, 35.0, 30.0), _times(look.skin, 0.9), _times(look.skin, 0.8), (90.0, 80.0, 160.0)
    return [
        _Ball((0, 0.25, -0.28), 1.0, look.hair),
        *([_Ball((0, -0.6, -0.55), 0.75, look.hair)] if look.long_hair else []),
        _Ball((0.85, 0, 0), 0.22, ear),
        _Ball((-0.85, 0, 0), 0.22, ear),
        _Ball((0, -0.05, 0.06), 0.86, look.skin),
        _Ball((0, -0.35, 0.2), 0.6, look.skin),
        _Ball((0.33, 0.22, 0.86), 0.1, dark),
        _Ball((-0.33, 0.22, 0.86), 0.1, dark),
        _Ball((0, -0.1, 1.0), 0.14, nose),
        _Ball((0, -0.5, 0.8), 0.12, mouth),
    ]


def _project_limbs(limbs: list[_Limb], body: Array, lens: Lens, look: Look) -> tuple[Array, Array, Array, Array]:
    """Return, fixed-point: outlines (T, limbs, layers, 4, 2), centres (T, limbs, layers, 2, 2), radii (…, 2); and depths (T, limbs)."""
    ends = body[:, [[KINECT_25.index[limb.start], KINECT_25.index[limb.end]] for limb in limbs]]
    trunk = np.linalg.norm(body[:, KINECT_25.index["spine_shoulder"]] - body[:, KINECT_25.index["pelvis"]], axis=-1)
    thick = 0.0857 * float(np.median(trunk)) * look.build  # bodies differ in size as their trunks do
    depth = lens.turned(ends)[..., 2]
    radius = thick * np.array([limb.radii for limb in limbs]) * lens.focal / depth
    pixels = lens.project(ends)
    share, right, down, _ = np.array(_LAYERS).T
    radii = radius[:, :, None] * share[:, None]
    shift = np.stack([right, down], axis=-1)[:, None]
    centres = pixels[:, :, None] + shift * radius[:, :, None, :, None]
    along = centres[..., 1, :] - centres[..., 0, :]
    along = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    aside = np.stack([-along[..., 1], along[..., 0]], axis=-1)[..., None, :] * radii[..., None]
    corners = np.stack(
        [
            centres[..., 0, :] + aside[..., 0, :],
            centres[..., 1, :] + aside[..., 1, :],
            centres[..., 1, :] - aside[..., 1, :],
            centres[..., 0, :] - aside[..., 0, :],
        ],
        axis=-2,
    )
    return _fixed(corners), _fixed(centres), _fixed(radii), depth.sum(axis=-1)


def _project_head(balls: list[_Ball], body: Array, lens: Lens) -> tuple[Array, Array, Array]:
    """Return, fixed-point: centres (T, balls, 2) and radii (T, balls); and depths (T, balls)."""
    centre, axes = head_axes(body)
    places = centre[:, None] + HEAD * np.array([ball.place for ball in balls]) @ axes
    depth = lens.turned(places)[..., 2]
    radii = np.array([ball.radius for ball in balls]) * HEAD * lens.focal / depth
    return _fixed(lens.project(places)), np.maximum(_fixed(radii), 1), depth


def _times(colour: Colour, factor: float) -> Colour:
    blue, green, red = (min(value * factor, 255.0) for value in colour)
    return blue, green, red


def _fixed(pixels: Array) -> Array:
    return np.round(pixels * (_SCALE << _SHIFT)).astype(np.int32)
