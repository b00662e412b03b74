"""Other people's files of features: NumPy arrays, archives of them, pickled dictionaries, HDF5 and CSV, read without running anything.

A reader is a function of (file, key) that returns the file's clips; a clip's array is (D,), (S, D), (V, S, D) or (V, S, D, …) with V views,
S segments and D feature dimensions.
"""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from stages.arrays import Array
from stages.datasets.manifest import Value, is_numeric
from stages.errors import ArtifactError
from stages.skeletons.importers import safe_pickle
from stages.skeletons.importers.common import reading_errors

FEATURES = ("features", "feature", "feats", "feat", "x")
"""Names under which a file keeps its features, in order of preference."""
IDS = re.compile(r"(\w+_)?(ids?|clips?|names?)|videos?", re.IGNORECASE)
"""Names under which a file keeps which clip each row belongs to."""
_COLUMNS: Mapping[str, str] = {
    "score": "score",
    "scores": "score",
    "difficulty": "difficulty",
    "difficulties": "difficulty",
    "label": "label",
    "labels": "label",
    "action": "action",
    "actions": "action",
    "subject": "subject",
    "subjects": "subject",
    "split": "split",
}
"""Array of one value per clip → column of the manifest."""
_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, NotImplementedError, OSError)


class Clip(NamedTuple):
    """One clip of a file: its name in it ("" where the file is one clip), its array, and what the file knows for the manifest."""

    id: str
    load: Callable[[], Array]
    values: Mapping[str, Value]


def held(name: str, array: Array, values: Mapping[str, Value] | None = None) -> Clip:
    """Return a clip whose array is in memory already."""
    return Clip(name, lambda: array, values or {})


Reader = Callable[[Path, str | None], list[Clip]]


def pickled(path: Path) -> Any:
    """Return what ``np.save`` has pickled into a file, or None where it holds numbers; see :mod:`stages.skeletons.importers.safe_pickle`.

    Raises:
        ArtifactError: it is no such file, or asks for more than containers, text, numbers and arrays.
    """
    with reading_errors(path), path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            _, _, dtype = header(file)
        except ValueError as error:
            raise ArtifactError(f"{path.name} is not a readable .npy file: {_line(error)}.") from None
        return safe_pickle.loads(file.read(), path.name) if dtype.hasobject else None


def read_npy(path: Path, key: str | None) -> list[Clip]:
    """Read one clip, or the pickled dictionary that ``np.save`` makes of one (as PAMFN's features are)."""
    content = pickled(path)
    if content is None:
        return [Clip("", lambda: _load_npy(path), {})]
    members, shape = getattr(content, "data", None), getattr(content, "shape", None)
    if shape != () or not isinstance(members, list) or len(members) != 1:
        raise ArtifactError(f"{path.name}: expected numbers or one pickled dictionary, found an array of objects {shape}.")
    return _mapping(members[0], path, key)


def _load_npy(path: Path) -> Array:
    with reading_errors(path):
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except (ValueError, EOFError) as error:
            raise ArtifactError(f"{path.name} is not a readable .npy file: {_line(error)}.") from None


def read_npz(path: Path, key: str | None) -> list[Clip]:
    """Read an archive: features of many clips with their ids, of one clip, or one array per clip."""
    with reading_errors(path):
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except _ZIP as error:
            pickled = "Object arrays" in str(error)
            hint = "write the arrays again as numbers and text, or give a pickled dictionary" if pickled else ""
            raise ArtifactError(f"{path.name} is not a readable .npz file: {_line(error)}.", hint=hint) from None
    return _arrays(arrays, path, key)


def read_pickle(path: Path, key: str | None) -> list[Clip]:
    """Read a dictionary clip → array, or clip → dictionary with an array in it; only containers, text, numbers and arrays are taken."""
    content = safe_pickle.load(path)
    if not isinstance(content, Mapping):
        return [held("", safe_pickle.array(content, path.name))]
    return _mapping(content, path, key)


def read_h5(path: Path, key: str | None) -> list[Clip]:
    """Read every numeric data set as one clip, named by its path; with ``key``, or as ``…/features``, by the group it lies in."""
    found: dict[str, Array] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = node[()] if node.dtype.kind in "fiuSO" else np.empty(0)

    try:
        with h5py.File(path, "r", locking=False) as file:
            if "aqa_kind" in file.attrs:
                raise ArtifactError(f"{path.name} is an artifact of this toolkit already.", hint="aqa inspect shows it")
            file.visititems(visit)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ArtifactError(f"{path.name} is not a readable HDF5 file: {_line(error)}.") from None
    numeric = {name: array for name, array in found.items() if np.ndim(array) > 0}
    if all("/" not in name for name in numeric):
        return _arrays({name: _decoded(array) for name, array in numeric.items()}, path, key)
    wanted = (key,) if key else FEATURES
    inner = {name.rpartition("/")[0]: array for name, array in numeric.items() if name.rpartition("/")[2].lower() in wanted}
    if key and not inner:
        raise _no_key(path, key, sorted({name.rpartition("/")[2] for name in numeric}))
    return [held(name, array) for name, array in (inner or numeric).items() if array.dtype.kind in "fiu"]


