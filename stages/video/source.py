"""Which clips lie under the paths that a user gave: video files, folders of numbered images, and a manifest's windows of them.

A clip's id is its path relative to the given folder, without the suffix; a file that is given itself is named by its stem.  Files that
would share an id keep their suffixes.  A folder that holds numbered images is one clip; videos in it are left out, its subfolders are
searched on.

What was read of a file or folder is kept for the other clips that are windows of it, until it changes on disk: a folder of 100,000
frames is listed once, a video of an hour hashed once.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count, pairwise
from pathlib import Path

from stages.artifacts import fingerprint
from stages.datasets.manifest import Manifest, Row
from stages.errors import ArtifactError, UsageError
from stages.video.frame import Source, window_of

VIDEOS = (
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv",
    ".asf", ".flv", ".3gp", ".ts", ".mts", ".m2ts", ".vob", ".ogv", ".divx",
)  # fmt: skip
"""Endings of video files."""
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
"""Endings of frames."""

_NUMBERED = re.compile(r"(?P<name>.*?)(?P<number>\d+)$")
_MAPS = re.compile(r"(?P<name>.*?)(?P<number>\d+)_IUV$")
"""DensePose names its maps after the frames."""
_NO_FRAMES = re.compile(r"(^|[_-])(thumb|poster|cover|flow_?[xy])", re.IGNORECASE)
_NO_CLIPS = ("thumb", "thumbs", "thumbnail", "thumbnails")
_SETTLED = 3 * 10**9
"""Nanoseconds after which the next change of a file or folder shows in its time: some file systems count in steps of two seconds."""
_UNSETTLED = count(1)
_FOLDERS = 4
"""Listings that are kept; clips of one folder are worked on one after the other, and 100,000 frames take about 20 MB."""


@dataclass(frozen=True)
class Found:
    """The clips that there are, by id, and why each clip that a manifest names is not among them."""

    sources: Mapping[str, Source]
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image:
    """One frame of a frame folder."""

    number: int
    folder: Path
    name: str

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / self.name


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
    return list(_images(folder, _stamp(folder)))


def digest(source: Source) -> str:
    """Return the SHA-256 over the video's bytes, or the frames' names and bytes, and the window; files are streamed.

    Of a frame folder only the frames in the window count.

    Raises:
        ArtifactError: the file cannot be read, or a frame folder is none.
    """
    try:
        if source.path.is_dir():
            content = fingerprint.combine((path.name, fingerprint.of_file(path)) for path in _frames(source))
        else:
            content = _hashed(source.path, _stamp(source.path))
    except OSError as error:
        raise ArtifactError(f"{source.path} cannot be read: {error.strerror}.") from None
    return fingerprint.of_value([content, source.start, source.end])


def _frames(source: Source) -> list[Path]:
    """Return the frames of a clip; of a whole folder those that are there, whatever is wrong with their numbers."""
    if (source.start, source.end) == (None, None):
        return [source.path / name for name, _, _ in _numbered(_entries(source.path))]
    there = images(source.path)
    return [there[position].path for position in range(*window_of(len(there), source))]


@lru_cache(maxsize=_FOLDERS)
def _images(folder: Path, _: tuple[int, ...]) -> tuple[Image, ...]:
    series: dict[tuple[str, str], list[Image]] = defaultdict(list)
    for file, name, number in _numbered(_entries(folder)):
        series[name, _parted(file)[1]].append(Image(number, folder, file))
    if not series:
        raise ArtifactError(f"{folder} holds no numbered images.", hint="expected names such as img_00001.jpg or 000001.png")
    if len(series) > 1:
        names = ", ".join(f"{name}*{suffix} ({len(members)})" for (name, suffix), members in sorted(series.items())[:4])
        raise ArtifactError(f"{folder} holds several series of images: {names}.", hint="give each clip a folder of its own")
    found = sorted(next(iter(series.values())), key=lambda image: (image.number, image.name))
    numbers = [image.number for image in found]
    twice = [number for number, times in Counter(numbers).items() if times > 1]
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
    return tuple(found)


@lru_cache(maxsize=1024)
def _hashed(file: Path, _: tuple[int, ...]) -> str:
    return fingerprint.of_file(file)


def _stamp(path: Path) -> tuple[int, ...]:
    """Return numbers that change with a file's bytes or a folder's list of names; of one that has just changed, new ones every time."""
    try:
        status = path.stat()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}.") from None
    settled = time.time_ns() - status.st_mtime_ns > _SETTLED
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, 0 if settled else next(_UNSETTLED)


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
    entries = _entries(folder)
    is_clip = bool(_numbered(entries))
    if is_clip:
        yield folder
    for entry in entries:
        path = folder / entry.name
        if path.is_dir() if entry.is_symlink() else entry.is_dir():
            if entry.name.lower() not in _NO_CLIPS:
                yield from _walk(path, skip, seen)
        elif not is_clip and _parted(entry.name)[1] in VIDEOS and path.resolve() not in skip:
            yield path


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be read: {error.strerror}.") from None


def _numbered(entries: Sequence[os.DirEntry[str]]) -> list[tuple[str, str, int]]:
    """Return (file name, what stands before the number, number) of the frames; pictures of videos and optical flow are none."""
    files = [(entry.name, *_parted(entry.name)) for entry in entries]
    videos = {stem for _, stem, suffix in files if suffix in VIDEOS}
    images = [(file, stem) for file, stem, suffix in files if suffix in IMAGES and stem not in videos]
    return _matching(images, _NUMBERED) or _matching(images, _MAPS)  # where both lie in one folder, it is one of frames


def _matching(images: Sequence[tuple[str, str]], pattern: re.Pattern[str]) -> list[tuple[str, str, int]]:
    matches = [(file, pattern.match(stem)) for file, stem in images]
    return [(file, match["name"], int(match["number"])) for file, match in matches if match and not _NO_FRAMES.search(match["name"])]


def _parted(file: str) -> tuple[str, str]:
    """Return a file name's stem and its ending in small letters."""
    stem, dot, suffix = file.rpartition(".")
    return (stem, dot + suffix.lower()) if stem else (file, "")


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
    places = [(path if path.is_dir() else path.parent) / name for path in paths]
    return list(dict.fromkeys(place for place in places if place.is_file() or (place.is_dir() and _numbered(_entries(place)))))


def _seconds(row: Row, column: str) -> float | None:
    value = row.number(column)
    return None if math.isnan(value) else value


def _why_missing(row: Row, candidates: Sequence[Path], paths: Sequence[Path]) -> str:
    if candidates:
        return f"several videos are called '{_video(row)}': {', '.join(map(str, candidates))}"
    return f"there is no video '{_video(row)}' in {', '.join(map(str, paths))}"
