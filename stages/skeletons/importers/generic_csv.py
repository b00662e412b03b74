"""A plain CSV of one person: columns ``frame``, ``<joint>_x``, ``<joint>_y``, optionally ``<joint>_z`` and ``<joint>_confidence``.

An empty cell is a missing joint.  Joint names are matched to a layout in any common spelling (``LShoulder``, ``left_shoulder``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from stages.errors import ArtifactError
from stages.skeletons.importers.common import Clip, Reading, assemble, blank, number, read_text, whole
from stages.skeletons.importers.matching import match_names
from stages.skeletons.importers.people import timeline
from stages.skeletons.poses import PoseSequence

FRAME = "frame"
_PARTS = ("x", "y", "z", "confidence")


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield the one clip of a file."""
    yield Clip("", partial(_load, files[0], reading), {})


def is_header(cells: Sequence[str]) -> bool:
    """Say whether these cells are the first line of such a file."""
    names = [cell.strip() for cell in cells]
    return FRAME in names and any(name.endswith("_x") for name in names)


def _load(path: Path, reading: Reading) -> PoseSequence:
    try:
        table = [row for row in csv.reader(io.StringIO(read_text(path), newline="")) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ArtifactError(f"{path.name} is not a CSV file: {error}.") from None
    header = [cell.strip() for cell in table[0]] if table else []
    if not is_header(header):
        raise ArtifactError(
            f"{path.name}, line 1: expected columns frame, <joint>_x, <joint>_y …; found {', '.join(header[:8]) or 'nothing'}."
        )
    joints, places = _columns(header, path)
    axes = 3 if any(axis == 2 for _, axis in places.values()) else 2
    numbers, rows = [], []
    for line, cells in enumerate(table[1:], start=2):
        if len(cells) != len(header):
            raise ArtifactError(f"{path.name}, row {line}: expected {len(header)} cells, found {len(cells)}.")
        numbers.append(whole(cells[header.index(FRAME)], f"{path.name}, row {line}, frame"))
        rows.append([number(cells[column], f"{path.name}, row {line}, {header[column]}") for column in places])
    times = timeline(numbers, path.name)
    match = match_names(joints, reading.skeleton, f"{path.name}, line 1")
    values = blank(1, times.frames, len(joints), 4, path.name)
    with np.errstate(over="ignore"):
        for column, (joint, part) in zip(np.array(rows).T, places.values(), strict=True):
            values[0, times.rows, joint, part] = column
    placed = match.place(values, axis=2)
    return assemble(placed[..., :axes], match.layout, path, reading, confidence=placed[..., 3], step=times.step, facts=match.facts)


def _columns(header: Sequence[str], path: Path) -> tuple[list[str], dict[int, tuple[int, int]]]:
    """Return the joints, and column → (joint, which of x, y, z, confidence)."""
    joints: list[str] = []
    places: dict[int, tuple[int, int]] = {}
    for column, title in enumerate(header):
        joint, _, part = title.rpartition("_")
        if title == FRAME:
            continue
        if not joint or part not in _PARTS:
            raise ArtifactError(f"{path.name}, line 1: expected <joint>_x, _y, _z or _confidence, found '{title}'.")
        if joint not in joints:
            joints.append(joint)
        place = joints.index(joint), _PARTS.index(part)
        if place in places.values():
            raise ArtifactError(f"{path.name}, line 1: the column '{title}' appears twice.")
        places[column] = place
    if list(header).count(FRAME) > 1:
        raise ArtifactError(f"{path.name}, line 1: the column 'frame' appears twice.")
    lacking = [
        f"{joint}_{axis}"
        for number, joint in enumerate(joints)
        for axis in ("x", "y")
        if (number, _PARTS.index(axis)) not in places.values()
    ]
    if lacking:
        raise ArtifactError(f"{path.name}, line 1: the column(s) {', '.join(lacking[:8])} are missing.")
    return joints, places
