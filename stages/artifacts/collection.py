"""One reader for many clips: a folder of artifacts, or the single file that ``aqa merge`` makes of it.

A clip's id is its path relative to the folder, without the suffix.  In a merged file the members lie in groups
``/members/000000`` … and ``/index`` names them; the manifest travels along as ``/manifest``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import h5py

from stages.artifacts import store
from stages.artifacts.fingerprint import combine, of_value
from stages.artifacts.store import INDEX, Artifact, Header
from stages.engine.progress import Progress, Silent
from stages.errors import ArtifactError, UsageError

SUFFIX = ".h5"
MANIFEST = "manifest.csv"
STAGE, VERSION = "merge", 1
_MANIFEST = "manifest"


class Collection:
    """The artifacts of one kind under one path, by id."""

    def __init__(self, path: Path, kind: str) -> None:
        """Open ``path`` (a folder or a merged file).

        Raises:
            ArtifactError: there is nothing there, or it is of another kind.
        """
        self.path, self.kind = path, kind
        self._groups: dict[str, str] | None = None
        if path.is_dir():
            self.ids = sorted(_ids_in(path))
        elif path.exists():
            with store.opening(path) as file:
                store.header_of(file, path, kind)
                if INDEX not in file:
                    raise ArtifactError(
                        f"{path} holds a single clip, expected a folder or a merged file.",
                        hint=f"give the folder that holds it: {path.parent}",
                    )
                self._groups = dict(json.loads(file[INDEX][()].tobytes()))
            self.ids = sorted(self._groups)
        else:
            raise ArtifactError(f"{path} does not exist.")

    @property
    def merged(self) -> bool:
        """Whether the clips lie in one file."""
        return self._groups is not None

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, clip: object) -> bool:
        return clip in self._groups if self._groups is not None else isinstance(clip, str) and self._file(clip).is_file()

    def read(self, clip: str) -> Artifact:
        """Read one member."""
        if self._groups is None:
            return store.read(self._file(clip), self.kind)
        with store.opening(self.path) as file:
            return store.read_group(self._group(file, clip), f"{self.path}:{clip}", self.kind)

    def header(self, clip: str) -> Header:
        """Read one member's root attributes."""
        if self._groups is None:
            return store.read_header(self._file(clip), self.kind)
        with store.opening(self.path) as file:
            return store.header_of(self._group(file, clip), f"{self.path}:{clip}", self.kind)

    def manifest_text(self) -> str | None:
        """Return the manifest that travels with the clips, as CSV text, or None."""
        if self.path.is_dir():
            file = self.path / MANIFEST
            return file.read_text(encoding="utf-8") if file.is_file() else None
        with store.opening(self.path) as merged:
            return bytes(merged[_MANIFEST][()].tobytes()).decode() if _MANIFEST in merged else None

    def fingerprint(self) -> str:
        """Return the fingerprint of all members and the manifest: that of the merged file."""
        members = [(clip, self.header(clip).fingerprint) for clip in self.ids]
        text = self.manifest_text()
        return combine([*members, *([(MANIFEST, of_value(text))] if text else [])])

    def _file(self, clip: str) -> Path:
        return self.path / f"{clip}{SUFFIX}"

    def _group(self, file: h5py.File, clip: str) -> h5py.Group:
        if self._groups is None or clip not in self._groups:
            raise ArtifactError(f"{self.path} has no clip '{clip}'.", hint=f"aqa inspect {self.path}")
        return file[self._groups[clip]]


def merge(folder: Path, target: Path, kind: str, progress: Progress | None = None) -> int:
    """Pack every artifact of ``kind`` under ``folder`` into the one file ``target``; return how many there were.

    Raises:
        ArtifactError: the folder is empty, or a member is damaged or of another kind (nothing is written then).
    """
    collection = Collection(folder, kind)
    if not collection.ids:
        raise ArtifactError(f"{folder} holds no '{kind}' artifacts.", hint="run the stage that makes them first")
    index = {clip: f"members/{number:06d}" for number, clip in enumerate(collection.ids)}
    with store.replacing(target) as file, (progress or Silent()).task(f"merging {folder.name}", len(index)) as task:
        for clip, group in index.items():
            store.write_group(file.create_group(group), collection.read(clip))
            task.advance(1, clip)
        store.write_text(file, INDEX, json.dumps(index, sort_keys=True), "json")
        if manifest := collection.manifest_text():
            store.write_text(file, _MANIFEST, manifest, "csv")
        store.write_group(file, Artifact(Header(kind, STAGE, VERSION, collection.fingerprint())))
    return len(index)


def merge_folder(folder: Path, target: Path, kind: str | None = None, *, overwrite: bool = False, progress: Progress | None = None) -> int:
    """Merge ``folder`` unless ``target`` holds its very artifacts already (then 0 is returned).

    Args:
        folder: of artifacts.
        target: the file to write.
        kind: of the artifacts; None takes that of the first.
        overwrite: replace a target with another content.
        progress: where to report.

    Raises:
        UsageError: the target lies inside the folder.
        ArtifactError: nothing to merge, a member is damaged or of another kind, or the target exists with another content.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise ArtifactError(f"{folder} {problem}.", hint="give a folder of artifacts")
    if folder.resolve() in target.resolve().parents:
        raise UsageError(f"{target} lies inside {folder}, where it would count as one of its artifacts.", hint=f"-o {folder}{SUFFIX}")
    first = min(_ids_in(folder), default=None)
    if first is None:
        raise ArtifactError(f"{folder} holds no artifacts.", hint="run the stage that makes them first")
    collection = Collection(folder, kind or store.read_header(folder / f"{first}{SUFFIX}").kind)
    if target.exists() and not overwrite:
        if target.is_file() and store.read_header(target).fingerprint == collection.fingerprint():
            return 0
        raise ArtifactError(f"{target} exists and holds something else.", hint="--overwrite replaces it; -o FILE writes elsewhere")
    return merge(folder, target, collection.kind, progress)


def _ids_in(folder: Path) -> Iterator[str]:
    for file in folder.rglob(f"*{SUFFIX}"):
        relative = file.relative_to(folder)
        if file.is_file() and not any(part.startswith(".") for part in relative.parts):
            yield relative.as_posix().removesuffix(SUFFIX)
