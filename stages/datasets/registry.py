"""The list of data sets: name → where its adapter lies and what it is.  Listing it imports no adapter."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.datasets.manifest import Manifest
from stages.errors import ArtifactError, UsageError, unknown_name
from stages.skeletons.poses import PoseSequence


@dataclass(frozen=True)
class Scan:
    """What an adapter found on disk: the manifest, each clip's source, and everything that is odd."""

    manifest: Manifest
    sources: Mapping[str, Any]
    """Clip id → what the adapter's ``load_poses`` takes; a clip of the manifest without a source has no recording."""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """One line of the list."""

    name: str
    module: str
    summary: str
    tasks: str
    licence: str
    source: str
    protocols: tuple[str, ...] = ()


@dataclass(frozen=True)
class Adapter:
    """How a data set's published layout is read.

    ``locate`` returns the data set's folder given the data root or the folder itself, or None; ``scan`` reads labels and lists the
    recordings; ``load_poses`` reads one recording's skeletons.
    """

    name: str
    layout_help: str
    locate: Callable[[Path], Path | None]
    scan: Callable[[Path], Scan]
    load_poses: Callable[[Any], PoseSequence]
    version: int = 1
    """Part of the fingerprint: raised when the adapter reads the same files differently."""


DATASETS: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "kimore",
            "stages.datasets.kimore",
            "rehabilitation exercises of 78 patients and healthy people, Kinect v2, clinical scores 0-50",
            "score",
            "research use, on request",
            "the KiMoRe project page of the Università Politecnica delle Marche",
            ("5-fold", "70-30"),
        ),
    )
}


def resolve_name(text: str) -> str:
    """Return the data set's name for any spelling with or without hyphens and capitals."""
    folded = {name.replace("-", ""): name for name in DATASETS}
    key = text.lower().replace("-", "").replace("_", "")
    if key not in folded:
        raise unknown_name("data set", text, DATASETS)
    return folded[key]


def adapter_for(name: str) -> Adapter:
    """Import and return the adapter of a data set."""
    adapter = importlib.import_module(DATASETS[resolve_name(name)].module).ADAPTER
    assert isinstance(adapter, Adapter)
    return adapter


def find_folder(adapter: Adapter, data_root: Path | None) -> Path:
    """Return the data set's folder under the data root.

    Raises:
        UsageError: no data root is known.
        ArtifactError: the data set is not there; the error shows the layout that is looked for.
    """
    if data_root is None:
        raise UsageError(f"Where is {adapter.name}?", hint="give --data-root DIR or set AQA_DATA")
    folder = adapter.locate(data_root) if data_root.is_dir() else None
    if folder is None:
        raise ArtifactError(f"{adapter.name} was not found under {data_root}.", hint=f"expected {adapter.layout_help}")
    return folder
