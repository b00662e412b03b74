"""Any folder of clips with a manifest: videos, pose files or files of features, and a CSV that says what is known of each.

Layout: ``manifest.csv``, or the only CSV file there, beside the clips; ``docs/manifest.md`` explains its columns.  Row ``anna/squat-1`` has
its recording in ``anna/squat-1.mp4`` (or whatever the column ``video`` names, from ``start`` to ``end``), in a folder of frames
``anna/squat-1``, in a pose file of one clip (``anna/squat-1.trc`` …) or in features ``anna/squat-1.npy``; all that are there are taken.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stages.datasets import foreign
from stages.datasets import manifest as manifests
from stages.datasets.foreign import FeatureFile
from stages.datasets.manifest import Manifest
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.importers.common import Reading
from stages.skeletons.importers.detect import detect
from stages.skeletons.importers.registry import FORMATS, reader_of
from stages.skeletons.poses import PoseSequence
from stages.video import source as videos
from stages.video.source import Found

MANIFEST = "manifest.csv"
FEATURES = "features"
"""The name of the set of features beside the videos."""
_FEATURES = (".npy", ".npz")
_FRAMEWISE = "openpose"


@dataclass(frozen=True)
class PoseFile:
    """A pose file of one clip and its format."""

    file: Path
    format: str


def locate(root: Path) -> Path | None:
    """Return the root where it holds a manifest."""
    return root if _manifest(root) is not None else None


def scan(folder: Path) -> Scan:
    """Read the manifest and find what each row names; rows without a recording and recordings without a row are problems.

    Raises:
        ArtifactError: there is no manifest, or a list of everything that is wrong with it.
    """
    file = _manifest(folder)
    if file is None:
        raise ArtifactError(f"{folder} holds no manifest.", hint=f"expected {ADAPTER.layout_help}")
    rows = manifests.read(file)
    problems: list[str] = []
    unreadable: dict[str, str] = {}
    poses: dict[str, PoseFile] = {}
    features: dict[str, FeatureFile] = {}
    for clip in rows.clips:
        if (recording := _pose_file(folder, clip, file, unreadable)) is not None:
            poses[clip] = recording
        if (array := next((path for path in _beside(folder, clip, _FEATURES) if not _is_pose_archive(path)), None)) is not None:
            features[clip] = FeatureFile(array)
    found = _videos(folder, rows, file)
    for clip in rows.clips:
        reason = found.missing.get(clip, "")
        if "several" in reason:
            problems.append(f"{clip}: {reason}")
        elif clip in unreadable:
            problems.append(f"{clip}: {unreadable[clip]}")
        elif clip not in poses and clip not in features and clip not in found.sources:
            problems.append(f"{clip}: no video, pose file or features of that name in {folder}")
    problems += _unnamed(folder, found, file)
    sets = {FEATURES: features} if features else {}
    return Scan(Manifest(rows.rows, "folder"), poses, problems, found.sources, sets)


def load_poses(recording: PoseFile) -> PoseSequence:
    """Read the one clip of a pose file."""
    clips = list(reader_of(recording.format)((recording.file,), Reading()))
    if len(clips) != 1:
        raise ArtifactError(
            f"{recording.file.name} holds {len(clips)} clips, expected one.", hint=f"aqa import-poses {recording.file.name} reads them all"
        )
    return clips[0].load()


def _manifest(root: Path) -> Path | None:
    if (root / MANIFEST).is_file():
        return root / MANIFEST
    tables = [path for path in root.glob("*.csv") if path.is_file() and not path.name.startswith(".")] if root.is_dir() else []
    return tables[0] if len(tables) == 1 else None


def _beside(folder: Path, clip: str, endings: tuple[str, ...]) -> Iterator[Path]:
    yield from (path for path in (folder / f"{clip}{ending}" for ending in endings) if path.is_file())


def _pose_file(folder: Path, clip: str, manifest: Path, unreadable: dict[str, str]) -> PoseFile | None:
    """Return the pose file of a clip; why the one that is there cannot be read goes to ``unreadable``."""
    endings = tuple(dict.fromkeys(end for entry in FORMATS.values() if entry.name != _FRAMEWISE for end in entry.extensions))
    for path in _beside(folder, clip, endings):
        if path == manifest or (path.suffix == ".npz" and not _is_pose_archive(path)):
            continue
        try:
            found = detect(path)
        except ArtifactError as error:
            unreadable[clip] = error.message
            continue
        if found is not None and found != _FRAMEWISE:
            unreadable.pop(clip, None)
            return PoseFile(path, found)
        unreadable[clip] = f"{path.name} has none of the known formats of poses"
    return None


def _is_pose_archive(path: Path) -> bool:
    """Say whether an .npz file holds positions of joints; a damaged one is left to whoever reads it."""
    if path.suffix != ".npz":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "positions.npy" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def _videos(folder: Path, rows: Manifest, manifest: Path) -> Found:
    try:
        return videos.clips([folder], rows, [manifest])
    except ArtifactError:  # there is no video at all: poses and features may be
        return Found({})


def _unnamed(folder: Path, found: Found, manifest: Path) -> list[str]:
    used = {source.path for source in found.sources.values()}
    if not used:
        return []
    there = (source.path for source in videos.find([folder], [manifest]).sources.values())
    return [f"{path.relative_to(folder)}: no row of {manifest.name} names it, left out" for path in there if path not in used]


ADAPTER: Adapter = Adapter(
    name="folder",
    layout_help="manifest.csv, or a single CSV file, beside the videos, pose files or features that its column 'clip' names",
    locate=locate,
    scan=scan,
    load_poses=load_poses,
    load_features=foreign.load_features,
)
