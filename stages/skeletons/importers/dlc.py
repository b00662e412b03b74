"""DeepLabCut predictions as CSV: columns (scorer, [individuals,] bodyparts, coords) in the first lines, then one row per frame.

``coords`` are x and y in pixels and ``likelihood`` (0–1; kept as confidence, no threshold is applied).  The HDF5 form of the same table
is :mod:`stages.skeletons.importers.dlc_h5`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers.common import Clip, Reading, assemble, blank, number, read_text, whole
from stages.skeletons.importers.matching import match_names
from stages.skeletons.importers.people import most_seen_first, timeline
from stages.skeletons.poses import PoseSequence

_COORDS = ("x", "y", "likelihood")


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield the one clip of a CSV file; its individuals are the people."""
    yield Clip("", partial(_load, files[0], reading), {})


def _load(path: Path, reading: Reading) -> PoseSequence:
    try:
        table = [row for row in csv.reader(io.StringIO(read_text(path), newline="")) if row]
    except csv.Error as error:
        raise ArtifactError(f"{path.name} is not a CSV file: {error}.") from None
    levels: dict[str, list[str]] = {}
    while len(levels) < len(table) and table[len(levels)][0].strip() in ("scorer", "individuals", "bodyparts", "coords"):
        cells = table[len(levels)]
        if cells[0].strip() in levels:
            raise ArtifactError(f"{path.name}, line {len(levels) + 1}: the header line '{cells[0].strip()}' appears twice.")
        levels[cells[0].strip()] = [cell.strip() for cell in cells[1:]]
    columns = _columns(levels, path)
    numbers, rows = [], []
    for line, cells in enumerate(table[len(levels) :], start=len(levels) + 1):
        if len(cells) != len(columns) + 1:
            raise ArtifactError(f"{path.name}, line {line}: expected {len(columns) + 1} cells, found {len(cells)}.")
        numbers.append(whole(cells[0], f"{path.name}, line {line}, the frame"))
        rows.append([number(cell, f"{path.name}, line {line}") for cell in cells[1:]])
    return sequence_of(np.array(rows, dtype=np.float64), columns, numbers, path, reading)


def sequence_of(
    values: Array, columns: Sequence[tuple[str, str, str]], numbers: Sequence[int], path: Path, reading: Reading
) -> PoseSequence:
    """Return the poses of a table (T, columns) whose columns are (individual, bodypart, coordinate) and whose rows are ``numbers``."""
    where: Mapping[tuple[str, str, str], int] = {column: position for position, column in enumerate(columns)}
    if len(where) != len(columns):
        raise ArtifactError(f"{path.name}: a column appears twice.")
    individuals = list(dict.fromkeys(individual for individual, _, _ in columns))
    parts = list(dict.fromkeys(part for _, part, _ in columns))
    match = match_names(parts, reading.skeleton, f"{path.name}, bodyparts")
    times = timeline(numbers, path.name)
    table = blank(len(individuals), times.frames, len(parts), len(_COORDS), path.name)
    with np.errstate(over="ignore"):
        for (individual, part, coordinate), position in where.items():
            slot = individuals.index(individual), times.rows, parts.index(part), _COORDS.index(coordinate)
            table[slot] = values[:, position]
    placed = match.place(table[most_seen_first(table[..., :2])], axis=2)
    return assemble(
        placed[..., :2],
        match.layout,
        path,
        reading,
        confidence=placed[..., 2],
        step=times.step,
        units="px",
        origin="image top left",
        facts=match.facts,
    )


def check_columns(columns: Sequence[tuple[str, ...]], path: Path) -> list[tuple[str, str, str]]:
    """Return (individual, bodypart, coordinate) of columns that have them as their last levels."""
    found = []
    for column in columns:
        if len(column) not in (3, 4) or column[-1] not in _COORDS:
            raise ArtifactError(
                f"{path.name}: expected columns (scorer, [individual,] bodypart, x|y|likelihood), found {'/'.join(column) or 'nothing'}."
            )
        found.append((column[1] if len(column) == 4 else "", column[-2], column[-1]))
    if not found:
        raise ArtifactError(f"{path.name}: there are no columns.")
    return found


def _columns(levels: Mapping[str, Sequence[str]], path: Path) -> list[tuple[str, str, str]]:
    order = [name for name in ("scorer", "individuals", "bodyparts", "coords") if name in levels]
    if order not in (["scorer", "bodyparts", "coords"], ["scorer", "individuals", "bodyparts", "coords"]):
        raise ArtifactError(
            f"{path.name}, line 1: expected the header lines scorer, [individuals,] bodyparts, coords; found {', '.join(order) or 'none'}."
        )
    if len({len(cells) for cells in levels.values()}) != 1:
        raise ArtifactError(f"{path.name}: the header lines have different numbers of cells.")
    return check_columns(list(zip(*(levels[name] for name in order), strict=True)), path)
