"""Transforms of joint positions, each a few lines of arithmetic on an array (M, T, V, C) where missing is NaN."""

from __future__ import annotations

import numpy as np

from stages.arrays import Array
from stages.errors import UsageError
from stages.skeletons.layouts import Layout

_DERIVED: dict[str, tuple[tuple[str, ...], ...]] = {
    # A joint that a layout lacks → the joints whose mean stands for it; the first that is there counts.
    "pelvis": (("left_hip", "right_hip"),),
    "spine_shoulder": (("neck",), ("left_shoulder", "right_shoulder")),
    "neck": (("spine_shoulder",), ("left_shoulder", "right_shoulder")),
    "spine": (("left_hip", "right_hip", "left_shoulder", "right_shoulder"),),
    "head": (("left_ear", "right_ear"), ("nose",)),
    "nose": (("head",),),
    "left_hand": (("left_wrist",),),
    "right_hand": (("right_wrist",),),
    "left_wrist": (("left_hand",),),
    "right_wrist": (("right_hand",),),
    "left_foot": (("left_foot_index",), ("left_big_toe",), ("left_ankle",)),
    "right_foot": (("right_foot_index",), ("right_big_toe",), ("right_ankle",)),
    "left_ankle": (("left_foot",),),
    "right_ankle": (("right_foot",),),
}


def body_centre(positions: Array, layout: Layout) -> Array:
    """Return the body's centre per frame, (M, T, 1, C): the mean of the layout's centre joints that were seen."""
    return _mean(positions[:, :, layout.numbers(layout.centre)], axis=2)


def centre_per_frame(positions: Array, layout: Layout) -> Array:
    """Subtract the body's centre in each frame (2M-AF equation 1); translation of the whole body is lost.

    Where the centre was not seen in a frame, it is interpolated in time, so that the joints that were seen are kept.
    """
    return positions - interpolate_gaps(body_centre(positions, layout))


def centre_on_start(positions: Array, layout: Layout, *, together: bool = False) -> Array:
    """Subtract each person's centre in the first frame where it was seen; the path of the body is kept.

    Where people stay ``together``, the first person's centre is subtracted from all, and the distances between them are kept.
    """
    centre = body_centre(positions[:1] if together else positions, layout)
    seen = np.asarray(np.isfinite(centre).all(axis=(2, 3)))
    first = np.argmax(seen, axis=1)
    start = centre[np.arange(len(centre)), first][:, None]
    return positions - np.where(np.any(seen, axis=1)[:, None, None, None], start, 0)


def trunk_length(positions: Array, layout: Layout) -> float:
    """Return the median distance between hips and shoulders over the frames; 1 where it cannot be known."""
    low, high = (_mean(positions[:, :, layout.numbers(end)], axis=2) for end in layout.trunk)
    lengths = np.linalg.norm(high - low, axis=-1)
    lengths = lengths[np.isfinite(lengths) & (lengths > 0)]
    return float(np.median(lengths)) if lengths.size else 1.0


def scale_by_trunk(positions: Array, layout: Layout) -> Array:
    """Divide by the trunk's length, so that people of all sizes and cameras of all distances compare."""
    return positions / trunk_length(positions, layout)


def facing(positions: Array, layout: Layout) -> Array | None:
    """Return the rotation (3, 3) about the vertical (y) axis after which the mean hip-to-hip direction is x; None where nothing says it."""
    if positions.shape[-1] != 3 or not {"left_hip", "right_hip"} <= set(layout.index):
        return None
    across = positions[:, :, layout.index["left_hip"]] - positions[:, :, layout.index["right_hip"]]
    across = across[np.isfinite(across).all(axis=-1)]
    if not across.size:
        return None
    x, _, z = across.mean(axis=0)
    length = float(np.hypot(x, z))
    if length == 0:
        return None
    cos, sin = x / length, z / length
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], dtype=positions.dtype)


