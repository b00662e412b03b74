"""Is a downloaded data set usable?  Everything missing, duplicated, odd or unreadable in it, and its counts beside the published ones."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.datasets.manifest import Manifest
from stages.datasets.registry import Adapter, Scan
from stages.engine.progress import Progress
from stages.errors import ArtifactError
from stages.skeletons.poses import PoseSequence
from stages.video.frame import Source


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
    """Frames (segments, of features) of the shortest, median and longest recording; zeros where none could be read."""
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
    """Scan ``folder`` and look at every recording.

    Raises:
        ArtifactError: the folder holds nothing that the adapter knows.
    """
    scan = adapter.scan(folder)
    unreadable: list[str] = []
    odd: list[str] = []
    lengths: list[int] = []
    first_with: dict[str, str] = {}
    looks = [*_skeletons(adapter, scan), *_features(adapter, scan), *_videos(scan)]
    readable: set[str] = set()
    with progress.task(f"checking {adapter.name}", len(looks)) as task:
        for clip, look in looks:
            try:
                seen = look()
            except (ArtifactError, OSError) as error:
                unreadable.append(f"{clip}: {error.message if isinstance(error, ArtifactError) else error}")
            else:
                readable.add(clip)
                lengths.append(seen.length)
                odd += [f"{clip}: {oddity}" for oddity in seen.oddities]
                twin = first_with.setdefault(seen.digest, clip) if seen.digest else clip
                if twin != clip:
                    odd.append(f"{clip}: the same recording as {twin}")
            task.advance(1, clip)
    counts = _counts(scan.manifest, adapter, len(scan.recorded), len(readable))
    frames = (min(lengths), int(np.median(lengths)), max(lengths)) if lengths else (0, 0, 0)
    return Report(adapter.name, folder, counts, frames, tuple(scan.problems), tuple(unreadable), tuple(odd))


@dataclass(frozen=True)
class _Seen:
    """One recording that could be read: its frames or segments, what is odd in it, and a digest of its content where that is cheap."""

    length: int
    oddities: list[str]
    digest: str = ""


def _skeletons(adapter: Adapter, scan: Scan) -> Iterator[tuple[str, Callable[[], _Seen]]]:
    def look(load: Callable[[Any], PoseSequence], source: Any) -> _Seen:
        poses = load(source)
        return _Seen(poses.frames, oddities(poses), hashlib.sha256(poses.positions.tobytes()).hexdigest())

    if adapter.load_poses is not None:
        yield from ((clip, partial(look, adapter.load_poses, source)) for clip, source in scan.sources.items())


def _features(adapter: Adapter, scan: Scan) -> Iterator[tuple[str, Callable[[], _Seen]]]:
    def look(load: Callable[[Any], Array], source: Any) -> _Seen:
        array = load(source)
        missing = float(np.isnan(array).mean())
        return _Seen(int(array.shape[-2]), [f"{100 * missing:.1f} % of the features are missing"] if missing else [])

    if adapter.load_features is not None:
        for clips in scan.features.values():
            yield from ((clip, partial(look, adapter.load_features, source)) for clip, source in clips.items())


def _videos(scan: Scan) -> Iterator[tuple[str, Callable[[], _Seen]]]:
    """Look at what each video says of itself; decoding them all would take hours, and extraction names what is damaged."""
    from stages.video.reader import probe

    def look(source: Source) -> _Seen:
        return _Seen(probe(source).frames, [])

    yield from ((clip, partial(look, source)) for clip, source in scan.videos.items())


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
    for values, published in adapter.published.items():
        if "=" in values:
            wanted = [part.partition("=") for part in values.split()]
            matching = sum(all(row.text(column) == value for column, _, value in wanted) for row in manifest.rows)
            counts.append(Count(values, matching, published))
    if "score" in manifest.columns:
        counts.append(Count("scored", sum(not math.isnan(row.number("score")) for row in manifest.rows), adapter.published.get("scored")))
    return tuple(counts)
