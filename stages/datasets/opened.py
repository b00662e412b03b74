"""A published data set as a command takes it in place of paths: by its name, from the folder under the data root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.datasets.registry import Adapter, Scan, adapter_for, find_folder, resolve_name
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.video.frame import Source
from stages.workspace import data_root


@dataclass(frozen=True)
class Opened:
    """A data set that was found: its adapter, its folder, and what lies in it."""

    adapter: Adapter
    folder: Path
    scan: Scan

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.adapter.name

    @property
    def identity(self) -> dict[str, Any]:
        """What configurations and lineages say of it."""
        return {"dataset": self.name, "adapter_version": self.adapter.version}


def require_one(dataset: str | None, paths: Sequence[Path], nothing: str, hint: str) -> None:
    """Raise unless either a data set or paths were given; ``nothing`` is what is said where there is neither."""
    if dataset and paths:
        raise UsageError(f"Paths or a data set are read, found both: {paths[0]} and --dataset {dataset}.", hint=hint)
    if not dataset and not paths:
        raise UsageError(nothing, hint=hint)


def open_dataset(name: str, options: RunOptions) -> Opened:
    """Find a data set under the data root and list what is there.

    Raises:
        UsageError: there is no data set of that name, or no data root.
        ArtifactError: it is not under the data root, or its lists cannot be read.
    """
    adapter = adapter_for(resolve_name(name))
    folder = find_folder(adapter, data_root(options.data_root))
    return Opened(adapter, folder, adapter.scan(folder))


def note_problems(opened: Opened, options: RunOptions) -> None:
    """Say all that is missing and odd in the data set."""
    for problem in opened.scan.problems:
        options.progress.note(f"{opened.name}: {problem}")


def note_strange(strange: Sequence[str], options: RunOptions, shown: int = 5) -> None:
    """Say which clips of the user's manifest are none of the data set's."""
    if strange:
        names = ", ".join(strange[:shown]) + (" …" if len(strange) > shown else "")
        options.progress.note(f"{len(strange)} clip(s) of the given manifest are not there and are left out: {names}")


def videos_of(opened: Opened) -> Mapping[str, Source]:
    """Return clip → its video.

    Raises:
        UsageError: there are skeletons or features instead.
        ArtifactError: there are labels alone.
    """
    scan, name = opened.scan, opened.name
    if scan.videos:
        return scan.videos
    if not opened.adapter.needs_data:
        hint = f"aqa datasets film {name} -o DIR makes videos to give as DIR; aqa import-poses --dataset {name} takes its skeletons"
        raise UsageError(f"{name} is made on the spot, without videos.", hint=hint)
    for there, what, command in ((scan.sources, "skeletons", "import-poses"), (scan.features, "features", "import-features")):
        if there:
            hint = f"aqa {command} --dataset {name} takes its {what}"
            raise UsageError(f"{name} in {opened.folder} has no videos; it has {what}.", hint=hint)
    raise ArtifactError(f"{opened.folder} holds labels of {name}, but none of its videos.", hint=f"expected {opened.adapter.layout_help}")
