"""Is a downloaded data set usable?  Everything missing, duplicated, odd or unreadable in it, and its counts beside the published ones."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.datasets.manifest import Manifest
from stages.datasets.registry import Adapter
from stages.engine.progress import Progress
from stages.errors import ArtifactError
from stages.skeletons.poses import PoseSequence


@dataclass(frozen=True)
class Count:
    """How many there are of something; ``published`` is None where the authors state no number."""

    what: str
    found: int
    published: int | None


@dataclass(frozen=True)
class Report:
    """What :func:`check` found."""

    name: str
    folder: Path
    counts: tuple[Count, ...]
    frames: tuple[int, int, int]
    """Shortest, median and longest recording; zeros where none could be read."""
    problems: tuple[str, ...]
    """What the scan of the folder found: missing files, labels, scores, names that cannot be read."""
    unreadable: tuple[str, ...]
    odd: tuple[str, ...]
    """Recordings that can be read but have defects."""

    @property
    def usable(self) -> bool:
        """Whether any recording can be read."""
        return self.frames[2] > 0

    @property
    def warnings(self) -> int:
        """How many things were found."""
        return len(self.problems) + len(self.unreadable) + len(self.odd)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {**asdict(self), "folder": str(self.folder), "usable": self.usable}


def check(adapter: Adapter, folder: Path, progress: Progress) -> Report:
    """Scan ``folder`` and load every recording.

    Raises:
        ArtifactError: the folder holds nothing that the adapter knows.
    """
    scan = adapter.scan(folder)
    unreadable: list[str] = []
    odd: list[str] = []
    lengths: list[int] = []
    first_with: dict[str, str] = {}
    with progress.task(f"checking {adapter.name}", len(scan.sources)) as task:
        for clip, source in scan.sources.items():
            try:
                poses = adapter.load_poses(source)
            except (ArtifactError, OSError) as error:
                unreadable.append(f"{clip}: {error.message if isinstance(error, ArtifactError) else error}")
            else:
                lengths.append(poses.frames)
                odd += [f"{clip}: {oddity}" for oddity in oddities(poses)]
                twin = first_with.setdefault(hashlib.sha256(poses.positions.tobytes()).hexdigest(), clip)
                if twin != clip:
                    odd.append(f"{clip}: the same recording as {twin}")
            task.advance(1, clip)
    counts = _counts(scan.manifest, adapter, len(scan.sources), len(lengths))
    frames = (min(lengths), int(np.median(lengths)), max(lengths)) if lengths else (0, 0, 0)
    return Report(adapter.name, folder, counts, frames, tuple(scan.problems), tuple(unreadable), tuple(odd))


def oddities(poses: PoseSequence) -> list[str]:
    """Return what is unusual in one recording: repairs that its reader made, a single frame, joints that were not seen."""
    found = [str(defect) for defect in poses.clip.get("defects", ())]
    if poses.frames == 1:
        found.append("a single frame")
    missing = float(np.isnan(poses.positions).any(axis=-1).mean())
    if missing > 0:
        found.append(f"{100 * missing:.1f} % of the joints are missing")
    return found


def _counts(manifest: Manifest, adapter: Adapter, recordings: int, readable: int) -> tuple[Count, ...]:
    counts = [
        Count("clips", len(manifest), adapter.published.get("clips")),
        Count("recordings", recordings, None),
        Count("readable", readable, None),
    ]
    labels = [column for column in ("subject", "action", "view", "label") if column in manifest.columns]
    counts += [Count(column, len({row.text(column) for row in manifest.rows}), adapter.published.get(column)) for column in labels]
    if "score" in manifest.columns:
        counts.append(Count("scored", sum(not math.isnan(row.number("score")) for row in manifest.rows), adapter.published.get("scored")))
    return tuple(counts)
