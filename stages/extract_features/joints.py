"""What features take from poses: squares around joints, and heat maps.

T frames, V joints, M people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.extract_features.config import ExtractFeaturesConfig, HeatmapConfig
from stages.skeletons.poses import PoseSequence
from stages.skeletons.transforms import trunk_length

UNSEEN = 0.1
"""Poses may lack this part of the clip's time at either end."""


@dataclass(frozen=True)
class Squares:
    """Where squares are cut.

    Attributes:
        centres: (T, V, 2) in pixels; NaN where there is none.
        side: in pixels; None for a part of the frame's shorter side.
    """

    centres: Array
    side: float | None = None

    def resized(self, across: float, down: float) -> Squares:
        """Return the squares in a picture whose columns and rows are so many times as many."""
        return Squares(self.centres * (across, down), None if self.side is None else self.side * (across * down) ** 0.5)


def centres(poses: PoseSequence, times: Array, what: str = "Patches") -> Array:
    """Return where the first person's joints are at each of ``times``: (T, V, 2) in pixels.

    Between the frames in which a joint was seen its position is interpolated, before and after them it stays; a joint that was never seen
    is NaN.

    Args:
        poses: of the clip.
        times: (T,) seconds.
        what: is made of them, for the message.

    Raises:
        ArtifactError: the poses are not in pixels of the image, or of another stretch of time.
    """
    if poses.positions.shape[3] != 2 or poses.units != "px":
        raise ArtifactError(
            f"{what} need poses in pixels of the video, found {poses.positions.shape[3]}-D ones in {poses.units}.",
            hint="aqa extract-pose makes them",
        )
    _check_times(poses.timestamps, times)
    found = np.full((len(times), poses.positions.shape[2], 2), np.nan)
    for joint in range(found.shape[1]):
        track = poses.positions[0, :, joint].astype(np.float64)
        seen = np.isfinite(track).all(axis=1)
        if seen.any():
            for axis in range(2):
                found[:, joint, axis] = np.interp(times, poses.timestamps[seen], track[seen, axis])
    return found


def _check_times(own: Array, times: Array) -> None:
    missing = max(own[0] - times[0], times[-1] - own[-1])
    if missing > UNSEEN * (times[-1] - times[0]):
        raise ArtifactError(
            f"The poses are of another stretch of time: they reach from {own[0]:.2f} to {own[-1]:.2f} s, the clip from {times[0]:.2f} to "
            f"{times[-1]:.2f} s.",
            hint="aqa extract-pose the same videos with the same --manifest, and --poses SET",
        )


def squares(poses: PoseSequence, times: Array, config: ExtractFeaturesConfig) -> Squares:
    """Return the squares around the first person's joints at each of ``times``.

    Raises:
        ArtifactError: as :func:`centres` and :func:`trunk` say.
    """
    return Squares(centres(poses, times), config.patch_size * trunk(poses) if config.patch_unit == "trunk" else None)


def trunk(poses: PoseSequence) -> float:
    """Return the distance in pixels between the first person's hips and shoulders, the median over the clip.

    Raises:
        ArtifactError: they were never seen together.
    """
    first = poses.positions[:1].astype(np.float64)
    together = [np.isfinite(first[0][:, poses.layout.numbers(end)]).all(axis=-1).any(axis=1) for end in poses.layout.trunk]
    if not (together[0] & together[1]).any():
        raise ArtifactError("In no frame are both hips and shoulders seen, so the trunk has no length.", hint="--set patch_unit=frame")
    return trunk_length(first, poses.layout)


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
