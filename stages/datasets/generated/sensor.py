"""What a depth camera makes of a body: its place before the camera, noise that grows with distance, and lost joints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.skeletons.layouts import KINECT_25

NOISE: Mapping[str, float] = {
    "knee": 0.004,
    "ankle": 0.005,
    "foot": 0.009,
    "elbow": 0.003,
    "wrist": 0.004,
    "hand": 0.005,
    "hand_tip": 0.007,
    "thumb": 0.007,
}
"""Joint → standard deviation of its noise at :data:`REFERENCE`, metres; :data:`TRUNK_NOISE` for the others (as a Kinect v2 jitters)."""
TRUNK_NOISE = 0.002
REFERENCE = 2.2
"""Distance at which the noise is as stated, metres; it grows with the square of the distance."""
GAPS = 2.0
"""Mean number of gaps per clip; in each, one hand's or foot's outer joint is lost for 2 to 10 frames."""
_LOST = tuple(f"{side}_{name}" for side in ("left", "right") for name in ("wrist", "hand", "hand_tip", "thumb", "ankle", "foot"))
_RESOLUTION = 1e-5


@dataclass(frozen=True)
class View:
    """Where the camera is.

    Attributes:
        facing: turn of the person away from the camera, radians.
        distance: metres.
        aside: of the person from the camera's axis, metres.
        height: of the camera above the floor, metres.
    """

    facing: float
    distance: float
    aside: float
    height: float


def draw_view(random: np.random.Generator) -> View:
    """Draw the camera's place for one clip."""
    return View(
        facing=float(np.radians(random.uniform(-35, 35))),
        distance=float(random.uniform(1.9, 3.0)),
        aside=float(random.uniform(-0.35, 0.35)),
        height=float(random.uniform(0.8, 1.2)),
    )


def seen_from(body: Array, view: View) -> Array:
    """Turn positions (T, V, 3) in the body's axes into the camera's: x to its left, y up, z away from it, metres."""
    turn = np.pi + view.facing
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return body @ rotation.T + [view.aside, -view.height, view.distance]


def record(clean: Array, random: np.random.Generator) -> Array:
    """Return what the sensor writes: noise added, gaps NaN, rounded to a hundredth of a millimetre (so alike on every machine)."""
    frames, joints = clean.shape[:2]
    deviation = np.array([NOISE.get(name.removeprefix("left_").removeprefix("right_"), TRUNK_NOISE) for name in KINECT_25.joints])
    distance = np.linalg.norm(clean.mean(axis=(0, 1))[[0, 2]])
    noise = random.normal(0, 1, (frames, joints, 3)) * deviation[:, None] * (distance / REFERENCE) ** 2
    positions = np.round((clean + noise) / _RESOLUTION) * _RESOLUTION
    for _ in range(int(random.poisson(GAPS))):
        joint, start, length = random.integers(len(_LOST)), random.integers(frames), random.integers(2, 11)
        positions[start : start + length, KINECT_25.index[_LOST[joint]]] = np.nan
    return positions
