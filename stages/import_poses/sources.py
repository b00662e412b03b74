"""Which pose files lie under the paths that a user gave, and which clips they hold.

A clip's id is the path of its file relative to the given folder, without the suffix.  A file that is given itself is named by its
stem; where a file holds several clips, their names inside it follow the file's id, or stand alone where the file itself was given.
OpenPose's frames make one clip per folder, or per name where a folder holds several videos.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stages.artifacts import fingerprint
from stages.datasets.manifest import Value
from stages.errors import ArtifactError, UsageError
from stages.skeletons.importers import openpose
from stages.skeletons.importers.common import Reading
from stages.skeletons.importers.detect import detect
from stages.skeletons.importers.registry import AUTO, FORMATS, reader_of
from stages.skeletons.poses import PoseSequence

_LONGEST = 200
"""Characters in one part of a clip id: file systems take 255 bytes, and the suffix and the temporary name need some."""


@dataclass(frozen=True)
class Source:
    """One file, or the frames of one OpenPose video.

    ``problem`` is why it cannot be read at all; ``direct`` says that the user named the file itself.
    """

    id: str
    files: tuple[Path, ...]
    format: str
    direct: bool = False
    problem: ArtifactError | None = None

    def digest(self) -> str:
        """Return the fingerprint of the files' bytes."""
        if len(self.files) == 1:
            return fingerprint.of_file(self.files[0])
        return fingerprint.combine((path.name, fingerprint.of_file(path)) for path in self.files)


@dataclass(frozen=True)
class Entry:
    """One clip to import: where it lies, how it is loaded, and the manifest columns that its source knows (None: no row)."""

    clip: str
    source: Source
    member: str
    load: Callable[[], PoseSequence]
    values: Mapping[str, Value] | None = field(default=None)


def find(paths: Sequence[Path], format_name: str, skip: Sequence[Path] = ()) -> list[Source]:
    """Return every pose file under ``paths``, in a stated order.

    Args:
        paths: files and folders; folders are searched to the bottom, hidden files left out.
        format_name: take files as this format (in folders, those with its endings), or ``auto``.
        skip: files and folders that are left out (the manifest, the workspace).

    Raises:
        UsageError: a path does not exist.
        ArtifactError: there is no pose file.
    """
    endings = tuple(end for entry in FORMATS.values() if format_name in (AUTO, entry.name) for end in entry.extensions)
    sources: list[Source] = []
    frames: dict[tuple[Path, Path], list[Path]] = defaultdict(list)
    for given in paths:
        if not given.exists():
            raise UsageError(f"{given} does not exist.", hint="aqa import-poses takes files and folders of pose files")
        root = given if given.is_dir() else given.parent
        for path in _walk(given, endings, {path.resolve() for path in skip}):
            source = _source(path, root, format_name, direct=given.is_file())
            if source.format == "openpose":
                frames[root, path.parent].append(path)
            else:
                sources.append(source)
    for (root, folder), files in frames.items():
        sources += _videos(root, folder, files)
    if not sources:
        what = "pose files" if format_name == AUTO else f"{format_name} files"
        raise ArtifactError(
            f"There are no {what} in {', '.join(map(str, paths))}.",
            hint=f"looked for files that end in {', '.join(dict.fromkeys(endings))}",
        )
    return sorted(sources, key=lambda source: source.id)


def entries(sources: Sequence[Source], reading: Reading) -> list[Entry]:
    """Return the clips of all sources; a source that cannot be read becomes an entry whose ``load`` raises why.

    Raises:
        UsageError: two sources give the same clip id.
    """
    found: list[Entry] = []
    for source in sources:
        try:
            found += _clips(source, reading)
        except ArtifactError as error:
            found.append(Entry(source.id, source, "", _raising(error)))
    taken: dict[str, Source] = {}
    for entry in found:
        other = taken.setdefault(entry.clip, entry.source)
        if other is not entry.source:
            raise UsageError(
                f"{other.files[0]} and {entry.source.files[0]} would both become the clip '{entry.clip}'.",
                hint="give the folder above both, or choose one with --format",
            )
    return found


def check_id(clip: str, where: str) -> None:
    """Raise where a clip id cannot be a path under the set's folder on every file system."""
    parts = PurePosixPath(clip).parts
    plain = bool(parts) and clip == "/".join(parts) and clip.isprintable() and "\\" not in clip and clip == clip.strip()
    if not plain or any(part in ("..", "/") or part.startswith(".") or len(part.encode()) > _LONGEST for part in parts):
        raise ArtifactError(f"{where}: {clip[:60]!r} cannot name a clip: expected a plain relative path of short names.")


def _clips(source: Source, reading: Reading) -> Iterator[Entry]:
    if source.problem is not None:
        raise source.problem
    check_id(source.id, source.files[0].name)
    clips = []
    for clip in reader_of(source.format)(source.files, reading):
        if clip.id:
            check_id(clip.id, source.files[0].name)
        name = clip.id if source.direct and clip.id else "/".join(part for part in (source.id, clip.id) if part)
        clips.append(Entry(name, source, clip.id, clip.load, clip.values))
    yield from clips


def _walk(given: Path, endings: tuple[str, ...], skip: Set[Path]) -> Iterator[Path]:
    if given.is_file():
        yield given
        return
    for folder, names, files in os.walk(given):
        names[:] = sorted(name for name in names if not name.startswith(".") and (Path(folder) / name).resolve() not in skip)
        for name in sorted(files):
            path = Path(folder) / name
            if not name.startswith(".") and name.lower().endswith(endings) and path.resolve() not in skip:
                yield path


def _source(path: Path, root: Path, format_name: str, *, direct: bool) -> Source:
    clip = path.relative_to(root).with_suffix("").as_posix()
    if format_name != AUTO:
        return Source(clip, (path,), format_name, direct)
    try:
        found = detect(path)
    except ArtifactError as error:
        return Source(clip, (path,), AUTO, direct, error)
    if found is None:
        problem = ArtifactError(f"{path.name} has none of the known formats.", hint="--format NAME reads it as one, or leave it out")
        return Source(clip, (path,), AUTO, direct, problem)
    return Source(clip, (path,), found, direct)


def _videos(root: Path, folder: Path, files: Sequence[Path]) -> Iterator[Source]:
    names: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        names[openpose.name_and_frame(path)[0]].append(path)
    place = folder.relative_to(root).as_posix()
    for name, frames in names.items():
        parts = [part for part in (place, name if len(names) > 1 else ".") if part != "."]
        yield Source("/".join(parts) or folder.resolve().name, tuple(sorted(frames)), "openpose")


def _raising(error: ArtifactError) -> Callable[[], PoseSequence]:
    def load() -> PoseSequence:
        raise error

    return load
