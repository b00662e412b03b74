"""From joint positions to pixels: 2-D poses on their frame, 3-D skeletons from the front on an empty canvas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.layouts import Layout
from stages.skeletons.poses import PoseSequence

CANVAS = 720
"""Width and height in pixels of the canvas for what has no frame of its own."""
_MARGIN, _PROPORTIONS, _LARGEST = 0.08, 0.02, 8192
_SIDES = (("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"))


def on_frame(poses: PoseSequence, width: int, height: int, where: str) -> PoseSequence:
    """Return the poses in pixels of a frame of ``width`` × ``height``.

    Poses that were found at another size of the same picture are scaled to this one.

    Raises:
        ArtifactError: the poses are not in pixels, or belong to a picture of other proportions.
    """
    if poses.units != "px":
        raise ArtifactError(
            f"{where}: the positions are in '{poses.units}', expected pixels.",
            hint="leave out the video: they are drawn on an empty canvas",
        )
    own = _size(poses)
    if own is None or own == (width, height):
        return poses
    scale = np.array([width / own[0], height / own[1]], np.float32)
    if abs(scale[0] / scale[1] - 1) > _PROPORTIONS:
        raise ArtifactError(f"{where}: the poses were found in a picture of {own[0]} × {own[1]} pixels, the video has {width} × {height}.")
    boxes = None if poses.boxes is None else poses.boxes * np.tile(scale, 2)
    return replace(poses, positions=poses.positions * scale, boxes=boxes)


def on_canvas(poses: PoseSequence) -> tuple[PoseSequence, int, int]:
    """Return the poses in pixels of an empty canvas, and its width and height.

    3-D skeletons from a depth camera are seen as that camera saw them, its x to the right.  Others are seen from where the trunk stands
    upright and the shoulders lie widest, the person's left at the right, as from the front.  2-D poses keep their picture's size where it
    is known.  All frames share one scale, so that motion is seen as it is.
    """
    size = _size(poses)
    if poses.positions.shape[3] == 2 and poses.units == "px" and size is not None and max(size) <= _LARGEST:
        return poses, *size
    if poses.positions.shape[3] == 3:
        flat = _front(poses.positions, poses.layout, filmed=poses.origin == "camera")
    else:
        flat = poses.positions.astype(np.float64)
    return replace(poses, positions=_fitted(flat), boxes=None), CANVAS, CANVAS


def _size(poses: PoseSequence) -> tuple[int, int] | None:
    width, height = poses.clip.get("width"), poses.clip.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0 else None


def _front(positions: Array, layout: Layout, *, filmed: bool) -> Array:
    positions = positions.astype(np.float64)
    lower, upper = (_mean_of(positions, layout, names) for names in layout.trunk)
    upright = _typical(upper - lower)
    vertical = int(np.abs(upright).argmax())
    left, right = (_mean_of(positions, layout, tuple(name for name in layout.joints if name in names)) for names in _SIDES)
    across = _typical(left - right)
    if filmed and vertical != 0:
        across = np.array([1.0, 0.0, 0.0])
    sideways = max((axis for axis in range(3) if axis != vertical), key=lambda axis: abs(across[axis]))
    signs = (1 if across[sideways] >= 0 else -1, -1 if upright[vertical] >= 0 else 1)  # pixels count downwards
    return positions[..., [sideways, vertical]] * np.array(signs)


def _mean_of(positions: Array, layout: Layout, names: tuple[str, ...]) -> Array:
    return positions[..., layout.numbers(names), :].mean(axis=-2).reshape(-1, positions.shape[-1])


def _typical(vectors: Array) -> Array:
    vectors = vectors[np.isfinite(vectors).all(axis=1)]
    return np.median(vectors, axis=0) if len(vectors) else np.zeros(vectors.shape[1])


def _fitted(positions: Array) -> Array:
    places = positions.reshape(-1, 2)
    places = places[np.isfinite(places).all(axis=1)]
    # A joint that flew away in a few frames must not shrink everything else.
    low, high = np.percentile(places, [0.5, 99.5], axis=0)
    scale = CANVAS * (1 - 2 * _MARGIN) / max(float((high - low).max()), 1e-9)
    return np.asarray((positions - (low + high) / 2) * scale + CANVAS / 2, np.float32)
