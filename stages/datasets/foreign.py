"""Reading what published data sets come in (MATLAB matrices, pickles, text tables, features) and finding it; nothing is ever run."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers import safe_pickle
from stages.skeletons.importers.common import reading_errors
from stages.video.source import IMAGES, VIDEOS

MAX_CELLS = 10**7
"""Numbers in one matrix at most: no list of labels has more."""
_NUMERIC = ("double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
"""MATLAB's kinds of matrices that are numbers."""


@dataclass(frozen=True)
class FeatureFile:
    """One clip's published features: a file of its own, or the entry of a file that holds many clips."""

    file: Path
    member: str = ""


def homes(root: Path, names: Iterable[str]) -> Iterator[Path]:
    """Yield the root and those of its folders that are called like one of ``names``, whatever their capitals, hyphens and underscores."""
    yield root
    wanted = {_folded(name) for name in names}
    yield from (folder for folder in folders_in(root) if _folded(folder.name) in wanted)


def folders_in(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, sorted; none where it is not there."""
    return sorted(path for path in _entries(folder) if path.is_dir())


def first_file(folder: Path, places: Iterable[str]) -> Path | None:
    """Return the first of the relative ``places`` that is a file, or None."""
    return next((folder / place for place in places if (folder / place).is_file()), None)


def recordings_in(folder: Path) -> dict[str, list[Path]]:
    """Return name → the video files and folders of images of that name in a folder; a file is named by its stem."""
    found: dict[str, list[Path]] = {}
    for path in _entries(folder):
        if path.is_dir():
            found.setdefault(path.name, []).append(path)
        elif path.suffix.lower() in VIDEOS:
            found.setdefault(path.stem, []).append(path)
    return found


def numbered(folder: Path, problems: list[str], where: str) -> dict[int, Path]:
    """Return number → the recording of that number (``7.avi``, ``007``, …); several of one number and other names are problems."""
    found: dict[int, list[Path]] = {}
    for name, paths in recordings_in(folder).items():
        if name.isdecimal():
            found.setdefault(int(name), []).extend(paths)
        else:
            problems.append(f"{where}: '{name}' in {folder.name} is not numbered and is left out")
    for number, paths in found.items():
        if len(paths) > 1:
            problems.append(
                f"{where}/{number:03d}: {len(paths)} recordings ({', '.join(path.name for path in paths)}), using {paths[0].name}"
            )
    return {number: paths[0] for number, paths in sorted(found.items())}


def videos_of(clips: Iterable[str], folders: Iterable[Path], problems: list[str]) -> dict[str, Path]:
    """Return clip → the recording of its name in the first of ``folders`` that has any; missing, doubled and unlisted ones are problems."""
    names = dict.fromkeys(clips)
    folder = next((folder for folder in folders if recordings_in(folder).keys() & names.keys()), None)
    if folder is None:
        return {}
    there = {name: paths for name, paths in recordings_in(folder).items() if name in names or paths[0].is_file()}
    for name, paths in there.items():
        if name not in names:
            problems.append(f"{name}: not in the lists of scores, left out")
        elif len(paths) > 1:
            problems.append(f"{name}: {len(paths)} recordings ({', '.join(path.name for path in paths)}), using {paths[0].name}")
    problems += [f"{name}: no recording in {folder.name}" for name in names if name not in there]
    return {name: there[name][0] for name in names if name in there}


def count_images(folder: Path) -> int:
    """Return how many images a folder holds."""
    with os.scandir(folder) as entries:
        return sum(entry.name.lower().endswith(IMAGES) for entry in entries if not entry.name.startswith("."))


def read_mat(path: Path, key: str, columns: int | None = None) -> Array:
    """Return a matrix of numbers of a MATLAB file (version 5 to 7).

    Args:
        path: the file.
        key: its variable; where there is none of that name, the only matrix of the file.
        columns: how many columns it must have; None for a list of numbers, returned as (N,).

    Raises:
        ArtifactError: it is no MATLAB file, or holds no such matrix.
    """
    listed = _scipy(path, "whosmat")
    variables = {name: (shape, kind) for name, shape, kind in listed}
    name = key if key in variables else next(iter(variables)) if len(variables) == 1 else ""
    if not name:
        raise ArtifactError(f"{path.name} has no variable '{key}'; it holds {', '.join(variables) or 'nothing'}.")
    shape, kind = variables[name]
    fits = len(shape) == 2 and (shape[1] == columns if columns else 1 in shape)
    if kind not in _NUMERIC or not fits or not 0 < math.prod(shape) <= MAX_CELLS:
        shown, sizes = f"{columns} columns" if columns else "one row or column", " × ".join(map(str, shape))
        raise ArtifactError(f"{path.name}: '{name}' must be a matrix of numbers with {shown}, found {kind} {sizes}.")
    matrix = np.asarray(_scipy(path, "loadmat", variable_names=[name])[name], dtype=np.float64)
    return matrix if columns else matrix.ravel()


def _scipy(path: Path, function: str, **options: Any) -> Any:
    import scipy.io

    with reading_errors(path):
        try:
            return getattr(scipy.io, function)(str(path), **options)
        except Exception as error:  # scipy raises whatever a damaged file leads it into, an OSError without a number too
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ArtifactError(f"{path.name} is not a readable MATLAB file ({type(error).__name__}).", hint="download it again") from None


def read_pickle(path: Path, kind: type | tuple[type, ...]) -> Any:
    """Return a pickled container, read without running anything.

    Raises:
        ArtifactError: it cannot be read, or is not of ``kind``.
    """
    content = safe_pickle.load(path)
    if not isinstance(content, kind):
        names = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise ArtifactError(f"{path.name}: expected a {names}, found a {type(content).__name__}.")
    return content


def plain(value: Any) -> Any:
    """Return pickled numpy scalars as Python numbers, alone or in a tuple; anything else as it is."""
    if isinstance(value, tuple):
        return tuple(plain(part) for part in value)
    return safe_pickle.scalar(value)


def numbers_of(value: Any, where: str) -> list[float]:
    """Return a pickled array or list of numbers as floats.

    Raises:
        ArtifactError: it is none.
    """
    if not isinstance(value, list | tuple):
        value = safe_pickle.array(value, where).ravel().tolist()
    numbers = [number(plain(part)) for part in value]
    if any(math.isnan(each) for each in numbers):
        raise ArtifactError(f"{where}: expected numbers.")
    return numbers


def number(value: Any) -> float:
    """Return a finite number, from a cell of text too; NaN for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return math.nan
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return (line number, cells) of a table separated by spaces, tabs or commas, without blank lines.

    Raises:
        ArtifactError: the file cannot be read.
    """
    with reading_errors(path):
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    rows = [(line, [cell for cell in re.split(r"[,\s]+", text.strip()) if cell]) for line, text in enumerate(lines, start=1)]
    return [(line, cells) for line, cells in rows if cells]


def number_rows(path: Path, separator: str | None = None) -> Iterator[tuple[int, list[float]]]:
    """Yield (line number, numbers) of a table of numbers, without blank lines; a separator at the end of a line counts as none.

    Args:
        path: the file.
        separator: between the numbers; any white space where it is None.

    Raises:
        ArtifactError: the file cannot be read, or a line holds anything else.
    """
    with reading_errors(path):
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for line, text in enumerate(lines, start=1):
        row = text.strip().rstrip(separator)
        if not row:
            continue
        try:
            yield line, [float(cell) for cell in row.split(separator)]
        except ValueError:
            raise ArtifactError(f"{path.name}, line {line}: not a row of numbers.") from None


def number_table(path: Path, columns: int, meaning: str, separator: str | None = None) -> Array:
    """Return a file's table of numbers, (rows, ``columns``), one row per frame; ``meaning`` says what the columns are.

    Raises:
        ArtifactError: the file cannot be read, holds no row, or one of another length.
    """
    rows = []
    for line, numbers in number_rows(path, separator):
        if len(numbers) != columns:
            raise ArtifactError(f"{path.name}, line {line}: expected {columns} columns ({meaning}), found {len(numbers)}.")
        rows.append(numbers)
    if not rows:
        raise ArtifactError(f"{path.name} holds no frames.")
    return np.asarray(rows)


def listed_again(clip: str, known: str, part: str) -> str:
    """Return the problem of a clip that is listed to ``known`` and then to ``part``."""
    return f"{clip}: listed {'twice' if known == part else 'to train and to test'}; the first is used"


def is_header(cells: Sequence[str]) -> bool:
    """Say whether a row names columns: none of its cells is a number."""
    return bool(cells) and all(math.isnan(number(cell)) for cell in cells)


def published_features(
    folders: Iterable[Path], clips: Iterable[str], tables: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, FeatureFile]]:
    """Return set → clip → features, for folders of ``<clip>.npy`` and files that hold the clips of a group.

    Args:
        folders: where to look; a folder with a file for one of the clips is a set, named by the folder.
        clips: the clips.
        tables: group → its clips; ``<group>_<set>.npy`` is a pickled dictionary of them.
    """
    names = set(clips)
    found: dict[str, dict[str, FeatureFile]] = {}
    for folder in folders:
        for file in sorted(path for path in _entries(folder) if path.suffix in (".npy", ".npz", ".binary")):
            if file.stem in names:
                found.setdefault(folder.name, {}).setdefault(file.stem, FeatureFile(file))
                continue
            group, _, features = file.stem.partition("_")
            if file.suffix == ".npy" and group in tables and features:
                for clip in tables[group]:
                    found.setdefault(features, {}).setdefault(clip, FeatureFile(file, clip))
    return found


def feature_folders(folder: Path) -> list[Path]:
    """Return the folders in which published features may lie: the data set's, and two levels of folders below it."""
    below = folders_in(folder)
    return [folder, *below, *(inner for each in below for inner in folders_in(each))]


def name_missing_features(clips: Iterable[str], features: Mapping[str, Mapping[str, FeatureFile]], problems: list[str]) -> None:
    """Name every clip that a set of features lacks."""
    names = list(clips)
    for found, there in features.items():
        problems += [f"{clip}: no features {found}" for clip in names if clip not in there]


def load_features(recording: FeatureFile) -> Array:
    """Read one clip's features: (S, D), or (views, S, D).

    Raises:
        ArtifactError: the file cannot be read, or holds no such clip or no numbers.
    """
    stamp = recording.file.stat()
    clips = _features_in(recording.file, stamp.st_mtime_ns, stamp.st_size)
    if recording.member not in clips:
        raise ArtifactError(
            f"{recording.file.name} has no clip '{recording.member}'; it holds {len(clips)}: {', '.join(list(clips)[:3])} …"
        )
    array = clips[recording.member]()
    where = f"{recording.file.name}, '{recording.member}'" if recording.member else recording.file.name
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2, 3) or not array.size:
        raise ArtifactError(f"{where}: expected numbers of shape (S, D), found {array.dtype} {array.shape}.")
    if np.isinf(array).any():
        raise ArtifactError(f"{where}: {int(np.isinf(array).sum())} values are infinite.")
    return array[None] if array.ndim == 1 else array


@functools.lru_cache(maxsize=1)
def _features_in(file: Path, *_: int) -> dict[str, Callable[[], Array]]:
    """Return the clips of a file; the last file is kept, since the clips of one file are asked for one after the other."""
    from stages.import_features.readers import FORMATS

    readers = {".npy": "npy", ".npz": "npz", ".binary": "npy"}  # MS_LSTM's files of that ending are NumPy's
    return {clip.id: clip.load for clip in FORMATS[readers[file.suffix]][0](file, None)}


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
