"""UI-PRMD: ten physical rehabilitation movements of ten healthy people, done correctly and incorrectly (Vakanski et al. 2018).

Layout: ``[Incorrect ]Segmented Movements/Kinect/{Positions,Angles}/m01_s01_e01_{positions,angles}[_inc].txt``, one line of 66 numbers
(22 joints × 3) per frame, 30 fps.  A position is the offset from the parent joint in the parent's own frame (centimetres; the first
joint is global), an angle triple turns the bones that leave a joint (degrees about x, y, z), so global joints need both files.

The order of the rotations is not documented.  R = Rz·Rx·Ry is read here because it alone of the six keeps the feet on the floor during
the deep squats (their spread over a clip is 2 cm in x and z against 10 to 25 cm); the data set's viewer, as it is passed on in
public code, composes Rz·Ry·Rx and is known for unnatural legs.  Offsets without angles are a T-pose that sinks into the floor: such
clips are not read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.layouts import UI_PRMD_22
from stages.skeletons.poses import PoseSequence, sequence

FPS = 30.0
FOLDERS: Mapping[str, str] = {"correct": "Segmented Movements", "incorrect": "Incorrect Segmented Movements"}
"""Label → the folder of its episodes."""
MOVEMENTS: Mapping[str, str] = {
    "m01": "deep squat",
    "m02": "hurdle step",
    "m03": "inline lunge",
    "m04": "side lunge",
    "m05": "sit to stand",
    "m06": "standing active straight leg raise",
    "m07": "standing shoulder abduction",
    "m08": "standing shoulder extension",
    "m09": "standing shoulder internal-external rotation",
    "m10": "standing shoulder scaption",
}
_NAME = re.compile(r"(m\d\d)_(s\d\d)_(e\d\d)_positions(_inc)?")
_JOINTS, _METRES = len(UI_PRMD_22.joints), 0.01


@dataclass(frozen=True)
class Recording:
    """The two files of one episode."""

    file: Path
    angles: Path


def locate(root: Path) -> Path | None:
    """Return the folder that holds ``Segmented Movements`` or ``Incorrect Segmented Movements``."""
    return next((home for home in foreign.homes(root, ["UI-PRMD"]) if any(_positions(home, label).is_dir() for label in FOLDERS)), None)


def scan(folder: Path) -> Scan:
    """List every episode; those without angles get a row but no source."""
    rows: list[tuple[str, dict[str, Value]]] = []
    sources: dict[str, Recording] = {}
    problems: list[str] = []
    without: dict[str, list[str]] = defaultdict(list)
    for label in FOLDERS:
        positions = _positions(folder, label)
        for file in sorted(positions.glob("*.txt")):
            match = _NAME.fullmatch(file.stem)
            if match is None or match[1] not in MOVEMENTS:
                problems.append(f"{FOLDERS[label]}/{file.name}: not a name of the form mMM_sSS_eEE_positions with a published movement")
                continue
            action, subject, episode, _ = match.groups()
            clip = f"{label}/{action}_{subject}_{episode}"
            rows.append((clip, {"label": label, "subject": subject, "action": action, "episode": episode}))
            angles = positions.parent / "Angles" / file.name.replace("_positions", "_angles")
            if angles.is_file():
                sources[clip] = Recording(file, angles)
            else:
                without[f"{label}/{action}_{subject}"].append(episode)
    for group, episodes in without.items():
        problems.append(f"{group}: no Angles file for {', '.join(episodes)}; the offsets in Positions are no skeleton without it")
    if not rows:
        raise ArtifactError(f"{folder} holds no episodes.", hint=f"expected {ADAPTER.layout_help}")
    return Scan(manifest.from_rows(rows, "ui-prmd"), sources, problems)


def load_poses(recording: Recording) -> PoseSequence:
    """Read one episode: (1, T, 22, 3) in metres, x to the person's left, y up, z towards the Kinect at the origin."""
    offsets, angles = _read(recording.file), _read(recording.angles)
    frames = min(len(offsets), len(angles))
    clip: dict[str, object] = {"file": recording.file.name, "kinematics": "offsets and angles, R = Rz Rx Ry"}
    if len(offsets) != len(angles):
        clip["defects"] = [f"{len(offsets)} frames of positions but {len(angles)} of angles: the first {frames} are used"]
    positions = global_positions(offsets[:frames], angles[:frames]) * _METRES
    return sequence(positions, UI_PRMD_22, fps=FPS, units="m", origin="camera", clip=clip)


def global_positions(offsets: Array, angles: Array) -> Array:
    """Return global joints by forward kinematics.

    Args:
        offsets: (T, V, 3), each joint in the frame of its parent; the root in the camera's.
        angles: (T, V, 3) degrees about x, y and z, turning what hangs from the joint; R = Rz·Rx·Ry.

    Returns:
        (T, V, 3) in the units of ``offsets``.
    """
    own = _rotations(np.deg2rad(angles))
    turned, positions = own.copy(), offsets.copy()
    for joint, name in enumerate(UI_PRMD_22.parents.values()):
        if name is not None:  # the table lists parents before their children
            parent = UI_PRMD_22.index[name]
            positions[:, joint] = positions[:, parent] + np.einsum("tij,tj->ti", turned[:, parent], offsets[:, joint])
            turned[:, joint] = turned[:, parent] @ own[:, joint]
    return positions


def _rotations(angles: Array) -> Array:
    """Return Rz·Rx·Ry for angles (..., 3) in radians: (..., 3, 3)."""
    (cx, cy, cz), (sx, sy, sz) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    rows = [
        [cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy],
        [sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy],
        [-cx * sy, sx, cx * cy],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _read(file: Path) -> Array:
    """Return a file's triples, (T, V, 3)."""
    return foreign.number_table(file, _JOINTS * 3, f"{_JOINTS} joints × 3", ",").reshape(-1, _JOINTS, 3)


def _positions(folder: Path, label: str) -> Path:
    return folder / FOLDERS[label] / "Kinect" / "Positions"


ADAPTER: Adapter = Adapter(
    name="ui-prmd",
    layout_help="Segmented Movements/Kinect/{Positions,Angles}/m01_s01_e01_{positions,angles}.txt and the same under Incorrect …",
    locate=locate,
    scan=scan,
    load_poses=load_poses,
    published={"clips": 2000, "subject": 10, "action": 10},
)
