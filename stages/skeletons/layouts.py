"""Joint layouts: which joint is where in an array, how joints connect, and which mirror each other.

Joints that mean the same place carry the same name in every layout, so that conversion can go by name.  ``left`` and
``right`` are the person's own sides, as COCO and OpenPose have them and as Kinect names them for a person facing the sensor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from stages.errors import unknown_name

Edge = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """One numbering of V joints.

    ``parents`` names each joint's neighbour on the way to the root (the root has none); ``centre`` and ``trunk`` hold names of
    joints: the mean of ``centre`` is the body's centre, the distance between the means of the two ``trunk`` ends its size.
    """

    name: str
    summary: str
    parents: Mapping[str, str | None]
    centre: tuple[str, ...]
    trunk: tuple[tuple[str, ...], tuple[str, ...]]
    also: Mapping[str, str] = field(default_factory=dict)
    """Other tools' names of a joint → the name used here."""

    @cached_property
    def joints(self) -> tuple[str, ...]:
        """The V joint names in array order."""
        return tuple(self.parents)

    @cached_property
    def index(self) -> dict[str, int]:
        """Joint name → position in the array."""
        return {name: number for number, name in enumerate(self.joints)}

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """(child, parent) pairs, pointing inward to the root."""
        return tuple((self.index[child], self.index[parent]) for child, parent in self.parents.items() if parent is not None)

    @cached_property
    def mirrored(self) -> tuple[int, ...]:
        """For each joint, the joint that takes its place when left and right are swapped."""
        return tuple(self.index[_other_side(name)] for name in self.joints)

    @cached_property
    def symmetric_pairs(self) -> tuple[Edge, ...]:
        """(left, right) joint pairs."""
        return tuple((i, j) for i, j in enumerate(self.mirrored) if self.joints[i].startswith("left_") and i != j)

    @cached_property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """The joints of the five body parts: trunk (with the head), left and right arm, left and right leg."""
        found: dict[str, list[int]] = {part: [] for part in ("trunk", "left_arm", "right_arm", "left_leg", "right_leg")}
        for name, number in self.index.items():
            found[_part_of(name)].append(number)
        return {part: tuple(numbers) for part, numbers in found.items()}

    def numbers(self, names: tuple[str, ...]) -> list[int]:
        """Return the array positions of ``names``."""
        return [self.index[name] for name in names]

    def joint(self, name: str) -> str | None:
        """Return this layout's name of the joint that another tool calls ``name``, or None where it has no such joint."""
        canonical = canonical_name(name)
        glued = f"{_SIDES.get(canonical[:1], '')}_{canonical[1:]}"  # "lhip" is "left_hip"
        for candidate in (canonical, glued):
            known = self.also.get(candidate, candidate)
            if known in self.index:
                return known
        return None