def face_camera(positions: Array, layout: Layout) -> Array:
    """Turn 3-D bodies about the vertical (y) axis so that the mean hip-to-hip direction is x; 2-D is returned as it is."""
    rotation = facing(positions, layout)
    return positions if rotation is None else positions @ rotation.T


def flatten(positions: Array, *, facing: bool = False) -> Array:
    """Return 3-D bodies as a picture shows them, (M, T, V, 2), x to the right and y down; 2-D is returned as it is.

    A depth camera's x runs to its left, and y up.  Bodies that :func:`face_camera` has turned are ``facing``: their left is at the right
    of the picture, where x already runs to.
    """
    if positions.shape[-1] != 3:
        return positions
    return positions[..., :2] * np.array([1 if facing else -1, -1], positions.dtype)


def interpolate_gaps(positions: Array) -> Array:
    """Fill NaN linearly in time, holding the ends; a joint never seen takes the mean of the joints that were, else 0."""
    people, frames, joints, axes = positions.shape
    columns = positions.transpose(0, 2, 3, 1).reshape(-1, frames).copy()
    time = np.arange(frames)
    for row in np.flatnonzero(np.isnan(columns).any(axis=1)):
        seen = np.isfinite(columns[row])
        if seen.any():
            columns[row] = np.interp(time, time[seen], columns[row, seen])
    filled = columns.reshape(people, joints, axes, frames).transpose(0, 3, 1, 2)
    if np.isnan(filled).any():
        filled = np.where(np.isnan(filled), _mean(filled, axis=2), filled)
    return np.nan_to_num(filled, nan=0.0)


def resample(positions: Array, frames: int) -> Array:
    """Return ``frames`` frames at even distances from first to last, linear between neighbours."""
    length = positions.shape[1]
    if length == frames:
        return positions
    where = np.linspace(0, length - 1, frames)
    low = np.floor(where).astype(int)
    high = np.minimum(low + 1, length - 1)
    weight = (where - low)[None, :, None, None].astype(positions.dtype)
    return positions[:, low] * (1 - weight) + positions[:, high] * weight


def pad(positions: Array, frames: int, *, front: bool) -> tuple[Array, Array]:
    """Pad with zeros to ``frames`` in front or behind, or keep the last ``frames``; also return the mask (T,) of real frames."""
    positions = positions[:, -frames:]
    missing = frames - positions.shape[1]
    widths = (missing, 0) if front else (0, missing)
    mask = np.pad(np.ones(positions.shape[1], dtype=bool), widths)
    return np.pad(positions, ((0, 0), widths, (0, 0), (0, 0))), mask


def flip(positions: Array, layout: Layout) -> Array:
    """Mirror left and right: negate x and swap the joints of the two sides.  Centre first."""
    flipped = positions[:, :, list(layout.mirrored)].copy()
    flipped[..., 0] *= -1
    return flipped


def convert(positions: Array, source: Layout, target: Layout) -> Array:
    """Reorder joints into ``target``; joints that ``source`` lacks are derived from neighbours, or NaN.

    Raises:
        UsageError: the two layouts share fewer than half of the target's joints.
    """
    if source.name == target.name:
        return positions
    result = np.full((*positions.shape[:2], len(target.joints), positions.shape[3]), np.nan, dtype=positions.dtype)
    matched = 0
    for number, name in enumerate(target.joints):
        choices = ((name,), *_DERIVED.get(name, ()))
        names = next((choice for choice in choices if all(joint in source.index for joint in choice)), None)
        if names is not None:
            matched += 1
            result[:, :, number] = positions[:, :, source.numbers(names)].mean(axis=2)
    if matched * 2 < len(target.joints):
        raise UsageError(f"The skeleton {source.name} cannot become {target.name}: only {matched} of its joints correspond.")
    return result


def _mean(values: Array, axis: int) -> Array:
    seen = np.isfinite(values)
    count = seen.sum(axis=axis, keepdims=True)
    total = np.where(seen, values, 0).sum(axis=axis, keepdims=True)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