def read_csv(path: Path, key: str | None) -> list[Clip]:
    """Read a table: column ``clip``, perhaps ``segment`` and columns of the manifest, every other column is one feature dimension."""
    with reading_errors(path), path.open(encoding="utf-8-sig", newline="") as file:
        try:
            table = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
        except csv.Error as error:
            raise ArtifactError(f"{path.name} is not a CSV file: {error}.") from None
    header = [cell.strip() for cell in table[0]] if table else []
    if "clip" not in header:
        raise ArtifactError(f"{path.name} must have a column 'clip'; found {', '.join(header[:8]) or 'nothing'}.")
    columns = {name: _COLUMNS[name.lower()] for name in header if name.lower() in _COLUMNS}
    dimensions = [position for position, name in enumerate(header) if name not in ("clip", "segment", *columns)]
    if not dimensions:
        raise ArtifactError(f"{path.name} has no columns of features beside {', '.join(header)}.")
    rows: dict[str, list[tuple[float, list[float]]]] = {}
    values: dict[str, dict[str, Value]] = {}
    for line, cells in enumerate(table[1:], start=2):
        if len(cells) != len(header):
            raise ArtifactError(f"{path.name}, row {line}: expected {len(header)} cells, found {len(cells)}.")
        clip = cells[header.index("clip")].strip()
        members = rows.setdefault(clip, [])
        order = _number(cells[header.index("segment")], path, line) if "segment" in header else len(members)
        members.append((order, [_number(cells[position], path, line) for position in dimensions]))
        given = {column: _cell(cells[header.index(name)].strip(), column, path, line) for name, column in columns.items()}
        values.setdefault(clip, given)
    del key  # a table has no arrays to choose from
    return [
        held(clip, np.array([row for _, row in sorted(members, key=lambda pair: pair[0])], np.float64), values[clip])
        for clip, members in rows.items()
    ]


FORMATS: Mapping[str, tuple[Reader, tuple[str, ...]]] = {
    "npy": (read_npy, (".npy",)),
    "npz": (read_npz, (".npz",)),
    "pickle": (read_pickle, (".pkl", ".pickle")),
    "h5": (read_h5, (".h5", ".hdf5")),
    "csv": (read_csv, (".csv",)),
}
"""Format → its reader, and how its files' names end."""


def shaped(array: Array, where: str, dtype: str) -> Array:
    """Return an array as (V, S, D, …) of ``dtype``.

    Raises:
        ArtifactError: it holds no finite numbers, is empty, has no such shape, or its values are too large for the type.
    """
    if array.dtype.kind not in "fiu":
        raise ArtifactError(f"{where}: expected numbers, found {array.dtype}.")
    if array.ndim == 0 or array.size == 0:
        raise ArtifactError(f"{where}: expected features, found an array of shape {array.shape}.")
    if np.isinf(array).any():
        raise ArtifactError(f"{where}: {int(np.isinf(array).sum())} values are infinite.", hint="a missing value is NaN")
    if np.isnan(array).all():
        raise ArtifactError(f"{where}: every value is missing (NaN).")
    with np.errstate(over="ignore"):
        kept = array.astype(dtype)
    if np.isinf(kept).any():
        raise ArtifactError(f"{where}: values up to {np.nanmax(np.abs(array)):g} are too large for {dtype}.", hint="--store float32")
    return kept.reshape((1,) * max(0, 3 - kept.ndim) + kept.shape)


def _mapping(content: Any, path: Path, key: str | None) -> list[Clip]:
    if not isinstance(content, Mapping) or not content:
        raise ArtifactError(f"{path.name}: expected a dictionary clip → array, found {type(content).__name__}.")
    if all(isinstance(name, str) and (name.lower() in (*FEATURES, *_COLUMNS) or name == key or IDS.fullmatch(name)) for name in content):
        arrays = {name: _plain(value, f"{path.name}, '{name}'") for name, value in content.items()}
        return _arrays(arrays, path, key)
    clips = []
    for name, value in content.items():
        where = f"{path.name}, '{_name(name)}'"
        inner = value
        if isinstance(value, Mapping):
            inner = _chosen(value, path, key) if key or any(str(each).lower() in FEATURES for each in value) else _only(value, where)
        clips.append(held(_name(name), safe_pickle.array(inner, where)))
    return clips


