"""Where the performers are in the frames of a clip: boxes from its poses, for methods that look at a part of the picture.

Pose artifacts that were made of videos hold the boxes in which people were followed; of those that hold none, the boxes are the extent of
the joints, enlarged.  T frames, M people in the poses, P performers that are wanted.
"""

from __future__ import annotations

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.poses import PoseSequence

ROUNDING = 0.001
"""Seconds by which times of one frame may differ between artifacts."""


def performers(poses: PoseSequence, times: Array, people: int, margin: float) -> Array:
    """Return the boxes of the first ``people`` people at ``times``: (T, P, 4) left, top, right, bottom in pixels of the video.

    Between the frames in which somebody was seen, the box is interpolated.  Before the first one and after the last, and of people who
    are not there, it is NaN.

    Args:
        poses: of the clip.
        times: (T,) seconds.
        people: P.
        margin: the extent of the joints is enlarged at each side by this share of its width and height; boxes that are stored are not.

    Raises:
        ArtifactError: there are no boxes, and the joints are not in pixels of the video.
    """
    stored = poses.boxes is not None and np.isfinite(poses.boxes).any()
    sides = poses.boxes.astype(np.float64) if stored and poses.boxes is not None else _around_joints(poses, margin)
    found = np.full((len(times), people, 4), np.nan)
    step = float(np.diff(poses.timestamps).max()) if poses.frames > 1 else 0.0
    for person in range(min(people, len(sides))):
        seen = np.isfinite(sides[person]).all(axis=1)
        if not seen.any():
            continue
        own = poses.timestamps[seen]
        there = (times >= own[0] - step / 2 - ROUNDING) & (times <= own[-1] + step / 2 + ROUNDING)
        for side in range(4):
            found[there, person, side] = np.interp(times[there], own, sides[person, seen, side])
    return found


def _around_joints(poses: PoseSequence, margin: float) -> Array:
    """Return the enlarged extent of each person's joints, (M, T, 4); NaN where no joint was seen."""
    if poses.positions.shape[3] != 2 or poses.units != "px":
        raise ArtifactError(
            f"The poses hold no boxes, and no joints in pixels of the video to draw them around: found {poses.positions.shape[3]}-D ones "
            f"in {poses.units}.",
            hint="aqa extract-pose VIDEOS makes both",
        )
    positions = poses.positions.astype(np.float64)
    seen = np.asarray(np.isfinite(positions).all(axis=-1))
    low = np.where(seen[..., None], positions, np.inf).min(axis=2)
    high = np.where(seen[..., None], positions, -np.inf).max(axis=2)
    nobody = np.asarray(~seen.any(axis=2))[..., None]
    low, high = np.where(nobody, np.nan, low), np.where(nobody, np.nan, high)
    spare = margin * (high - low)
    return np.concatenate([low - spare, high + spare], axis=-1)
