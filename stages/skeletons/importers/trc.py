"""TRC marker files (``.trc``) of Sports2D, Pose2Sim and OpenSim: tab-separated text, one file per person.

Line 1 ``PathFileType``; lines 2 and 3 the names and values of ``DataRate``, ``NumFrames``, ``NumMarkers``, ``Units`` …; line 4 ``Frame#``,
``Time`` and each marker's name above its x; line 5 ``X1 Y1 Z1 …``; then, after an optional blank line, one row per frame.  An empty cell
is a missing marker.  y points up.  Files whose every z is 0 (Sports2D in pixels) become 2-D.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from stages.errors import ArtifactError
from stages.skeletons.importers.common import Clip, Reading, assemble, names_in, number, read_text, whole
from stages.skeletons.importers.matching import match_names
from stages.skeletons.poses import PoseSequence

_UNITS: Mapping[str, tuple[str, float]] = {"m": ("m", 1.0), "cm": ("m", 0.01), "mm": ("mm", 1.0), "px": ("px", 1.0)}
_HEAD = 5


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield the one clip of a file."""
    yield Clip("", partial(_load, files[0], reading), {})


def _load(path: Path, reading: Reading) -> PoseSequence:
    lines = read_text(path).splitlines()
    if len(lines) < _HEAD or not lines[0].startswith("PathFileType"):
        raise ArtifactError(f"{path.name}, line 1: expected a TRC header of {_HEAD} lines that begins with 'PathFileType'.")
    header = _header(lines, path)
    names = names_in([cell for cell in lines[3].split("\t")[2:] if cell.strip()], f"{path.name}, line 4")
    announced = whole(header["NumMarkers"], f"{path.name}, line 3, NumMarkers")
    if announced != len(names):
        raise ArtifactError(f"{path.name}, line 4: expected {announced} markers (NumMarkers), found {len(names)}.")
    width = 2 + 3 * len(names)
    rows = []
    for line, text in enumerate(lines[_HEAD:], start=_HEAD + 1):
        if text.strip():
            cells = text.split("\t")
            while len(cells) > width and not cells[-1].strip():
                cells.pop()
            if len(cells) != width:
                raise ArtifactError(f"{path.name}, line {line}: expected {width} cells, found {len(cells)}.")
            rows.append([number(cell, f"{path.name}, line {line}") for cell in cells])
    frames = whole(header["NumFrames"], f"{path.name}, line 3, NumFrames")
    if frames != len(rows):
        raise ArtifactError(f"{path.name}: expected {frames} frames (NumFrames), found {len(rows)}; the file may be truncated.")
    if not rows:
        raise ArtifactError(f"{path.name}: the clip has no frames.")
    table = np.array(rows)
    unit, scale = _UNITS.get(header["Units"].strip().lower(), ("unknown", 1.0))
    positions = table[:, 2:].reshape(len(rows), len(names), 3) * scale
    if not np.nan_to_num(positions[..., 2]).any():
        positions = positions[..., :2]
    match = match_names(names, reading.skeleton, f"{path.name}, line 4")
    return assemble(
        match.place(positions, axis=1)[None],
        match.layout,
        path,
        reading,
        fps=number(header["DataRate"], f"{path.name}, line 3, DataRate"),
        timestamps=table[:, 1],
        units=unit,
        origin="world, y up",
        facts=match.facts,
    )


def _header(lines: Sequence[str], path: Path) -> dict[str, str]:
    keys, values = lines[1].split("\t"), lines[2].split("\t")
    header = {key.strip(): value for key, value in zip(keys, values, strict=False)}
    missing = [key for key in ("DataRate", "NumFrames", "NumMarkers", "Units") if key not in header]
    if missing:
        raise ArtifactError(f"{path.name}, line 2: {', '.join(missing)} missing; found {', '.join(header) or 'nothing'}.")
    return header
