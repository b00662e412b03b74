"""From frames to segments: resized, cut, put together while the video is read, and varied as the views ask.

L frames of a segment, H rows, W columns, C channels, V patches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.extract_features.backbones.contract import Look
from stages.video.opencv import cv2
from stages.video.sampling import BLANK, View


def resized(image: Array, resize: int | tuple[int, int]) -> Array:
    """Return the frame with its shorter side at ``resize`` pixels (rounded as mmcv rounds), or at (width, height), bilinearly."""
    height, width = image.shape[:2]
    if isinstance(resize, tuple):
        size = resize
    else:
        scale = resize / min(height, width)
        size = int(width * scale + 0.5), int(height * scale + 0.5)
    return image if size == (width, height) else np.asarray(cv2().resize(image, size, interpolation=cv2().INTER_LINEAR))


def centre(image: Array, crop: int) -> Array:
    """Return the square (crop, crop, C) in the middle of a frame.

    Raises:
        ArtifactError: the frame is smaller.
    """
    height, width = image.shape[:2]
    if min(height, width) < crop:
        raise ArtifactError(f"The frames are {width} × {height} pixels after resizing, smaller than the {crop} × {crop} of the network.")
    top, left = (height - crop) // 2, (width - crop) // 2
    return image[top : top + crop, left : left + crop]


def squares(image: Array, centres: Array, side: float, size: int) -> Array:
    """Return V squares (V, size, size, C) around centres (V, 2) in pixels; black beyond the frame and where a centre is NaN."""
    out = np.zeros((len(centres), size, size, image.shape[2]), image.dtype)
    scale = size / side
    source = image.astype(np.float32) if image.dtype == np.float16 else image  # OpenCV knows no half precision
    for number, (x, y) in enumerate(centres):
        if np.isfinite(x) and np.isfinite(y):
            matrix = np.array([[scale, 0, (size - 1) / 2 - scale * x], [0, scale, (size - 1) / 2 - scale * y]], np.float64)
            out[number] = cv2().warpAffine(source, matrix, (size, size), flags=cv2().INTER_LINEAR)
    return out


def rgb(images: Array) -> Array:
    """Return pictures (…, H, W, 3) blue-green-red as red-green-blue."""
    rows = images.reshape(-1, *images.shape[-2:]) if images.ndim > 3 else images
    return np.asarray(cv2().cvtColor(rows, cv2().COLOR_BGR2RGB)).reshape(images.shape)


def assemble(frames: Iterable[tuple[int, Array]], wanted: Array) -> Iterator[tuple[int, Array]]:
    """Yield (number, segment (L, …)) for each row of ``wanted``, as soon as its last frame has come.

    A frame is kept until the last segment that needs it is complete, and no longer.  Rows of black frames only come last.

    Args:
        frames: (index, frame) for every index that occurs, each once, increasing.
        wanted: (K, L) indices; :data:`stages.video.sampling.BLANK` is a frame of zeros.
    """
    ends = wanted.max(axis=1)
    ready: dict[int, list[int]] = {}
    until: dict[int, int] = {}
    for number, end in enumerate(ends.tolist()):
        ready.setdefault(end, []).append(number)
        for index in set(wanted[number].tolist()):
            until[index] = max(until.get(index, BLANK), end)
    leaving: dict[int, list[int]] = {}
    for index, end in until.items():
        leaving.setdefault(end, []).append(index)
    window: dict[int, Array] = {}
    for index, frame in frames:
        if BLANK not in window:
            window[BLANK] = np.zeros_like(frame)
        window[index] = frame
        for number in ready.get(index, ()):
            yield number, np.stack([window[each] for each in wanted[number].tolist()])
        for gone in leaving.get(index, ()):
            if gone != BLANK:
                del window[gone]
    for number in ready.get(BLANK, ()):
        yield number, np.stack([window[BLANK]] * wanted.shape[1])


def vary(segment: Array, view: View, look: Look) -> Array:
    """Return a segment (L, …, H, W, C) as a view shows it; flow turns with the picture."""
    axes = (segment.ndim - 3, segment.ndim - 2)
    turns = view.rotate // 90
    segment = np.rot90(segment, turns, axes)
    if look.modality == "flow":
        for _ in range(turns):  # a quarter turn counter-clockwise takes what goes right upwards, and what goes down to the right
            segment = np.stack([segment[..., 1], -segment[..., 0]], axis=-1)
    if view.flip:
        segment = np.flip(segment, axes[1])
        if look.modality == "flow":
            segment = segment * np.array([-1, 1], segment.dtype)
    return np.ascontiguousarray(segment)


def used(wanted: Array) -> list[int]:
    """Return the frames that occur, increasing, without the black one."""
    return [int(index) for index in np.unique(wanted) if index != BLANK]


def sampling_document(views: Sequence[View], indices: Sequence[Array], times: Array) -> dict[str, Any]:
    """Return the artifact's ``/sampling``: each view's transform, and its segments' frames and their times (null for black frames)."""
    return {
        "views": [
            {
                "name": view.name,
                "transform": {"shift": view.shift, "flip": view.flip, "rotate": view.rotate, "still": view.still},
                "frames": rows.tolist(),
                "times": [[None if index == BLANK else round(float(times[index]), 6) for index in row] for row in rows.tolist()],
            }
            for view, rows in zip(views, indices, strict=True)
        ]
    }
