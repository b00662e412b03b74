"""DeepLabCut predictions as HDF5: a pandas table in pytables' layout, read with h5py alone.

Both forms that pandas writes are read: ``table`` (what DeepLabCut saves: one compound dataset whose column names lie in a pickled
attribute, which is read without running it) and ``fixed`` (``block0_values`` with the levels and codes of the columns).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers import hdf5, safe_pickle
from stages.skeletons.importers.common import Clip, Reading
from stages.skeletons.importers.dlc import check_columns, sequence_of
from stages.skeletons.poses import PoseSequence

_CSV = "save it as CSV in DeepLabCut (analyze_videos with save_as_csv=True) and import that"


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield the one clip of a file; its individuals are the people."""
    yield Clip("", partial(_load, files[0], reading), {})


def table_name(file: h5py.File) -> str | None:
    """Return the name of the first pandas table in a file."""
    return next((name for name in file if isinstance(file.get(name), h5py.Group) and "pandas_type" in file[name].attrs), None)


def _load(path: Path, reading: Reading) -> PoseSequence:
    with hdf5.opening(path) as file:
        name = table_name(file)
        if name is None:
            raise ArtifactError(
                f"{path.name}: expected a pandas table such as 'df_with_missing', found {', '.join(list(file)[:8]) or 'nothing'}."
            )
        table = hdf5.group(file, name, path.name)
        kind = _text(table.attrs["pandas_type"])
        readers = {"frame_table": _table, "frame": _fixed}
        if kind not in readers:
            raise ArtifactError(f"{path.name}: a pandas table of the kind '{kind}' cannot be read without pandas' own reader.", hint=_CSV)
        values, columns, index = readers[kind](table, path)
    if index.ndim != 1 or index.dtype.kind not in "iu":
        raise ArtifactError(f"{path.name}: expected frame numbers as the rows' index, found {index.dtype}.", hint=_CSV)
    if values.shape != (len(index), len(columns)) or values.dtype.kind != "f":
        raise ArtifactError(f"{path.name}: expected numbers ({len(index)}, {len(columns)}), found {values.dtype} {values.shape}.")
    return sequence_of(values, check_columns(columns, path), index.tolist(), path, reading)


def _table(table: h5py.Group, path: Path) -> tuple[Array, list[tuple[str, ...]], Array]:
    rows = hdf5.array(table, "table", path.name)
    if rows.dtype.names != ("index", "values_block_0"):
        raise ArtifactError(f"{path.name}: expected a table of one block of numbers, found {rows.dtype}.", hint=_CSV)
    attributes = table["table"].attrs
    if "values_block_0_kind" not in attributes:
        raise ArtifactError(f"{path.name}: the table does not name its columns.", hint=_CSV)
    pickled = attributes["values_block_0_kind"]
    if not isinstance(pickled, bytes):
        raise ArtifactError(f"{path.name}: the names of the table's columns are not readable.", hint=_CSV)
    names = safe_pickle.loads(bytes(pickled), f"{path.name}, the names of the columns")
    return rows["values_block_0"], _names(names, path), rows["index"]


def _fixed(table: h5py.Group, path: Path) -> tuple[Array, list[tuple[str, ...]], Array]:
    levels = int(table.attrs.get("block0_items_nlevels", 0))
    if int(table.attrs.get("nblocks", 0)) != 1 or not 0 < levels < 8:
        raise ArtifactError(f"{path.name}: expected a table of one block of numbers with named columns.", hint=_CSV)
    parts = []
    for level in range(levels):
        names = hdf5.strings(table, f"block0_items_level{level}", path.name)
        codes = hdf5.array(table, f"block0_items_label{level}", path.name)
        if codes.ndim != 1 or codes.dtype.kind not in "iu" or (codes.size and not (codes.min() >= 0 and codes.max() < len(names))):
            raise ArtifactError(f"{path.name}: level {level} of the columns is damaged.", hint=_CSV)
        parts.append([names[code] for code in codes])
    if len({len(part) for part in parts}) != 1:
        raise ArtifactError(f"{path.name}: the levels of the columns have different lengths.", hint=_CSV)
    values, index = hdf5.array(table, "block0_values", path.name), hdf5.array(table, "axis1", path.name)
    turned = not bool(np.asarray(table["block0_values"].attrs.get("transposed", 1)).any())
    return values.T if turned else values, list(zip(*parts, strict=True)), index


def _names(value: Any, path: Path) -> list[tuple[str, ...]]:
    rows = value if isinstance(value, list) else []
    if not rows or not all(isinstance(row, tuple) and all(isinstance(part, str) for part in row) for row in rows):
        raise ArtifactError(f"{path.name}: the names of the table's columns are damaged.", hint=_CSV)
    return rows


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
