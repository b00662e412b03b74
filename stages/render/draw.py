"""Drawing on frames: skeletons, boxes, captions, contact sheets.

Every function draws in place on an image (H, W, 3) uint8, blue-green-red, in pixels from its top left corner.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from stages.arrays import Array
from stages.skeletons.layouts import Layout
from stages.video.opencv import cv2

Colour = tuple[int, int, int]
"""Blue, green, red, 0 to 255."""


class Colours(Protocol):
    """Anything that says which colour a joint has, and which names and boxes have."""

    @property
    def left(self) -> Colour:
        """Of names and boxes."""
        ...

    def of(self, joint: str) -> Colour:
        """Return the colour of a joint by its name."""
        ...


@dataclass(frozen=True)
class Palette:
    """The colours of one person: the trunk, and the person's own left and right limbs."""

    trunk: Colour
    left: Colour
    right: Colour

    def of(self, joint: str) -> Colour:
        """Return the colour of a joint by its name."""
        return self.left if joint.startswith("left_") else self.right if joint.startswith("right_") else self.trunk


PALETTES: Sequence[Palette] = (
    Palette((235, 235, 235), (30, 140, 255), (255, 150, 40)),  # white, orange, blue
    Palette((170, 235, 235), (150, 80, 255), (90, 220, 60)),  # cream, pink, green
    Palette((235, 215, 235), (40, 230, 250), (230, 80, 170)),  # lilac, yellow, violet
    Palette((205, 235, 205), (60, 60, 240), (230, 230, 50)),  # pale green, red, cyan
)
"""One for each person in turn; from the fifth on they repeat."""

BACKGROUND: Colour = (28, 24, 22)
"""Of an empty canvas."""

_SHIFT = 4
_FAINTEST = 0.2


def skeleton_on(
    image: Array,
    positions: Array,
    confidence: Array,
    layout: Layout,
    *,
    palette: Colours = PALETTES[0],
    interpolated: Array | None = None,
) -> None:
    """Draw one person: limbs and joints, fainter the less certain they are.

    Args:
        image: (H, W, 3), drawn on.
        positions: (V, 2) x, y in pixels; a joint that is NaN, and the limbs that end there, are left out.
        confidence: (V,) in [0, 1].
        layout: which joint is where.
        palette: the person's colours; a limb has that of its outer joint.
        interpolated: (V,) non-zero where a joint was not seen but filled in: it is drawn hollow.
    """
    width = stroke(image)
    seen = ~np.isnan(positions.sum(axis=1))
    for child, parent in layout.edges:
        if seen[child] and seen[parent]:
            colour = palette.of(layout.joints[child])
            ends = positions[[child, parent]]
            alpha = _alpha(min(confidence[child], confidence[parent]))
            _blended(image, ends, width, alpha, partial(_line, colour=colour, width=width))
    for joint in np.flatnonzero(seen):
        hollow = interpolated is not None and bool(interpolated[joint])
        _joint(image, positions[joint], palette.of(layout.joints[joint]), _alpha(confidence[joint]), hollow=hollow)


def box_on(image: Array, box: Array, colour: Colour) -> None:
    """Draw a box (4,) left, top, right, bottom; one with NaN is left out."""
    if np.isfinite(box).all():
        left, top, right, bottom = (int(side) for side in np.clip(np.rint(box), -(2**15), 2**15))
        cv2().rectangle(image, (left, top), (right, bottom), colour, max(1, stroke(image) // 2), cv2().LINE_AA)


def label_on(image: Array, text: str, place: tuple[float, float], colour: Colour) -> None:
    """Write ``text`` with its lower left corner at ``place`` (x, y), moved as far as it takes to be seen whole, on a dark ground."""
    scale, weight = max(0.35, min(image.shape[:2]) / 900), max(1, stroke(image) // 2)
    font = cv2().FONT_HERSHEY_SIMPLEX
    (wide, tall), below = cv2().getTextSize(text, font, scale, weight)
    pad = 2 + below // 2
    x = int(min(max(place[0], pad), max(pad, image.shape[1] - wide - pad)))
    y = int(min(max(place[1], tall + pad), image.shape[0] - pad - 1))
    ground = image[max(0, y - tall - pad) : y + pad + 1, max(0, x - pad) : x + wide + pad]
    ground[:] = ground // 3
    cv2().putText(image, text, (x, y), font, scale, colour, weight, cv2().LINE_AA)


def caption_on(image: Array, text: str) -> None:
    """Write ``text`` in the lower left corner."""
    label_on(image, text, (0, image.shape[0]), (255, 255, 255))


def blank(width: int, height: int) -> Array:
    """Return an empty canvas."""
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def sheet(images: Sequence[Array], width: int = 320) -> Array:
    """Return the images side by side in rows, each ``width`` pixels wide, in an arrangement that is nearly square and nearly full."""
    height, wide = images[0].shape[:2]
    size = (width, max(1, round(width * height / wide)))
    columns = min(range(1, len(images) + 1), key=lambda count: _untidiness(len(images), count, size))
    rows = math.ceil(len(images) / columns)
    canvas = blank(columns * size[0], rows * size[1])
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        tile = cv2().resize(image, size, interpolation=cv2().INTER_AREA)
        canvas[row * size[1] : (row + 1) * size[1], column * size[0] : (column + 1) * size[0]] = tile
    return canvas


def _untidiness(tiles: int, columns: int, size: tuple[int, int]) -> float:
    rows = math.ceil(tiles / columns)
    return abs(math.log(columns * size[0] / (rows * size[1]))) + (rows * columns - tiles) / columns


def stroke(image: Array) -> int:
    """Return the width of a line that is well seen on an image of this size, in pixels."""
    return max(1, round(min(image.shape[:2]) / 200))


def _alpha(confidence: float) -> float:
    return float(np.clip(confidence, _FAINTEST, 1)) if np.isfinite(confidence) else _FAINTEST


def _line(image: Array, ends: Array, colour: Colour, width: int) -> None:
    start, end = (tuple(map(int, point)) for point in np.rint(ends * 2**_SHIFT))
    cv2().line(image, start, end, colour, width, cv2().LINE_AA, _SHIFT)


def _joint(image: Array, place: Array, colour: Colour, alpha: float, *, hollow: bool) -> None:
    width = stroke(image)
    radius = width * 1.25 + 0.5

    def circle(part: Array, at: Array) -> None:
        centre = tuple(map(int, np.rint(at[0] * 2**_SHIFT)))
        thickness = max(1, width // 2) if hollow else -1
        cv2().circle(part, centre, int(radius * (1.4 if hollow else 1) * 2**_SHIFT), colour, thickness, cv2().LINE_AA, _SHIFT)

    _blended(image, place[None], 2 * radius + width, alpha, circle)


def _blended(image: Array, points: Array, margin: float, alpha: float, draw: Callable[[Array, Array], None]) -> None:
    """Let ``draw`` draw on the part of the image around ``points`` and mix it in by ``alpha``."""
    far = 2**12
    points = np.clip(points, -far, np.array([image.shape[1], image.shape[0]]) + far)
    low = np.maximum(np.floor(points.min(axis=0) - margin - 1), 0).astype(int)
    high = np.minimum(np.ceil(points.max(axis=0) + margin + 2), (image.shape[1], image.shape[0])).astype(int)
    if (high <= low).any():
        return
    part = image[low[1] : high[1], low[0] : high[0]]
    drawn = part.copy()
    draw(drawn, points - low)
    part[:] = drawn if alpha >= 1 else cv2().addWeighted(drawn, alpha, part, 1 - alpha, 0)
