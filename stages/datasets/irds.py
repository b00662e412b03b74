"""IntelliRehabDS (IRDS): nine rehabilitation gestures of 15 patients and 14 healthy people, correct or not (Miron et al. 2021).

Layout: ``SkeletonData/RawData/SUBJECT_DATE_GESTURE_REPETITION_CORRECT_POSITION.txt``: a line ``Version0.1``, then per frame
``frame,body,milliseconds,(Joint,State,x,y,z,u,v),…`` for the 25 joints of Kinect v2 in metres.  Frames come with the sensor's own
clock; files with several bodies, repeated times or broken lines occur and are repaired, each repair noted in the clip.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.layouts import KINECT_25
from stages.skeletons.poses import PoseSequence, sequence

GESTURES: Mapping[str, str] = {
    "0": "elbow flexion left",
    "1": "elbow flexion right",
    "2": "shoulder flexion left",
    "3": "shoulder flexion right",
    "4": "shoulder abduction left",
    "5": "shoulder abduction right",
    "6": "shoulder forward elevation",
    "7": "side tap left",
    "8": "side tap right",
}
LABELS: Mapping[str, str] = {"1": "correct", "2": "incorrect", "3": "other"}
"""Code of correctness → label; the third code is neither."""
JOINTS = (
    *("SpineBase", "SpineMid", "Neck", "Head", "ShoulderLeft", "ElbowLeft", "WristLeft", "HandLeft"),
    *("ShoulderRight", "ElbowRight", "WristRight", "HandRight", "HipLeft", "KneeLeft", "AnkleLeft", "FootLeft"),
    *("HipRight", "KneeRight", "AnkleRight", "FootRight", "SpineShoulder", "HandTipLeft", "ThumbLeft", "HandTipRight", "ThumbRight"),
)
"""Kinect's names of the joints in the order of kinect-25."""
_STATES = {"Tracked": 1.0, "Inferred": 0.5, "NotTracked": 0.0}
_NAME = re.compile(r"(\d+)_(\d+)_(\d+)_(\d+)_(\d+)_([A-Za-z-]+)")
_JOINT = re.compile(r"\((\w+),(\w+),([^,()]+),([^,()]+),([^,()]+)[^()]*\)")


@dataclass(frozen=True)
class Recording:
    """The file of one repetition."""

    file: Path


def locate(root: Path) -> Path | None:
    """Return the folder of the raw skeleton files."""
    candidates = [
        home / inner for home in foreign.homes(root, ("IRDS", "IntelliRehabDS")) for inner in ("", "SkeletonData/RawData", "RawData")
    ]
    return next((folder for folder in candidates if any(_NAME.fullmatch(file.stem) for file in folder.glob("*_*_*_*_*_*.txt"))), None)


def scan(folder: Path) -> Scan:
    """List every repetition; the labels are in the file names."""
    rows: list[tuple[str, dict[str, Value]]] = []
    sources: dict[str, Recording] = {}
    problems: list[str] = []
    for file in sorted(folder.glob("*.txt")):
        match = _NAME.fullmatch(file.stem)
        if match is None or match[3] not in GESTURES or match[5] not in LABELS:
            problems.append(f"{file.name}: not a name of the form SUBJECT_DATE_GESTURE_REPETITION_CORRECT_POSITION with published codes")
            continue
        subject, date, gesture, repetition, correct, position = match.groups()
        values: dict[str, Value] = {
            "label": LABELS[correct],
            "subject": subject,
            "action": f"g{gesture}",
            "position": position.lower(),
            "session": date,
            "repetition": repetition,
        }
        rows.append((file.stem, values))
        sources[file.stem] = Recording(file)
    if not rows:
        raise ArtifactError(f"{folder} holds no repetitions.", hint=f"expected {ADAPTER.layout_help}")
    return Scan(manifest.from_rows(rows, "irds"), sources, problems)


def load_poses(recording: Recording) -> PoseSequence:
    """Read one repetition: (1, T, 25, 3) in metres, origin at the Kinect, times of the sensor's clock."""
    name, defects = recording.file.name, []
    frames = []
    lines = recording.file.read_text(encoding="utf-8", errors="replace").splitlines()
    broken = 0
    for line in lines:
        if line.strip() and not line.startswith("Version"):
            frame = _frame(line)
            if frame is None:
                broken += 1
            else:
                frames.append(frame)
    if not frames:
        raise ArtifactError(f"{name} holds no frame of 25 Kinect joints.", hint="the raw files of IntelliRehabDS are expected")
    if broken:
        defects.append(f"{broken} line(s) without 25 readable joints were dropped")
    bodies = Counter(body for body, _, _ in frames)
    if len(bodies) > 1:
        defects.append(f"{len(bodies)} bodies: the one with most frames is used")
    body = bodies.most_common(1)[0][0]
    kept = [(time, joints) for found, time, joints in frames if found == body]
    ordered = _increasing(kept)
    if len(ordered) < len(kept):
        defects.append(f"{len(kept) - len(ordered)} frame(s) whose time does not increase were dropped")
    joints = np.stack([joints for _, joints in ordered])
    times = np.array([time for time, _ in ordered], dtype=np.float64)
    return sequence(
        joints[:, :, :3],
        KINECT_25,
        confidence=joints[None, :, :, 3],
        timestamps=(times - times[0]) / 1000,
        units="m",
        origin="camera",
        clip={"file": name, **({"defects": defects} if defects else {})},
    )


def _frame(line: str) -> tuple[str, int, Array] | None:
    """Return (body, milliseconds, joints (25, 4) with the confidence last), or None where the line is broken."""
    head = line.split(",", 3)
    joints = {joint: (state, x, y, z) for joint, state, x, y, z in _JOINT.findall(line)}
    try:
        table = np.array([[float(cell) for cell in joints[name][1:]] + [_STATES[joints[name][0]]] for name in JOINTS])
        time = int(head[2])
    except (KeyError, ValueError, IndexError):
        return None
    table[table[:, 3] == 0, :3] = np.nan
    return head[1], time, table


def _increasing(frames: list[tuple[int, Array]]) -> list[tuple[int, Array]]:
    kept = frames[:1]
    for frame in frames[1:]:
        if frame[0] > kept[-1][0]:
            kept.append(frame)
    return kept


ADAPTER: Adapter = Adapter(
    name="irds",
    layout_help="SkeletonData/RawData/101_18_0_1_1_stand.txt",
    locate=locate,
    scan=scan,
    load_poses=load_poses,
    published={"subject": 29, "action": 9},
)
