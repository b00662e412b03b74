"""Fitting a whole frame into the input of a one-stage network, with its aspect ratio kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.video.opencv import cv2


@dataclass(frozen=True)
class Letterbox:
    """Scale a frame until it just fits, and pad the rest.

    Attributes:
        size: (width, height) of the input in pixels.
        colour: of the padding.
        corner: where the frame lies: in the middle (mmpose) or in the top left corner (exported networks after rtmlib).
    """

    size: tuple[int, int]
    colour: tuple[int, ...] = (114, 114, 114)
    corner: bool = False

    def fit(self, image: Array) -> Array:
        """Return the frame (H, W, 3) uint8 as input (height, width, 3)."""
        width, height = self.size
        if self.corner:
            scale = self._scale(image)
            size = (int(image.shape[1] * scale), int(image.shape[0] * scale))
            filled = np.full((height, width, 3), self.colour, dtype=np.uint8)
            filled[: size[1], : size[0]] = cv2().resize(image, size, interpolation=cv2().INTER_LINEAR)
            return filled
        centre, extent = self._region(image)
        # The three points by which mmpose defines the same map.
        source = np.array([centre, centre - (extent[0] * 0.5, 0), centre - (extent[0] * 0.5, 0)], dtype=np.float32)
        target = np.array([[width * 0.5, height * 0.5], [0, height * 0.5], [0, height * 0.5]], dtype=np.float32)
        for points in (source, target):
            along = points[0] - points[1]
            points[2] = points[1] + (-along[1], along[0])
        matrix = cv2().getAffineTransform(source, target)
        warped: Array = cv2().warpAffine(image, matrix, self.size, flags=cv2().INTER_LINEAR, borderValue=self.colour)
        return warped

    def to_frame(self, positions: Array, image: Array) -> Array:
        """Return positions (…, 2) in pixels of the input as positions in pixels of ``image``."""
        if self.corner:
            return positions / self._scale(image)
        centre, extent = self._region(image)
        return positions / self.size * extent + centre - 0.5 * extent

    def _scale(self, image: Array) -> float:
        return min(self.size[0] / image.shape[1], self.size[1] / image.shape[0])

    def _region(self, image: Array) -> tuple[Array, Array]:
        """Return centre and extent, in pixels of the frame, of what the input shows."""
        height, width = image.shape[:2]
        ratio = width / height
        fitted = (min(self.size[0], self.size[1] * ratio), min(self.size[1], self.size[0] / ratio))
        extent = np.array([width * self.size[0] / fitted[0], height * self.size[1] / fitted[1]], dtype=np.float32)
        return np.array([width / 2, height / 2], dtype=np.float32), extent
