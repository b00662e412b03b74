"""Is an artifact whole, and is it what ``docs/format.md`` says?  What ``aqa validate`` does to every file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stages.artifacts import schema, store
from stages.artifacts.collection import MANIFEST, SUFFIX
from stages.artifacts.guarded import Guard
from stages.artifacts.store import INDEX
from stages.datasets import manifest as manifests
from stages.engine.progress import Progress, Silent
from stages.errors import ArtifactError

SECONDS = 60.0
"""How long the reading of one file may take, before what its size adds."""
_SUFFIXES = (SUFFIX, ".checkpoint")
_SHOWN = 20


@dataclass(frozen=True)
class Report:
    """What the check of one file found.

    Attributes:
        path: the file.
        kind: of the artifact; ``manifest`` for a CSV manifest, empty where that cannot be told.
        members: how many artifacts it holds; 0 for a manifest.
        problems: everything that is wrong; empty where all is well.
    """

    path: str
    kind: str
    members: int
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return asdict(self)


def verify(paths: Sequence[Path], *, seconds: float = SECONDS, progress: Progress | None = None) -> list[Report]:
    """Check every artifact under ``paths``, each in a child process with a time limit.

    Args:
        paths: files, and folders that are searched for artifacts and manifests.
        seconds: the time limit of one file; a big file gets more.
        progress: where to report.

    Raises:
        ArtifactError: a folder holds nothing to check.
    """
    files = [file for path in paths for file in files_in(path)]
    reports = []
    with Guard("stages.artifacts.verify:check_file", seconds) as guard, (progress or Silent()).task("validate", len(files)) as task:
        for file in files:
            task.advance(0, str(file))
            try:
                size = file.stat().st_size if file.is_file() else 0
                found = guard.call(str(file), where=str(file), size=size)
                reports.append(Report(str(file), found["kind"], found["members"], tuple(found["problems"])))
            except ArtifactError as error:
                reports.append(Report(str(file), "", 0, (error.message,)))
            task.advance(1)
    return reports


def files_in(path: Path) -> list[Path]:
    """Return what there is to check under ``path``: artifacts, checkpoints and manifests, but nothing hidden."""
    if not path.is_dir():
        return [path]
    visible = (file for file in path.rglob("*") if not any(part.startswith(".") for part in file.relative_to(path).parts))
    files = sorted(file for file in visible if file.is_file() and (file.suffix in _SUFFIXES or file.name == MANIFEST))
    if not files:
        raise ArtifactError(f"{path} holds no artifacts.", hint=f"artifacts are {', '.join('*' + suffix for suffix in _SUFFIXES)} files")
    return files


def check_file(path: str) -> dict[str, Any]:
    """Check one file in this process; see :class:`Report` for what is returned.

    Raises:
        ArtifactError: the file is not readable at all.
    """
    file = Path(path)
    if file.suffix == ".csv":
        manifests.read(file)
        return {"kind": "manifest", "members": 0, "problems": []}
    with store.opening(file) as root:
        kind = store.header_of(root, file).kind
        if INDEX not in root:
            return {"kind": kind, "members": 1, "problems": list(_problems(root, path))}
        found = list(_merged_problems(root, path, kind))
        return {"kind": kind, "members": len(root.get("members", ())), "problems": found}


def _problems(group: h5py.Group, where: str, kind: str | None = None) -> Iterator[str]:
    try:
        artifact = store.read_group(group, where, kind)
    except ArtifactError as error:
        yield error.message
    except store.UNREADABLE as error:
        yield f"{where}: truncated or damaged ({error})"
    else:
        yield from (f"{where}: {problem}" for problem in _layout_problems(group, artifact))


def _layout_problems(group: h5py.Group, artifact: store.Artifact) -> Iterator[str]:
    """Yield what a foreign writer forgot: it reads well here, but is not protected or not described."""
    for name in (*artifact.arrays, *artifact.documents):
        dataset = group[name]
        if dataset.size and not dataset.fletcher32:
            yield f"/{name}: has no fletcher32 checksum"
        if name in artifact.documents and (dataset.dtype != np.uint8 or dataset.ndim != 1):
            yield f"/{name}: a document must be 1-D uint8, found {dataset.dtype} {dataset.shape}"
    for name in artifact.arrays:
        for key, expected in schema.attributes(artifact.kind, name, artifact.documents).items():
            value = group[name].attrs.get(key)
            found = value.decode() if isinstance(value, bytes) else value
            if found != expected:
                yield f"/{name}: the attribute {key} must be '{expected}', found {found!r}"


def _merged_problems(root: h5py.File, where: str, kind: str) -> Iterator[str]:
    index = json.loads(root[INDEX][()].tobytes())
    groups = {f"members/{name}" for name in root.get("members", ())}
    yield from (f"{where}: /{INDEX} names {clip} at /{group}, which is not there" for clip, group in index.items() if group not in groups)
    yield from (f"{where}: /{group} is not in /{INDEX}" for group in sorted(groups - set(index.values())))
    bad = 0
    for clip, group in sorted(index.items()):
        found = list(_problems(root[group], f"{where}:{clip}", kind)) if group in groups else []
        bad += bool(found)
        yield from found if bad <= _SHOWN else ()
    if bad > _SHOWN:
        yield f"{where}: … and {bad - _SHOWN} more damaged clips"
    if not bad and store.content_digest(root) != store.header_of(root, where).content_digest:
        yield f"{where} is damaged: its content does not match its digest."
