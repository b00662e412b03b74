"""What features take from poses: squares around joints, and heat maps.

T frames, V joints, M people.
"""

from __future__ import annotations

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.extract_features.config import HeatmapConfig
from stages.skeletons.poses import PoseSequence


def centres(poses: PoseSequence, times: Array) -> Array:
    """Return where the first person's joints are at each of ``times``: (T, V, 2) in pixels.

    Between the frames in which a joint was seen its position is interpolated, before and after them it stays; a joint that was never seen
    is NaN.

    Raises:
        ArtifactError: the poses are not in pixels of the image.
    """
    if poses.positions.shape[3] != 2 or poses.units != "px":
        raise ArtifactError(
            f"Patches need poses in pixels of the video, found {poses.positions.shape[3]}-D ones in {poses.units}.",
            hint="aqa extract-pose makes them",
        )
    found = np.full((len(times), poses.positions.shape[2], 2), np.nan)
    for joint in range(found.shape[1]):
        track = poses.positions[0, :, joint].astype(np.float64)
        seen = np.isfinite(track).all(axis=1)
        if seen.any():
            for axis in range(2):
                found[:, joint, axis] = np.interp(times, poses.timestamps[seen], track[seen, axis])
    return found


def heat_maps(poses: PoseSequence, frames: Array, config: HeatmapConfig) -> Array:
    """Return one map per joint and frame: (T, V, size, size) float16, a Gaussian of the joint's confidence as its height.

    The map covers the square around all joints of the clip; of several people each cell keeps the largest value.

    Args:
        poses: two-dimensional.
        frames: (T,) which frames; one below 0 is empty.
        config: size, sigma and margin.

    Raises:
        ArtifactError: the poses have three dimensions.
    """
    if poses.positions.shape[3] != 2:
        raise ArtifactError("Heat maps need two-dimensional poses.", hint="aqa extract-pose makes them")
    seen = poses.positions[np.isfinite(poses.positions).all(axis=-1)].astype(np.float64)
    low, high = seen.min(axis=0), seen.max(axis=0)
    side = max(float((high - low).max()), 1e-6) * (1 + config.margin)
    scaled = (poses.positions - ((low + high) / 2 - side / 2)) / side * (config.size - 1)
    cells = np.arange(config.size)
    maps = np.zeros((len(frames), poses.positions.shape[2], config.size, config.size), np.float16)
    for number, frame in enumerate(frames.tolist()):
        if frame < 0:
            continue
        distance = (scaled[:, frame, :, :, None] - cells) ** 2  # M, V, axis, cell
        line = np.exp(-distance / (2 * config.sigma**2))
        drawn = line[:, :, 1, :, None] * line[:, :, 0, None, :] * poses.confidence[:, frame, :, None, None]
        maps[number] = np.nan_to_num(drawn, nan=0.0).max(axis=0)
    return maps
