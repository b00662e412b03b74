"""Which clips lie under the paths that a user gave: video files, folders of numbered images, and a manifest's windows of them.

A clip's id is its path relative to the given folder, without the suffix; a file that is given itself is named by its stem.  Files that
would share an id keep their suffixes.  A folder that holds numbered images is one clip; videos in it are left out, its subfolders are
searched on.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from stages.artifacts import fingerprint
from stages.datasets.manifest import Manifest, Row
from stages.errors import ArtifactError, UsageError
from stages.video.frame import Source

VIDEOS = (
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv",
    ".asf", ".flv", ".3gp", ".ts", ".mts", ".m2ts", ".vob", ".ogv", ".divx",
)  # fmt: skip
"""Endings of video files."""
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
"""Endings of frames."""

_NUMBERED = re.compile(r"(?P<name>.*?)(?P<number>\d+)$")
_NO_FRAMES = re.compile(r"(^|[_-])(thumb|poster|cover|flow_?[xy])", re.IGNORECASE)
_NO_CLIPS = ("thumb", "thumbs", "thumbnail", "thumbnails")


@dataclass(frozen=True)
class Found:
    """The clips that there are, by id, and why each clip that a manifest names is not among them."""

    sources: Mapping[str, Source]
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """One frame of a frame folder."""

    number: int
    path: Path


def find(paths: Sequence[Path], skip: Sequence[Path] = ()) -> Found:
    """Return every video file and every frame folder under ``paths``, sorted by id.

    Args:
        paths: files and folders; folders are searched to the bottom, hidden files left out.
        skip: files and folders that are left out (the workspace, the output).

    Raises:
        UsageError: a path does not exist, or two paths give the same id.
        ArtifactError: there is neither a video nor a frame folder.
    """
    taken: dict[str, Source] = {}
    for clip, path in _named(list(_places(paths, skip))):
        other = taken.setdefault(clip, Source(path))
        if other.path != path:
            raise UsageError(f"{other.path} and {path} would both become the clip '{clip}'.", hint="give the folder above both")
    return Found(dict(sorted(taken.items())))


def clips(paths: Sequence[Path], manifest: Manifest | None, skip: Sequence[Path] = ()) -> Found:
    """Return the clips under ``paths``; with a manifest, one for each of its rows, in its order.

    A row's column ``video`` (a path relative to a given folder, its suffix optional), or else its clip id, names the video;
    ``start`` and ``end`` are its window in seconds.  A row without its video goes to ``missing`` with the reason.

    Raises:
        UsageError: a path does not exist, or two paths give the same id (without a manifest).
        ArtifactError: there is neither a video nor a frame folder.
    """
    if manifest is None:
        return find(paths, skip)
    by_name: dict[str, dict[Path, None]] = defaultdict(dict)
    for root, path in _places(paths, skip):
        name = _relative(root, path)
        for alias in {name, _stem(path, name)}:
            by_name[alias][path] = None
    sources, missing = {}, {}
    for row in manifest.rows:
        candidates = list(by_name.get(_clean(_video(row)), ())) or _explicit(paths, _video(row))
        if len(candidates) == 1:
            sources[row.clip] = Source(candidates[0], _seconds(row, "start"), _seconds(row, "end"))
        else:
            missing[row.clip] = _why_missing(row, candidates, paths)
    return Found(sources, missing)


def require(paths: Sequence[Path]) -> None:
    """Raise where a path does not exist."""
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist.", hint="give video files, frame folders, or folders that are searched for them")


def images(folder: Path) -> list[Image]:
    """Return the frames of a frame folder in the order of their numbers.

    Raises:
        ArtifactError: no numbered images, several series of them, the same number twice, or gaps in the numbering.
    """
    series: dict[tuple[str, str], list[Image]] = defaultdict(list)
    for path, name, number in _numbered(folder):
        series[name, path.suffix.lower()].append(Image(number, path))
    if not series:
        raise ArtifactError(f"{folder} holds no numbered images.", hint="expected names such as img_00001.jpg or 000001.png")
    if len(series) > 1:
        names = ", ".join(f"{name}*{suffix} ({len(members)})" for (name, suffix), members in sorted(series.items())[:4])
        raise ArtifactError(f"{folder} holds several series of images: {names}.", hint="give each clip a folder of its own")
    found = sorted(next(iter(series.values())), key=lambda image: (image.number, image.path.name))
    numbers = [image.number for image in found]
    twice = [number for number, count in Counter(numbers).items() if count > 1]
    if twice:
        raise ArtifactError(f"{folder} holds frame {twice[0]} twice.", hint="leave one of the two in the folder")
    absent = numbers[-1] - numbers[0] + 1 - len(numbers)
    if absent:
        gap = next(first + 1 for first, second in pairwise(numbers) if second != first + 1)
        raise ArtifactError(
            f"{folder}: the numbering runs from {numbers[0]} to {numbers[-1]}, but {absent} of these frames are missing, "
            f"the first of them {gap}.",
            hint="copy the missing frames, or number the ones that are there without gaps",
        )
    return found


def digest(source: Source) -> str:
    """Return the SHA-256 over the video's bytes, or the frames' names and bytes, and the window; files are streamed.

    Raises:
        ArtifactError: the file cannot be read, or a frame folder is none.
    """
    try:
        if source.path.is_dir():
            content = fingerprint.combine((path.name, fingerprint.of_file(path)) for path, _, _ in _numbered(source.path))
        else:
            content = fingerprint.of_file(source.path)
    except OSError as error:
        raise ArtifactError(f"{source.path} cannot be read: {error.strerror}.") from None
    return fingerprint.of_value([content, source.start, source.end])


def _places(paths: Sequence[Path], skip: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield (given folder, video or frame folder)."""
    require(paths)
    skipped = {path.resolve() for path in skip}
    some = False
    for given in paths:
        if given.is_file():
            some = True
            yield given.parent, given
            continue
        for path in _walk(given, skipped, set()):
            some = True
            yield given, path
    if not some:
        raise ArtifactError(
            f"There are no videos in {', '.join(map(str, paths)) or 'no path at all'}.",
            hint=f"looked for files that end in {', '.join(VIDEOS)} and for folders of numbered images such as img_00001.jpg",
        )


