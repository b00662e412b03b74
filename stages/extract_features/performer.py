"""Frames cut to the performer, as ACTION-NET's static stream sees athletes (Zeng et al., ACM MM 2020).

The authors' code begins behind a detector: pictures cut to the athlete, brought to the network's square whatever their shape.  Here the
box is the one that poses come with (``aqa extract-pose``), or where they have none that of their joints, enlarged.
T frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.extract_features.joints import centres
from stages.skeletons.boxes import performers
from stages.skeletons.poses import PoseSequence
from stages.video.opencv import cv2


@dataclass(frozen=True)
class Boxes:
    """Where frames are cut.

    Attributes:
        corners: (T, 2, 2) in pixels: (left, top) and (right, bottom).
    """

    corners: Array

    def resized(self, across: float, down: float) -> Boxes:
        """Return the boxes in a picture whose columns and rows are so many times as many."""
        return Boxes(self.corners * (across, down))

    def cut(self, image: Array, index: int, size: int) -> Array:
        """Return what the box of a frame shows, (size, size, C), stretched to a square; a box ends where the frame ends."""
        height, width = image.shape[:2]
        (left, top), (right, bottom) = self.corners[index]
        left, right = _inside(left, right, width)
        top, bottom = _inside(top, bottom, height)
        part = image[top:bottom, left:right]
        part = part.astype(np.float32) if part.dtype == np.float16 else part  # OpenCV knows no half precision
        return np.asarray(cv2().resize(part, (size, size), interpolation=cv2().INTER_LINEAR)).astype(image.dtype, copy=False)


def boxes(poses: PoseSequence, times: Array, margin: float) -> Boxes:
    """Return the first person's box at each of ``times`` (T,).

    Where nobody was seen for a while, the box is interpolated, and before and after it stays, so that the picture does not jump.

    Args:
        poses: in pixels of the video.
        times: seconds.
        margin: by this part of its width and height a box of joints is enlarged at each side; one that the poses come with is not.

    Raises:
        ArtifactError: as :func:`stages.extract_features.joints.centres` says, or the first person was never seen.
    """
    centres(poses, times, "The performer's boxes")
    sides = performers(poses, times, 1, margin)[:, 0]
    there = np.isfinite(sides).all(axis=1)
    if not there.any():
        raise ArtifactError("In no frame was the first person seen, so there is nobody to cut to.", hint="leave out --performer")
    found = [np.interp(times, times[there], sides[there, side]) for side in range(4)]
    return Boxes(np.stack(found, axis=1).reshape(-1, 2, 2))


def _inside(first: float, last: float, size: int) -> tuple[int, int]:
    """Return whole pixels inside of the frame, at least one."""
    start = min(max(int(np.floor(first)), 0), size - 1)
    return start, max(min(int(np.ceil(last)), size), start + 1)
