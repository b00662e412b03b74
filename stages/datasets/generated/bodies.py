"""Bodies: limb lengths, stance and where each joint lies for given joint angles (forward kinematics, planted feet).

The body's own axes are x to its left, y up, z forward, in metres, with the floor at y = 0 midway between the ankles.  Trunk and
arms follow joint angles; each leg is a closed chain between the moving hip and an ankle that never leaves its place, so its knee
is where thigh and shank meet, in front of the line from hip to ankle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.skeletons.layouts import KINECT_25

SIDES: Mapping[str, int] = {"left": 1, "right": -1}
"""Side → sign of x."""
LENGTHS: Mapping[str, float] = {
    "hip": 0.055,
    "thigh": 0.235,
    "shank": 0.24,
    "heel": 0.045,
    "foot": 0.075,
    "lower_back": 0.155,
    "upper_back": 0.125,
    "neck": 0.045,
    "head": 0.085,
    "shoulder": 0.105,
    "upper_arm": 0.155,
    "forearm": 0.145,
    "hand": 0.05,
    "fingers": 0.045,
    "thumb": 0.04,
}
"""Mean lengths as shares of stature, as a Kinect v2 places its joints: hip and shoulder from the spine, heel from floor to ankle."""
STRAIGHT = 0.988
"""Distance from hip to ankle of a standing person, as a share of the leg: knees are never locked."""
_HIP_BELOW, _SHOULDER_BELOW, _FOOT_HEIGHT = 0.02, 0.012, 0.02


@dataclass(frozen=True)
class Body:
    """One person's measures.

    Attributes:
        lengths: of the limbs in :data:`LENGTHS`, metres; both sides are alike.
        stature: metres.
        stance: distance of each ankle from the middle, metres.
        toe_out: angle of the feet outwards, radians.
    """

    lengths: Mapping[str, float]
    stature: float
    stance: float
    toe_out: float

    @property
    def leg(self) -> float:
        """Thigh and shank together, metres."""
        return self.lengths["thigh"] + self.lengths["shank"]

    @property
    def pelvis_height(self) -> float:
        """Height of the pelvis when standing, metres."""
        aside = self.stance - self.lengths["hip"]
        return self.lengths["heel"] + float(np.sqrt((STRAIGHT * self.leg) ** 2 - aside**2)) + _HIP_BELOW * self.stature


@dataclass(frozen=True)
class Posture:
    """The joint angles over T frames: radians, each (T,), unless said otherwise.

    Attributes:
        drop: of the pelvis below standing height, metres.
        back: of the pelvis behind the ankles, metres.
        shift: of the pelvis to the left, metres.
        tilt: of the pelvis, left hip up.
        lean: of the trunk, forward.
        bend: of the trunk, to the left.
        twist: of the trunk, to the left.
        raise_: side → flexion of the shoulder; 0 hangs, π/2 points forward.
        spread: side → abduction of the shoulder.
        elbow: side → flexion of the elbow; 0 is straight.
    """

    drop: Array
    back: Array
    shift: Array
    tilt: Array
    lean: Array
    bend: Array
    twist: Array
    raise_: Mapping[str, Array]
    spread: Mapping[str, Array]
    elbow: Mapping[str, Array]


def draw_body(random: np.random.Generator) -> Body:
    """Draw one person's measures: stature 1.50 to 1.95 m, every limb ± 4 % (one standard deviation) of what goes with it."""
    stature = float(np.clip(random.normal(1.70, 0.09), 1.50, 1.95))
    spread = np.clip(random.normal(0, 0.04, len(LENGTHS)), -0.1, 0.1)
    lengths = {name: share * stature * (1 + float(change)) for (name, share), change in zip(LENGTHS.items(), spread, strict=True)}
    stance = lengths["hip"] + float(random.uniform(0.01, 0.06)) * stature
    return Body(lengths, stature, stance, float(random.uniform(np.radians(5), np.radians(25))))


