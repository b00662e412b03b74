"""What every top-down network needs around it: a crop of the frame per box, and joints from heat maps or SimCC vectors.

The arithmetic is that of mmpose 1.3.2 (``GetBBoxCenterScale``, ``TopdownAffine``, ``MSRAHeatmap``, ``SimCCLabel``), over whole batches.
N crops, V joints; sizes are (width, height) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.video.opencv import cv2

Size = tuple[int, int]


@dataclass(frozen=True)
class Crop:
    """How a box becomes the input of a network.

    Attributes:
        size: (width, height) of the input in pixels.
        padding: the box is enlarged by this factor first.
        udp: whether pixels are counted from centre to centre (unbiased data processing, Huang et al., CVPR 2020).
        rgb: whether the network takes red-green-blue.
    """

    size: Size
    padding: float = 1.25
    udp: bool = False
    rgb: bool = True


@dataclass(frozen=True)
class Regions:
    """The part of its frame that each of N crops shows: centre (N, 2) and extent (N, 2) in pixels of the frame."""

    centres: Array
    extents: Array

    def to_frame(self, positions: Array, size: Size) -> Array:
        """Return positions (N, V, 2) in pixels of crops of ``size`` as positions in pixels of the frames."""
        extents, centres = self.extents[:, None], self.centres[:, None]
        return positions / size * extents + centres - 0.5 * extents


def regions(boxes: Array, crop: Crop) -> Regions:
    """Return the regions for boxes (N, 4) left, top, right, bottom: padded, then enlarged to the aspect ratio of the input."""
    boxes = np.asarray(boxes)
    centres = (boxes[:, 2:] + boxes[:, :2]) * 0.5
    width, height = ((boxes[:, 2:] - boxes[:, :2]) * crop.padding).T
    ratio = crop.size[0] / crop.size[1]
    wide = width > height * ratio
    extents = np.stack([np.where(wide, width, height * ratio), np.where(wide, width / ratio, height)], axis=1)
    return Regions(centres, extents)


def cut(images: Sequence[Array], boxes: Array, crop: Crop, into: Array) -> Regions:
    """Cut N boxes out of N frames (H, W, 3) and write them into the first N of ``into`` (≥ N, height, width, 3) uint8."""
    found = regions(boxes, crop)
    warp = cv2().warpAffine
    flags = cv2().INTER_LINEAR
    for number, (image, centre, extent) in enumerate(zip(images, found.centres, found.extents, strict=True)):
        piece = warp(image, _matrix(centre, extent, crop), crop.size, flags=flags)
        into[number] = piece[..., ::-1] if crop.rgb else piece
    return found


def _matrix(centre: Array, extent: Array, crop: Crop) -> Array:
    """Return the (2, 3) matrix from frame to crop."""
    width, height = crop.size
    if crop.udp:
        matrix = np.zeros((2, 3), dtype=np.float32)
        for axis, length in enumerate((width, height)):
            scale = (length - 1) / extent[axis]
            matrix[axis, axis] = scale
            matrix[axis, 2] = scale * (-centre[axis] + 0.5 * extent[axis])
        return matrix
    # Three points through OpenCV, as mmpose has it: a closed form differs in the last bits, and so in some pixels.
    source = np.array([centre, centre - (extent[0] * 0.5, 0.0), centre - (extent[0] * 0.5, 0.0)], dtype=np.float32)
    target = np.array([[width * 0.5, height * 0.5], [0.0, height * 0.5], [0.0, height * 0.5]], dtype=np.float32)
    for points in (source, target):
        along = points[0] - points[1]
        points[2] = points[1] + (-along[1], along[0])
    return cv2().getAffineTransform(source, target)


def heatmap_joints(heatmaps: Array, size: Size) -> tuple[Array, Array]:
    """Return positions (N, V, 2) in pixels of the crop and confidence (N, V): the maximum, moved by 0.25 towards its higher neighbour.

    Args:
        heatmaps: (N, V, height, width), of any scale.
        size: of the crop.
    """
    count, joints, height, width = heatmaps.shape
    flat = heatmaps.reshape(count * joints, height * width)
    best = flat.argmax(axis=1)
    rows = np.arange(len(flat))
    values = flat[rows, best]
    y, x = np.divmod(best, width)
    seen = values > 0
    left_right = (x > 1) & (x < width - 1) & (y > 0) & seen
    up_down = (y > 1) & (y < height - 1) & (x > 0) & seen

    def towards(step: int, inside: Array) -> Array:
        after, before = np.minimum(best + step, flat.shape[1] - 1), np.maximum(best - step, 0)
        return np.where(inside, np.sign(flat[rows, after] - flat[rows, before]), 0) * 0.25

    positions = np.stack([np.where(seen, x + towards(1, left_right), -1), np.where(seen, y + towards(width, up_down), -1)], axis=1)
    scale = np.array([size[0] / width, size[1] / height])
    return (positions * scale).reshape(count, joints, 2), values.reshape(count, joints)


def simcc_joints(along_x: Array, along_y: Array, size: Size) -> tuple[Array, Array]:
    """Return positions (N, V, 2) in pixels of the crop and confidence (N, V) from one vector per axis (Li et al., ECCV 2022).

    Args:
        along_x: (N, V, bins) over the crop's width.
        along_y: (N, V, bins) over its height.
        size: of the crop.
    """
    values = np.minimum(along_x.max(axis=2), along_y.max(axis=2))
    bins = np.stack([along_x.argmax(axis=2), along_y.argmax(axis=2)], axis=2).astype(np.float64)
    bins[values <= 0] = -1
    return bins * (size[0] / along_x.shape[2], size[1] / along_y.shape[2]), values