def canonical_name(name: str) -> str:
    """Return ``name`` in this toolkit's spelling: ``LShoulder``, ``shoulder left`` and ``Shoulder.L`` become ``left_shoulder``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    words = [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]
    side = next((word for word in words if word in _SIDES), "")
    if side:
        words.remove(side)
        words.insert(0, _SIDES[side])
    return "_".join(words)


_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}

_ARM, _LEG = ("shoulder", "elbow", "wrist", "hand", "thumb", "pinky", "index", "collar"), ("hip", "knee", "ankle", "foot", "toe", "heel")


def _other_side(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name.removeprefix("left_")
    return "left_" + name.removeprefix("right_") if name.startswith("right_") else name


def _part_of(name: str) -> str:
    side, _, rest = name.partition("_")
    if side in ("left", "right"):
        if rest.startswith(_ARM):
            return f"{side}_arm"
        if rest.startswith(_LEG) or "toe" in rest:
            return f"{side}_leg"
    return "trunk"


def _limb(side: str, chain: tuple[str, ...], root: str) -> dict[str, str | None]:
    parents: dict[str, str | None] = {}
    for name in chain:
        parents[f"{side}_{name}"] = root
        root = f"{side}_{name}"
    return parents


_KINECT_LIMBS: dict[str, str | None] = {
    **_limb("left", ("shoulder", "elbow", "wrist", "hand"), "spine_shoulder"),
    **_limb("right", ("shoulder", "elbow", "wrist", "hand"), "spine_shoulder"),
    **_limb("left", ("hip", "knee", "ankle", "foot"), "pelvis"),
    **_limb("right", ("hip", "knee", "ankle", "foot"), "pelvis"),
}
_KINECT_TRUNK = (("pelvis",), ("spine_shoulder",))
_PELVIS = dict.fromkeys(("hip", "hips", "mid_hip", "c_hip", "hip_center", "spine_base", "root", "waist"), "pelvis")
_SPINE = {"spine_mid": "spine", "torso": "spine", "shoulder_center": "spine_shoulder", "mid_shoulder": "spine_shoulder"}
_HIPS, _SHOULDERS = ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")
_FACE: dict[str, str | None] = {"right_eye": "nose", "left_eye": "nose", "right_ear": "right_eye", "left_ear": "left_eye"}
_OPENPOSE_ARMS: dict[str, str | None] = {
    **_limb("right", ("shoulder", "elbow", "wrist"), "neck"),
    **_limb("left", ("shoulder", "elbow", "wrist"), "neck"),
}

KINECT_20 = Layout(
    "kinect-20",
    "Kinect v1 (NW-UCLA, UTKinect, MSR)",
    {"pelvis": "spine", "spine": "spine_shoulder", "spine_shoulder": None, "head": "spine_shoulder", **_KINECT_LIMBS},
    ("spine",),
    _KINECT_TRUNK,
    {**_PELVIS, **_SPINE},
)
KINECT_25 = Layout(
    "kinect-25",
    "Kinect v2 (NTU RGB+D, KIMORE, IRDS)",
    {
        "pelvis": "spine",
        "spine": "spine_shoulder",
        "neck": "spine_shoulder",
        "head": "neck",
        **_KINECT_LIMBS,
        "spine_shoulder": None,
        "left_hand_tip": "left_thumb",
        "left_thumb": "left_hand",
        "right_hand_tip": "right_thumb",
        "right_thumb": "right_hand",
    },
    ("spine",),
    _KINECT_TRUNK,
    {**_PELVIS, **_SPINE, "left_tip": "left_hand_tip", "right_tip": "right_hand_tip"},
)
COCO_17 = Layout(
    "coco-17",
    "COCO keypoints (mmpose, most 2-D estimators)",
    {
        "nose": None,
        "left_eye": "nose",
        "right_eye": "nose",
        "left_ear": "left_eye",
        "right_ear": "right_eye",
        "left_shoulder": "nose",
        "right_shoulder": "nose",
        "left_elbow": "left_shoulder",
        "right_elbow": "right_shoulder",
        "left_wrist": "left_elbow",
        "right_wrist": "right_elbow",
        "left_hip": "left_shoulder",
        "right_hip": "right_shoulder",
        "left_knee": "left_hip",
        "right_knee": "right_hip",
        "left_ankle": "left_knee",
        "right_ankle": "right_knee",
    },
    (*_HIPS, *_SHOULDERS),  # COCO has no joint in the body's middle
    (_HIPS, _SHOULDERS),
)
OPENPOSE_18 = Layout(
    "openpose-18",
    "OpenPose's COCO model",
    {
        "nose": "neck",
        "neck": None,
        **_OPENPOSE_ARMS,
        **_limb("right", ("hip", "knee", "ankle"), "neck"),
        **_limb("left", ("hip", "knee", "ankle"), "neck"),
        **_FACE,
    },
    (*_HIPS, "neck"),
    (_HIPS, ("neck",)),
)
OPENPOSE_25 = Layout(
    "openpose-25",
    "OpenPose's BODY_25 model",
    {
        "nose": "neck",
        "neck": "pelvis",
        **_OPENPOSE_ARMS,
        "pelvis": None,
        **_limb("right", ("hip", "knee", "ankle"), "pelvis"),
        **_limb("left", ("hip", "knee", "ankle"), "pelvis"),
        **_FACE,
        **_limb("left", ("big_toe", "small_toe"), "left_ankle"),
        "left_heel": "left_ankle",
        **_limb("right", ("big_toe", "small_toe"), "right_ankle"),
        "right_heel": "right_ankle",
    },
    ("pelvis",),
    (("pelvis",), ("neck",)),
    _PELVIS,
)
UI_PRMD_22 = Layout(
    "ui-prmd-22",
    "UI-PRMD's Kinect skeleton",
    {
        "pelvis": None,
        "spine": "pelvis",
        "spine_shoulder": "spine",
        "neck": "spine_shoulder",
        "head": "neck",
        "head_tip": "head",
        # The published names are those of the segments that begin at a joint: its "foot" is the ankle, its "hand" the wrist.
        **_limb("left", ("collar", "shoulder", "elbow", "wrist"), "spine_shoulder"),
        **_limb("right", ("collar", "shoulder", "elbow", "wrist"), "spine_shoulder"),
        **_limb("left", ("hip", "knee", "ankle", "foot"), "pelvis"),
        **_limb("right", ("hip", "knee", "ankle", "foot"), "pelvis"),
    },
    ("spine",),
    _KINECT_TRUNK,
    {**_PELVIS, **_SPINE, "chest": "spine_shoulder"},
)
OPENNI_15 = Layout(
    "openni-15",
    "OpenNI / NiTE (UWA3D)",
    {
        "head": "spine_shoulder",
        "spine_shoulder": None,  # called "neck" there, and lies between the shoulders
        "spine": "spine_shoulder",
        **_limb("left", ("shoulder", "elbow", "hand"), "spine_shoulder"),
        **_limb("right", ("shoulder", "elbow", "hand"), "spine_shoulder"),
        **_limb("left", ("hip", "knee", "foot"), "spine"),
        **_limb("right", ("hip", "knee", "foot"), "spine"),
    },
    ("spine",),
    (_HIPS, ("spine_shoulder",)),
    {**_SPINE, "neck": "spine_shoulder"},
)
MEDIAPIPE_33 = Layout(
    "mediapipe-33",
    "MediaPipe / BlazePose landmarks",
    {
        "nose": None,
        **_limb("left", ("eye_inner", "eye", "eye_outer"), "nose"),
        **_limb("right", ("eye_inner", "eye", "eye_outer"), "nose"),
        "left_ear": "left_eye_outer",
        "right_ear": "right_eye_outer",
        "left_mouth": "nose",
        "right_mouth": "nose",
        "left_shoulder": "nose",
        "right_shoulder": "nose",
        "left_elbow": "left_shoulder",
        "right_elbow": "right_shoulder",
        "left_wrist": "left_elbow",
        "right_wrist": "right_elbow",
        "left_pinky": "left_wrist",
        "right_pinky": "right_wrist",
        "left_index": "left_wrist",
        "right_index": "right_wrist",
        "left_thumb": "left_wrist",
        "right_thumb": "right_wrist",
        "left_hip": "left_shoulder",
        "right_hip": "right_shoulder",
        "left_knee": "left_hip",
        "right_knee": "right_hip",
        "left_ankle": "left_knee",
        "right_ankle": "right_knee",
        "left_heel": "left_ankle",
        "right_heel": "right_ankle",
        "left_foot_index": "left_heel",
        "right_foot_index": "right_heel",
    },
    (*_HIPS, *_SHOULDERS),
    (_HIPS, _SHOULDERS),
)

LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout for layout in (COCO_17, OPENPOSE_18, OPENPOSE_25, KINECT_20, KINECT_25, UI_PRMD_22, OPENNI_15, MEDIAPIPE_33)
}


def layout_named(name: str) -> Layout:
    """Return the layout called ``name``; an unknown name is a usage error that names the nearest."""
    if name not in LAYOUTS:
        raise unknown_name("skeleton", name, LAYOUTS)
    return LAYOUTS[name]


def name_of_joints(joints: Sequence[str]) -> str:
    """Return the name of the layout with these joints in this order; empty where there is none."""
    return next((name for name, layout in LAYOUTS.items() if layout.joints == tuple(joints)), "")
