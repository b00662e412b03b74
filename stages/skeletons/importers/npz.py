"""NumPy ``.npz``: ``positions`` ([M,] T, V, 2 or 3) and optionally more.

Optional are ``confidence`` ([M,] T, V), ``timestamps`` (T,) in seconds, ``fps`` and ``joints`` (V names).  Without ``joints`` the layout
follows from V (or from ``--skeleton``).  Missing is NaN.  Arrays of objects, which are pickles, are refused.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers.common import MAX_VALUES, Clip, Reading, assemble, names_in, reading_errors
from stages.skeletons.importers.matching import match_count, match_names
from stages.skeletons.poses import PoseSequence

_KNOWN = ("positions", "confidence", "timestamps", "fps", "joints")


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield the one clip of a file."""
    yield Clip("", partial(_load, files[0], reading), {})


def _load(path: Path, reading: Reading) -> PoseSequence:
    arrays = _arrays(path)
    if "positions" not in arrays:
        raise ArtifactError(f"{path.name}: the array 'positions' is missing; found {', '.join(arrays) or 'none of ' + ', '.join(_KNOWN)}.")
    positions = _numbers(arrays["positions"], "positions", path)
    if positions.ndim == 3:
        positions = positions[None]
    if positions.ndim != 4 or positions.shape[3] not in (2, 3):
        raise ArtifactError(f"{path.name}, positions: expected ([M,] T, V, 2 or 3), found {arrays['positions'].shape}.")
    people, frames, joints, axes = positions.shape
    confidence = None
    if "confidence" in arrays:
        confidence = _numbers(arrays["confidence"], "confidence", path)
        confidence = confidence[None] if confidence.ndim == 2 else confidence
        if confidence.shape != positions.shape[:3]:
            raise ArtifactError(f"{path.name}, confidence: expected {(people, frames, joints)}, found {confidence.shape}.")
    timestamps = _numbers(arrays["timestamps"], "timestamps", path) if "timestamps" in arrays else None
    if timestamps is not None and timestamps.shape != (frames,):
        raise ArtifactError(f"{path.name}, timestamps: expected ({frames},), found {timestamps.shape}.")
    fps = _numbers(arrays["fps"], "fps", path) if "fps" in arrays else None
    if fps is not None and fps.size != 1:
        raise ArtifactError(f"{path.name}, fps: expected one number, found {fps.shape}.")
    if "joints" in arrays:
        names = names_in(arrays["joints"].reshape(-1).tolist(), f"{path.name}, joints")
        if len(names) != joints:
            raise ArtifactError(f"{path.name}, joints: expected {joints} names, found {len(names)}.")
        match = match_names(names, reading.skeleton, f"{path.name}, joints")
    else:
        match = match_count(joints, axes, reading.skeleton, f"{path.name}, positions")
    return assemble(
        match.place(positions, axis=2),
        match.layout,
        path,
        reading,
        confidence=None if confidence is None else match.place(confidence, axis=2),
        fps=None if fps is None else float(fps.reshape(-1)[0]),
        timestamps=timestamps,
        facts=match.facts,
    )


def _arrays(path: Path) -> dict[str, Array]:
    try:
        with reading_errors(path), zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            return {name: _array(archive, f"{name}.npy", path) for name in _KNOWN if f"{name}.npy" in names}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError, SyntaxError) as error:
        raise ArtifactError(f"{path.name} is not a readable .npz file: truncated or damaged ({error}).") from None


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> Array:
    with archive.open(name) as file:
        shape, dtype = _header(file, name, path)
    if dtype.hasobject:
        raise ArtifactError(f"{path.name}, {name}: an array of objects is a pickle and is not read.", hint="save numbers and text only")
    size = math.prod(shape)
    held = archive.getinfo(name).file_size
    if size * dtype.itemsize > held or size * max(dtype.itemsize // 4, 1) > MAX_VALUES:
        raise ArtifactError(f"{path.name}, {name}: the header promises {shape} × {dtype}, the file holds {held} bytes.")
    with archive.open(name) as file:
        return np.asarray(npy.read_array(file, allow_pickle=False))


def _header(file: IO[bytes], name: str, path: Path) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ArtifactError(f"{path.name}, {name}: expected version 1.0 or 2.0 of the .npy format, found {version}.")
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = reader(file)
    if any(size < 0 for size in shape):
        raise ArtifactError(f"{path.name}, {name}: the header promises the shape {shape}.")
    return shape, dtype


def _numbers(values: Array, name: str, path: Path) -> Array:
    if values.dtype.kind not in "fiu":
        raise ArtifactError(f"{path.name}, {name}: expected numbers, found {values.dtype}.")
    with np.errstate(over="ignore"):
        return values.astype(np.float64 if name != "positions" else np.float32)
