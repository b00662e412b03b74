"""What is done, failed, missing or left over in a workspace: what ``aqa status`` counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.collection import SUFFIX, Collection
from stages.artifacts.store import INDEX, PARTIAL
from stages.engine.plan import Failure, failure_files, read_failures_file, read_worklist
from stages.errors import ArtifactError
from stages.workspace import Workspace

STALE_SECONDS = 3600.0
"""A partial file that has not grown for so long was left by a writer that was killed."""
_SECTIONS = {"poses": 1, "features": 2, "images": 1, "encoders": 1, "models": 1, "evaluations": 1}
"""Folder of the workspace → how deep below it one set or experiment lies."""


@dataclass(frozen=True)
class Row:
    """The state of one set or experiment.

    Attributes:
        name: its path in the workspace.
        items: how many there are to make; None where no stage left its list.
        done: how many are there.
        failed: how many failed when they were last tried.
        missing: how many were not tried, or not finished.
        damaged: how many files are there but cannot be read.
        unfinished: training runs that ``--resume`` can go on with.
        partial: files left by killed writers.
        failures: the failed items with their reasons.
    """

    name: str
    items: int | None
    done: int
    failed: int = 0
    missing: int = 0
    damaged: int = 0
    unfinished: int = 0
    partial: int = 0
    failures: list[Failure] = field(default_factory=list)

    def counts(self) -> tuple[int, ...]:
        """Return the six counts after ``items``."""
        return self.done, self.failed, self.missing, self.damaged, self.unfinished, self.partial

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return asdict(self)


def survey(workspace: Workspace) -> list[Row]:
    """Return one row per set and experiment in ``workspace``.

    Raises:
        ArtifactError: a list of items or of failures is not readable.
    """
    rows = []
    for section, depth in _SECTIONS.items():
        for path in sorted((workspace.root / section).glob("/".join("*" * depth))):
            if path.name.startswith("."):
                continue
            name = path.relative_to(workspace.root).as_posix()
            if path.is_dir():
                rows.append(_folder(name, path))
            elif path.suffix == SUFFIX:
                rows.append(_file(name, path))
    return rows


def _file(name: str, path: Path) -> Row:
    """Return the row of a merged file or of a single artifact."""
    try:
        with store.opening(path) as file:
            kind = store.header_of(file, path).kind
            merged = INDEX in file
        count = len(Collection(path, kind)) if merged else 1
    except ArtifactError:
        return Row(name, None, 0, damaged=1)
    return Row(name, count, count)


def _folder(name: str, folder: Path) -> Row:
    files = {file.relative_to(folder).as_posix().removesuffix(SUFFIX): file for file in _visible(folder)}
    broken = {clip for clip, file in files.items() if not _readable(file)}
    failures = _still_failed(folder, files)
    work = read_worklist(folder)
    wanted = set(files) | {failure.id for failure in failures} if work is None else set(work)
    failed = {failure.id for failure in failures} & wanted
    done = (wanted & set(files)) - broken - failed
    now = time.time()
    return Row(
        name,
        None if work is None else len(wanted),
        len(done),
        len(failed),
        len(wanted - done - failed - broken),
        len(broken - failed),
        sum(1 for file in folder.rglob("*.checkpoint") if not file.name.startswith(".")),
        sum(1 for file in folder.rglob(f".*{PARTIAL}") if now - file.stat().st_mtime > STALE_SECONDS),
        [failure for failure in failures if failure.id in wanted],
    )


def _visible(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob(f"*{SUFFIX}")):
        if not any(part.startswith(".") for part in file.relative_to(folder).parts):
            yield file


def _readable(file: Path) -> bool:
    try:
        store.read_header(file)
    except ArtifactError:
        return False
    return True


def _still_failed(folder: Path, files: dict[str, Path]) -> list[Failure]:
    """Return the failures of every shard, without those that a later run made good."""
    found: dict[str, Failure] = {}
    for log in failure_files(folder):
        written = log.stat().st_mtime
        for failure in read_failures_file(log):
            output = files.get(failure.id)
            if output is None or output.stat().st_mtime <= written:
                found[failure.id] = failure
    return list(found.values())
