"""The film camera: projection of the body, and where COCO's face points lie on a head that the depth camera sees as one joint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.skeletons.layouts import COCO_17, KINECT_25

HEAD = 0.115
"""Radius of the head along the face, metres."""
_FACE = {
    "nose": (0.0, -0.1, 1.0),
    "left_eye": (0.33, 0.22, 0.86),
    "right_eye": (-0.33, 0.22, 0.86),
    "left_ear": (0.85, 0.0, 0.0),
    "right_ear": (-0.85, 0.0, 0.0),
}
"""Point of the face → its place on the head: to its left, up, forward, in head radii."""
_MARGIN = 0.06


@dataclass(frozen=True)
class Lens:
    """A pinhole camera whose axis is tilted.

    Attributes:
        focal: pixels.
        centre: (2,) of the image, pixels.
        pitch: downward tilt, radians.
        roll: radians.
    """

    focal: float
    centre: tuple[float, float]
    pitch: float
    roll: float

    def project(self, points: Array) -> Array:
        """Return pixels (…, 2), x to the right and y down, of points (…, 3) in the sensor's axes (x to its left, y up)."""
        turned = self.turned(points)
        return np.stack(
            [
                self.centre[0] - self.focal * turned[..., 0] / turned[..., 2],
                self.centre[1] - self.focal * turned[..., 1] / turned[..., 2],
            ],
            axis=-1,
        )

    def turned(self, points: Array) -> Array:
        """Return points (…, 3) in the axes of the tilted camera."""
        cos, sin = np.cos(self.pitch), np.sin(self.pitch)
        pitch = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]])
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        roll = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        return points @ (roll @ pitch).T


def draw_lens(random: np.random.Generator, body: Array, size: tuple[int, int]) -> Lens:
    """Draw a camera that has the whole movement (T, V, 3) in its picture, with some room."""
    width, height = size
    pitch, roll = np.radians(random.uniform(-8, 8)), np.radians(random.normal(0, 1.5))
    points = np.concatenate([body.reshape(-1, 3), (body[:, KINECT_25.index["head"]] + [0, 1.5 * HEAD, 0])])
    unit = Lens(1.0, (0.0, 0.0), float(pitch), float(roll)).project(points)
    low, high = unit.min(axis=0), unit.max(axis=0)
    room = 1 - 2 * _MARGIN
    focal = float(min(room * width / (high[0] - low[0]), room * height / (high[1] - low[1]))) * float(random.uniform(0.8, 1.0))
    slack = np.array([width, height]) - focal * (high - low)
    corner = slack * random.uniform(0.35, 0.65, 2)
    centre = corner - focal * low
    return Lens(focal, (float(centre[0]), float(centre[1])), float(pitch), float(roll))


def head_axes(joints: Array) -> tuple[Array, Array]:
    """Return the head's centre (…, 3) and its axes (…, 3, 3): rows to its left, up and forward."""
    at = {name: joints[..., KINECT_25.index[name], :] for name in ("head", "neck", "left_shoulder", "right_shoulder")}
    up = _unit(at["head"] - at["neck"])
    left = at["left_shoulder"] - at["right_shoulder"]
    left = _unit(left - (left * up).sum(axis=-1, keepdims=True) * up)
    return at["head"], np.stack([left, up, np.cross(left, up)], axis=-2)


def coco(joints: Array) -> Array:
    """Return COCO's 17 points (…, 17, 3) of a Kinect body (…, 25, 3), in the same axes."""
    centre, axes = head_axes(joints)
    found = [
        centre + HEAD * (np.asarray(_FACE[name]) @ axes) if name in _FACE else joints[..., KINECT_25.index[name], :]
        for name in COCO_17.joints
    ]
    return np.stack(found, axis=-2)


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)
