"""SLEAP analysis HDF5 (``sleap-convert --format analysis``, ``sio convert``): ``tracks``, ``node_names``, ``point_scores``.

``tracks`` is (track, xy, node, frame), or, where a ``dims`` attribute or the lengths say so, (frame, track, node, xy) or (frame, node, xy,
track); pixels, missing is NaN.  ``point_scores`` has the same axes without xy; NaN there means that a person labelled the point.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import h5py

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers import hdf5
from stages.skeletons.importers.common import Clip, Reading, assemble, names_in
from stages.skeletons.importers.matching import match_names
from stages.skeletons.importers.people import most_seen_first
from stages.skeletons.poses import PoseSequence

_WANTED = ("track", "frame", "node", "xy")
_ORDERS = (("track", "xy", "node", "frame"), ("frame", "track", "node", "xy"), ("frame", "node", "xy", "track"))


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield the one clip of a file; its tracks are the people."""
    yield Clip("", partial(_load, files[0], reading), {})


def _load(path: Path, reading: Reading) -> PoseSequence:
    with hdf5.opening(path) as file:
        names = names_in(hdf5.strings(file, "node_names", path.name), f"{path.name}, node_names")
        tracks = hdf5.array(file, "tracks", path.name)
        scores = hdf5.array(file, "point_scores", path.name) if "point_scores" in file else None
        order = _order(file, tracks.shape, None if scores is None else scores.shape, len(names), path)
    if tracks.dtype.kind != "f":
        raise ArtifactError(f"{path.name}: 'tracks' must be numbers, found {tracks.dtype}.")
    positions = tracks.transpose([order.index(axis) for axis in _WANTED])
    match = match_names(names, reading.skeleton, f"{path.name}, node_names")
    confidence: Array | None = None
    if scores is not None:
        short, expected = _without_xy(order, tracks.shape)
        if scores.shape != expected or scores.dtype.kind != "f":
            raise ArtifactError(f"{path.name}: 'point_scores' must have the shape {expected}, found {scores.dtype} {scores.shape}.")
        confidence = match.place(scores.transpose([short.index(axis) for axis in _WANTED[:3]]), axis=2)
    if not positions.size:
        raise ArtifactError(f"{path.name}: the clip has no frames or no tracks ({dict(zip(_WANTED, positions.shape, strict=True))}).")
    people = most_seen_first(positions)
    return assemble(
        match.place(positions[people], axis=2),
        match.layout,
        path,
        reading,
        confidence=None if confidence is None else confidence[people],
        units="px",
        origin="image top left",
        facts=match.facts,
    )


def _order(file: h5py.File, shape: tuple[int, ...], scores: tuple[int, ...] | None, nodes: int, path: Path) -> tuple[str, ...]:
    """Return the names of the axes of ``tracks``; with two tracks only the shape of the scores tells the orders apart."""
    stated = file["tracks"].attrs.get("dims")
    candidates: tuple[tuple[str, ...], ...] = _ORDERS
    if isinstance(stated, str | bytes):
        try:
            candidates = (tuple(map(str, json.loads(stated))),)
        except (ValueError, TypeError, RecursionError):
            candidates = ()
    possible = []
    for order in candidates:
        sizes = dict(zip(order, shape, strict=False))
        if len(shape) == 4 and len(order) == 4 and set(order) == set(_WANTED) and sizes["xy"] == 2 and sizes["node"] == nodes:
            possible.append(order)
    if possible:
        return next((order for order in possible if _without_xy(order, shape)[1] == scores), possible[0])
    raise ArtifactError(f"{path.name}: expected 'tracks' of shape (tracks, 2, {nodes} nodes, frames), found {shape}.")


def _without_xy(order: tuple[str, ...], shape: tuple[int, ...]) -> tuple[list[str], tuple[int, ...]]:
    short = [axis for axis in order if axis != "xy"]
    return short, tuple(shape[order.index(axis)] for axis in short)