def joints(body: Body, posture: Posture) -> Array:
    """Return the positions (T, 25, 3) of the Kinect v2 joints in the body's own axes, metres."""
    lengths = body.lengths
    pelvis = np.stack([posture.shift, body.pelvis_height - posture.drop, -posture.back], axis=-1)
    trunk = _turn("y", posture.twist) @ _turn("x", posture.lean) @ _turn("z", -posture.bend)
    above = _turn("y", posture.twist) @ _turn("x", 0.4 * posture.lean) @ _turn("z", -0.5 * posture.bend)
    spine = pelvis + lengths["lower_back"] * _along(_turn("y", 0.5 * posture.twist) @ _turn("x", 0.8 * posture.lean), (0, 1, 0))
    spine_shoulder = spine + lengths["upper_back"] * _along(trunk, (0, 1, 0))
    neck = spine_shoulder + lengths["neck"] * _along(above, (0, 1, 0))
    found = {
        "pelvis": pelvis,
        "spine": spine,
        "spine_shoulder": spine_shoulder,
        "neck": neck,
        "head": neck + lengths["head"] * _along(above, (0, 0.98, 0.2)),
    }
    for side, sign in SIDES.items():
        shoulder = spine_shoulder + _along(trunk, (sign * lengths["shoulder"], -_SHOULDER_BELOW * body.stature, 0))
        found |= _arm(body, posture, side, shoulder)
        hip = pelvis + _along(_turn("z", posture.tilt), (sign * lengths["hip"], -_HIP_BELOW * body.stature, 0))
        found |= _leg(body, side, hip)
    return np.stack([found[name] for name in KINECT_25.joints], axis=1)


def _arm(body: Body, posture: Posture, side: str, shoulder: Array) -> dict[str, Array]:
    sign, lengths = SIDES[side], body.lengths
    turn = _turn("y", posture.twist)
    upper = _arm_direction(turn, posture.raise_[side], sign * posture.spread[side])
    lower = _arm_direction(turn, posture.raise_[side] + posture.elbow[side], 0.5 * sign * posture.spread[side])
    elbow = shoulder + lengths["upper_arm"] * upper
    wrist = elbow + lengths["forearm"] * lower
    hand = wrist + lengths["hand"] * lower
    inward = 0.75 * lower + 0.66 * _along(turn, (-sign, 0, 0))
    thumb = hand + lengths["thumb"] * inward / np.linalg.norm(inward, axis=-1, keepdims=True)
    named = {"shoulder": shoulder, "elbow": elbow, "wrist": wrist, "hand": hand, "hand_tip": hand + lengths["fingers"] * lower}
    return {f"{side}_{name}": place for name, place in {**named, "thumb": thumb}.items()}


def _leg(body: Body, side: str, hip: Array) -> dict[str, Array]:
    sign, lengths = SIDES[side], body.lengths
    toes = np.array([sign * np.sin(body.toe_out), 0.0, np.cos(body.toe_out)])
    ankle = np.broadcast_to([sign * body.stance, lengths["heel"], 0.0], hip.shape)
    fall = lengths["heel"] - _FOOT_HEIGHT
    foot = ankle + np.sqrt(lengths["foot"] ** 2 - fall**2) * toes - [0, fall, 0]
    return {
        f"{side}_hip": hip,
        f"{side}_knee": _knee(hip, ankle, lengths["thigh"], lengths["shank"], toes),
        f"{side}_ankle": ankle,
        f"{side}_foot": foot,
    }


def _knee(hip: Array, ankle: Array, thigh: float, shank: float, forward: Array) -> Array:
    """Return where thigh and shank meet, on the side of ``forward``; (T, 3)."""
    line = ankle - hip
    reach = np.linalg.norm(line, axis=-1, keepdims=True)
    line = line / reach
    out = forward - (line * forward).sum(axis=-1, keepdims=True) * line
    out = out / np.linalg.norm(out, axis=-1, keepdims=True)
    down = (thigh**2 - shank**2 + reach**2) / (2 * reach)
    return hip + down * line + np.sqrt(np.maximum(thigh**2 - down**2, 0)) * out


def _arm_direction(turn: Array, flexion: Array, abduction: Array) -> Array:
    cos = np.cos(abduction)
    direction = np.stack([np.sin(abduction), -cos * np.cos(flexion), cos * np.sin(flexion)], axis=-1)
    return np.einsum("tij,tj->ti", turn, direction)


def _along(turn: Array, vector: tuple[float, float, float]) -> Array:
    """Return the fixed ``vector`` turned by (T, 3, 3)."""
    return turn @ np.asarray(vector, dtype=float)


def _turn(axis: str, angle: Array) -> Array:
    """Return right-handed rotations (T, 3, 3) about one axis."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.tile(np.eye(3), (len(angle), 1, 1))
    matrix[:, first, first] = matrix[:, second, second] = np.cos(angle)
    matrix[:, second, first] = np.sin(angle)
    matrix[:, first, second] = -np.sin(angle)
    return matrix
