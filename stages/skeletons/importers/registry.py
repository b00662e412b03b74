"""The list of formats: name → who reads it, what it is, and how its files' names end.  Listing it imports no reader."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.errors import unknown_name
from stages.skeletons.importers.common import Clip, Reading

Reader = Callable[[Sequence[Path], Reading], Iterator[Clip]]

AUTO = "auto"


@dataclass(frozen=True)
class Format:
    """One line of the list; ``reader`` is ``module:function``."""

    name: str
    reader: str
    summary: str
    extensions: tuple[str, ...]
    version: int = 1
    """Part of the fingerprint: raised when the same files are read differently."""


_HERE = "stages.skeletons.importers"
FORMATS: Mapping[str, Format] = {
    entry.name: entry
    for entry in (
        Format("ntu", f"{_HERE}.ntu:read", "NTU RGB+D skeleton files, Kinect v2", (".skeleton",)),
        Format("openpose", f"{_HERE}.openpose:read", "OpenPose JSON, one file per frame", ("_keypoints.json",)),
        Format("mmpose", f"{_HERE}.mmpose:read", "MMPose prediction JSON", (".json",)),
        Format(
            "pyskl", f"{_HERE}.pyskl:read", "MMAction2 / PYSKL annotation pickles, many clips with labels and splits", (".pkl", ".pickle")
        ),
        Format("coco", f"{_HERE}.coco:read", "COCO keypoint annotations or results", (".json",)),
        Format("trc", f"{_HERE}.trc:read", "Sports2D, Pose2Sim and OpenSim marker files", (".trc",)),
        Format("dlc-h5", f"{_HERE}.dlc_h5:read", "DeepLabCut predictions as HDF5", (".h5", ".hdf5")),
        Format("dlc-csv", f"{_HERE}.dlc:read", "DeepLabCut predictions as CSV", (".csv",)),
        Format("sleap", f"{_HERE}.sleap:read", "SLEAP analysis HDF5", (".h5", ".hdf5")),
        Format("csv", f"{_HERE}.generic_csv:read", "columns frame, <joint>_x, <joint>_y[, _z][, _confidence]", (".csv",)),
        Format("npz", f"{_HERE}.npz:read", "NumPy arrays positions[, confidence, timestamps, fps, joints]", (".npz",)),
    )
}


def format_named(name: str) -> Format:
    """Return the format called ``name``; an unknown name is a usage error that names the nearest."""
    if name not in FORMATS:
        raise unknown_name("format", name, [AUTO, *FORMATS])
    return FORMATS[name]


def reader_of(name: str) -> Reader:
    """Import and return the function that reads a format."""
    module, _, function = FORMATS[name].reader.partition(":")
    reader: Reader = getattr(importlib.import_module(module), function)
    return reader