def _walk(folder: Path, skip: Set[Path], seen: set[Path]) -> Iterator[Path]:
    if folder.resolve() in seen | skip:  # links are followed, but never in circles
        return
    seen.add(folder.resolve())
    is_clip = bool(_numbered(folder))
    if is_clip:
        yield folder
    for entry in _entries(folder):
        if entry.is_dir():
            if entry.name.lower() not in _NO_CLIPS:
                yield from _walk(entry, skip, seen)
        elif not is_clip and entry.suffix.lower() in VIDEOS and entry.resolve() not in skip:
            yield entry


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be read: {error.strerror}.") from None


def _numbered(folder: Path) -> list[tuple[Path, str, int]]:
    """Return (path, what stands before the number, number) of the frames; pictures of videos and optical flow are none."""
    entries = _entries(folder)
    videos = {entry.stem for entry in entries if entry.suffix.lower() in VIDEOS}
    found = []
    for entry in entries:
        match = _NUMBERED.match(entry.stem) if entry.suffix.lower() in IMAGES else None
        if match and entry.stem not in videos and not _NO_FRAMES.search(match["name"]):
            found.append((entry, match["name"], int(match["number"])))
    return found


def _named(places: Sequence[tuple[Path, Path]]) -> Iterator[tuple[str, Path]]:
    names = [_relative(root, path) for root, path in places]
    stems = [_stem(path, name) for (_, path), name in zip(places, names, strict=True)]
    per_stem: dict[str, set[str]] = defaultdict(set)
    for stem, name in zip(stems, names, strict=True):
        per_stem[stem].add(name)
    for (_, path), stem, name in zip(places, stems, names, strict=True):
        yield (name if len(per_stem[stem]) > 1 else stem), path


def _relative(root: Path, path: Path) -> str:
    name = path.relative_to(root).as_posix()
    return name if name != "." else path.resolve().name


def _stem(path: Path, name: str) -> str:
    return name if path.is_dir() else name[: len(name) - len(path.suffix)]


def _video(row: Row) -> str:
    return row.text("video") or row.clip


def _clean(name: str) -> str:
    return os.path.normpath(name).replace("\\", "/")


def _explicit(paths: Sequence[Path], name: str) -> list[Path]:
    """Return the file that ``name`` leads to where no search finds it: a full path, an unusual ending, beside a frame folder."""
    roots = [path if path.is_dir() else path.parent for path in paths]
    return list(
        dict.fromkeys(root / name for root in roots if (root / name).is_file() or ((root / name).is_dir() and _numbered(root / name)))
    )


def _seconds(row: Row, column: str) -> float | None:
    value = row.number(column)
    return None if math.isnan(value) else value


def _why_missing(row: Row, candidates: Sequence[Path], paths: Sequence[Path]) -> str:
    if candidates:
        return f"several videos are called '{_video(row)}': {', '.join(map(str, candidates))}"
    return f"there is no video '{_video(row)}' in {', '.join(map(str, paths))}"