def _arrays(arrays: Mapping[str, Array], path: Path, key: str | None) -> list[Clip]:
    """Return the clips of named arrays; see :func:`read_npz`."""
    ids = next((name for name in arrays if IDS.fullmatch(name) and name != key), None)
    named = key or next((name for wanted in FEATURES for name in arrays if name.lower() == wanted), None)
    if key and key not in arrays:
        raise _no_key(path, key, list(arrays))
    if ids is not None:
        rest = [name for name in arrays if name != ids and name.lower() not in _COLUMNS and arrays[name].ndim > 1]
        if named is None and len(rest) != 1:
            raise ArtifactError(f"{path.name}: which array holds the features? There are {', '.join(arrays)}.", hint="--key NAME")
        return _table(arrays, named or rest[0], ids, path)
    if named is not None:
        counted = next((name for name in arrays if name.lower() in _COLUMNS and len(np.atleast_1d(arrays[name])) > 1), None)
        if counted is not None:
            raise ArtifactError(
                f"{path.name}: '{counted}' has {len(arrays[counted])} values, so '{named}' holds as many clips, but no array names them.",
                hint="add an array 'ids'",
            )
        return [held("", arrays[named])]
    if not arrays:
        raise ArtifactError(f"{path.name} holds no arrays.")
    return [held(name if len(arrays) > 1 else "", array) for name, array in arrays.items()]


def _table(arrays: Mapping[str, Array], named: str, ids: str, path: Path) -> list[Clip]:
    features, names = arrays[named], [_joined(value) for value in arrays[ids]] if arrays[ids].ndim else []
    if features.ndim < 2 or len(names) != len(features):
        raise ArtifactError(f"{path.name}: '{ids}' names {len(names)} clips, but '{named}' has the shape {features.shape}.")
    columns = {
        name: (_COLUMNS[name.lower()], values)
        for name, values in arrays.items()
        if name.lower() in _COLUMNS and values.shape == (len(names),)
    }
    clips = []
    for row, (name, array) in enumerate(zip(names, features, strict=True)):
        known = {column: _value(values[row], column) for column, values in columns.values()}
        clips.append(held(name, array, known))
    return clips


def _joined(value: Any) -> str:
    """Return an id; one of several numbers, such as (video, clip), is written as aqa's data sets write it: 01_05."""
    return "_".join(f"{int(part):02d}" for part in value) if np.ndim(value) else _name(value)


def _name(value: Any) -> str:
    plain = safe_pickle.scalar(value)
    if isinstance(plain, bytes):
        return plain.decode("utf-8", "replace")
    if isinstance(plain, tuple | list):
        return "_".join(f"{part:02d}" if isinstance(part, int) else str(part) for part in plain)
    return str(plain.item() if isinstance(plain, np.generic) else plain)


def _value(value: Any, column: str) -> Value:
    if is_numeric(column):
        number = float(value)
        return number if np.isfinite(number) else None
    return _name(value)


def _cell(text: str, column: str, path: Path, line: int) -> Value:
    if not text:
        return None
    return _number(text, path, line) if is_numeric(column) else text


def _number(text: str, path: Path, line: int) -> float:
    try:
        return float(text) if text.strip() else float("nan")
    except ValueError:
        raise ArtifactError(f"{path.name}, row {line}: expected a number, found '{text.strip()[:40]}'.") from None


def _plain(value: Any, where: str) -> Array:
    return np.asarray([_name(entry) for entry in value]) if isinstance(value, list | tuple) else safe_pickle.array(value, where)


def _chosen(value: Mapping[Any, Any], path: Path, key: str | None) -> Any:
    if key is not None:
        if key not in value:
            raise _no_key(path, key, [str(name) for name in value])
        return value[key]
    return next(value[name] for wanted in FEATURES for name in value if str(name).lower() == wanted)


def _only(value: Mapping[Any, Any], where: str) -> Any:
    if len(value) != 1:
        raise ArtifactError(f"{where}: which entry holds the features? There are {', '.join(map(str, value))}.", hint="--key NAME")
    return next(iter(value.values()))


def _no_key(path: Path, key: str, there: list[str]) -> ArtifactError:
    return ArtifactError(f"{path.name} has no array '{key}'; there are {', '.join(there[:10]) or 'none'}.", hint="--key NAME")


def _decoded(array: Array) -> Array:
    return np.array([_name(value) for value in array.ravel()]).reshape(array.shape) if array.dtype.kind in "SO" else array


def _line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
