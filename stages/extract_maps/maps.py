"""The pictures of one clip in memory, which of its frames they show, and how what was cut out of frames comes to one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.extract_maps.config import ExtractMapsConfig
from stages.skeletons.body_maps import square
from stages.video.opencv import cv2
from stages.video.sampling import at_rate

MARGIN = 1.1
"""The square around what was cut out is enlarged by so much."""


@dataclass(frozen=True)
class Maps:
    """The pictures of one clip.

    Attributes:
        images: (views, T, 3, H, W) uint8.
        timestamps: (T,) seconds.
        facts: what the artifact says of them: kind, views, units.
    """

    images: Array
    timestamps: Array
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cutout:
    """What is not background in one frame: the smallest box around it, (h, w) or (h, w, C), and where its left top corner lies."""

    left: int
    top: int
    image: Array


def chosen(times: Array, config: ExtractMapsConfig) -> Array:
    """Return the numbers of the frames that are taken: ``fps`` of every second, at most ``frames``, evenly spread."""
    kept = np.arange(len(times)) if config.fps is None else at_rate(np.asarray(times, np.float64), config.fps)
    if config.frames is not None and len(kept) > config.frames:
        kept = kept[np.linspace(0, len(kept) - 1, config.frames).round().astype(int)]
    return np.asarray(kept)


def cut_out(image: Array, mask: Array) -> Cutout | None:
    """Return the part of an image (H, W, …) around what the mask (H, W) shows; None where it shows nothing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    inside = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Cutout(int(columns[0]), int(rows[0]), image[inside].copy())


def fitted(cutouts: Sequence[Cutout | None], size: int, interpolation: int, nothing: str) -> tuple[Array, Array]:
    """Return pictures (T, 3, size, size) of one square around everything that was cut out of any frame, and the square (4,).

    Args:
        cutouts: one per frame, uint8; None is an empty picture, one channel is shown three times.
        size: rows and columns.
        interpolation: OpenCV's.
        nothing: what to say where all frames are empty.

    Raises:
        ArtifactError: all frames are empty.
    """
    there = [cutout for cutout in cutouts if cutout is not None]
    if not there:
        raise ArtifactError(nothing)
    low = np.min([(cutout.left, cutout.top) for cutout in there], axis=0)
    high = np.max([(cutout.left + cutout.image.shape[1], cutout.top + cutout.image.shape[0]) for cutout in there], axis=0)
    box = np.rint(square(low, high, MARGIN)).astype(int)
    side = int((box[2:] - box[:2]).max())
    box[2:] = box[:2] + side
    out = np.zeros((len(cutouts), size, size, 3), np.uint8)
    for number, cutout in enumerate(cutouts):
        if cutout is not None:
            canvas = np.zeros((side, side, *cutout.image.shape[2:]), np.uint8)
            top, left = cutout.top - box[1], cutout.left - box[0]
            canvas[top : top + cutout.image.shape[0], left : left + cutout.image.shape[1]] = cutout.image
            small = cv2().resize(canvas, (size, size), interpolation=interpolation)
            out[number] = small if small.ndim == 3 else small[..., None]
    return np.ascontiguousarray(out.transpose(0, 3, 1, 2)), box


def own_view(box: Array | None) -> dict[str, Any]:
    """Return what an artifact says of a view from the clip's own camera, and of the square that it shows."""
    return view_of("original", 0.0, 0.0, box)


def view_of(name: str, yaw: float, pitch: float, box: Array | None) -> dict[str, Any]:
    """Return what an artifact says of a view."""
    found: dict[str, Any] = {"name": name, "yaw": yaw, "pitch": pitch}
    return found if box is None else found | {"box": [round(float(side), 6) for side in box]}
