"""Careful reading of other tools' HDF5 files: no dataset that lies elsewhere, none that is larger than it can be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers.common import MAX_VALUES, reading_errors


@contextmanager
def opening(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file; whatever HDF5 says about a damaged one is one clear error."""
    try:
        with reading_errors(path), path.open("rb"):
            pass
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ArtifactError(f"{path.name} is not a readable HDF5 file: truncated or damaged ({reason}).") from None


def group(parent: h5py.Group, name: str, where: str) -> h5py.Group:
    """Return a group that lies in this file."""
    found = _child(parent, name, where)
    if not isinstance(found, h5py.Group):
        raise ArtifactError(f"{where}: '{name}' must be a group.")
    return found


def array(parent: h5py.Group, name: str, where: str) -> Array:
    """Return a dataset that lies in this file and is of a sensible size.

    Raises:
        ArtifactError: it is missing, lies in another file, or is too large.
    """
    found = _child(parent, name, where)
    if not isinstance(found, h5py.Dataset):
        raise ArtifactError(f"{where}: '{name}' must be a dataset.")
    if found.external or found.is_virtual:
        raise ArtifactError(f"{where}: '{name}' lies in another file, which is not read.")
    if not found.shape and found.shape != ():
        raise ArtifactError(f"{where}: '{name}' is empty.")
    if found.size * max(found.dtype.itemsize // 4, 1) > MAX_VALUES:
        raise ArtifactError(f"{where}: '{name}' of shape {found.shape} is larger than can be read.")
    return np.asarray(found[()])


def strings(parent: h5py.Group, name: str, where: str) -> list[str]:
    """Return a 1-D dataset of text."""
    values = array(parent, name, where)
    if values.ndim != 1 or values.dtype.kind not in "SO":
        raise ArtifactError(f"{where}: '{name}' must be a list of names, found {values.dtype} {values.shape}.")
    try:
        return [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
    except UnicodeDecodeError:
        raise ArtifactError(f"{where}: '{name}' is not UTF-8 text.") from None


def _child(parent: h5py.Group, name: str, where: str) -> h5py.Group | h5py.Dataset:
    if name not in parent:
        raise ArtifactError(f"{where}: '{name}' is missing; found {', '.join(list(parent)[:8]) or 'nothing'}.")
    if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise ArtifactError(f"{where}: '{name}' lies in another file, which is not read.")
    return parent[name]
