"""UTKinect-Action3D: ten actions of ten people, twice each, one Kinect v1 (Xia et al. 2012).

Layout: ``joints/joints_s01_e01.txt`` (one line per frame: its number and 20 joints × 3 in metres) and ``actionLabel.txt`` with the first
and last frame number of each action.  A clip is one labelled action.  Frames are numbered at 30 per second but only those with a
skeleton were kept, so numbers have gaps; some occur twice, once per tracked body.  One label is NaN.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import PoseSequence, sequence

FPS = 30.0
ACTIONS = ("walk", "sitDown", "standUp", "pickUp", "carry", "throw", "push", "pull", "waveHands", "clapHands")
LABELS = "actionLabel.txt"
_HOMES = ("UTKinect", "UTKinect-Action3D")
_SEQUENCE = re.compile(r"s\d\d_e\d\d")
_COLUMNS = 1 + 20 * 3


@dataclass(frozen=True)
class Recording:
    """One labelled action: its file, first and last frame number."""

    file: Path
    start: int
    end: int


def locate(root: Path) -> Path | None:
    """Return the folder that holds ``actionLabel.txt``."""
    return next((home for home in foreign.homes(root, _HOMES) if (home / LABELS).is_file()), None)


def scan(folder: Path) -> Scan:
    """List every labelled action; labels without frame numbers and actions without a file are problems."""
    rows: list[tuple[str, dict[str, Value]]] = []
    sources: dict[str, Recording] = {}
    problems: list[str] = []
    spans: dict[str, dict[str, tuple[int, int]]] = {}
    for name, action, start, end in _labels(folder / LABELS, problems):
        clip, spans_here = f"{name}_{action}", spans.setdefault(name, {})
        rows.append((clip, {"action": action, "subject": name[:3], "episode": name[4:]}))
        file = next((path for path in (folder / f"joints_{name}.txt", folder / "joints" / f"joints_{name}.txt") if path.is_file()), None)
        if file is None:
            problems.append(f"{clip}: no joints_{name}.txt")
        elif start is None or end is None or end < start:
            problems.append(f"{clip}: {LABELS} gives no first and last frame")
        else:
            problems += [f"{clip}: contains the frames of {other}" for other, (a, b) in spans_here.items() if start <= a and b <= end]
            problems += [f"{clip}: lies within the frames of {other}" for other, (a, b) in spans_here.items() if a < start and end < b]
            spans_here[action] = (start, end)
            sources[clip] = Recording(file, start, end)
    if not rows:
        raise ArtifactError(f"{folder / LABELS} names no actions.", hint=f"expected {ADAPTER.layout_help}")
    return Scan(manifest.from_rows(rows, "utkinect"), sources, problems)


def load_poses(recording: Recording) -> PoseSequence:
    """Read one action: (1, T, 20, 3) in metres, origin at the Kinect; times follow the frame numbers."""
    numbers, joints = _read(recording.file)
    inside = (numbers >= recording.start) & (numbers <= recording.end)
    if not inside.any():
        raise ArtifactError(f"{recording.file.name} has no frame from {recording.start} to {recording.end}.")
    numbers, joints = numbers[inside], joints[inside]
    kept = _one_body(numbers, joints)
    clip: dict[str, object] = {"file": recording.file.name, "first_frame": recording.start, "last_frame": recording.end}
    if len(kept) < len(numbers):
        clip["defects"] = [f"{len(numbers) - len(kept)} frame number(s) occur twice: the body nearer to the frame before is used"]
    times = (numbers[kept] - numbers[kept[0]]) / FPS
    return sequence(joints[kept], KINECT_20, timestamps=times, units="m", origin="camera", clip=clip)


def _one_body(numbers: Array, joints: Array) -> list[int]:
    """Return the rows to keep, one per frame number: of several, the one nearest to the row kept before."""
    kept = [0]
    for number in np.unique(numbers[numbers > numbers[0]]):
        rows = np.flatnonzero(numbers == number)
        kept.append(int(rows[np.argmin(np.linalg.norm(joints[rows] - joints[kept[-1]], axis=-1).mean(axis=-1))]))
    return kept


def _read(file: Path) -> tuple[Array, Array]:
    """Return the frames' numbers (T,) and joints (T, 20, 3)."""
    table = foreign.number_table(file, _COLUMNS, "frame, 20 joints × 3")
    return table[:, 0], table[:, 1:].reshape(len(table), 20, 3)


def _labels(file: Path, problems: list[str]) -> list[tuple[str, str, int | None, int | None]]:
    """Return (sequence, action, first, last frame) of every label; None where the file says NaN."""
    found, name = [], ""
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        text = line.strip()
        if _SEQUENCE.fullmatch(text):
            name = text
        elif text:
            action, _, span = text.partition(":")
            cells = span.split()
            if not name or action not in ACTIONS or len(cells) != 2:
                problems.append(f"{file.name}, line {number}: not a sequence nor an action with two frame numbers: '{text}'")
                continue
            first, last = (int(cell) if cell.isdigit() else None for cell in cells)
            found.append((name, action, first, last))
    return found


ADAPTER: Adapter = Adapter(
    name="utkinect",
    layout_help="actionLabel.txt beside joints/joints_s01_e01.txt",
    locate=locate,
    scan=scan,
    load_poses=load_poses,
    published={"clips": 200, "subject": 10, "action": 10},
)
