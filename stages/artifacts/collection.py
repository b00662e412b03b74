"""One reader for many clips: a folder of artifacts, or the single file that ``aqa merge`` makes of it.

A clip's id is its path relative to the folder, without the suffix.  In a merged file the members lie in groups
``/members/000000`` … and ``/index`` names them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from stages.artifacts import store
from stages.artifacts.fingerprint import combine
from stages.artifacts.store import Artifact, Header
from stages.errors import ArtifactError

SUFFIX = ".h5"
MANIFEST = "manifest.csv"


class Collection:
    """The artifacts of one kind under one path, by id."""

    def __init__(self, path: Path, kind: str) -> None:
        """Open ``path`` (a folder or a merged file).

        Raises:
            ArtifactError: there is nothing there, or it is of another kind.
        """
        self.path, self.kind = path, kind
        self._groups: dict[str, str] = {}
        if path.is_dir():
            self.ids = sorted(_ids_in(path))
        elif path.exists():
            with store.opening(path) as file:
                store.header_of(file, path, kind)
                if "index" not in file:
                    raise ArtifactError(f"{path} holds a single clip, expected a folder or a merged file.")
                self._groups = json.loads(file["index"][()].tobytes())
            self.ids = sorted(self._groups)
        else:
            raise ArtifactError(f"{path} does not exist.")

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, clip: object) -> bool:
        return clip in self._groups if self._groups else isinstance(clip, str) and self._file(clip).is_file()

    def read(self, clip: str) -> Artifact:
        """Read one member."""
        if not self._groups:
            return store.read(self._file(clip), self.kind)
        with store.opening(self.path) as file:
            return store.read_group(self._group(file, clip), f"{self.path}:{clip}", self.kind)

    def header(self, clip: str) -> Header:
        """Read one member's root attributes."""
        if not self._groups:
            return store.read_header(self._file(clip), self.kind)
        with store.opening(self.path) as file:
            return store.header_of(self._group(file, clip), f"{self.path}:{clip}", self.kind)

    def manifest_text(self) -> str | None:
        """Return the manifest that travels with the clips, as CSV text, or None."""
        if self.path.is_dir():
            file = self.path / MANIFEST
            return file.read_text(encoding="utf-8") if file.is_file() else None
        with store.opening(self.path) as merged:
            return bytes(merged["manifest"][()].tobytes()).decode() if "manifest" in merged else None

    def _file(self, clip: str) -> Path:
        return self.path / f"{clip}{SUFFIX}"

    def _group(self, file: h5py.File, clip: str) -> h5py.Group:
        if clip not in self._groups:
            raise ArtifactError(f"{self.path} has no clip '{clip}'.")
        return file[self._groups[clip]]


def merge(folder: Path, target: Path, kind: str) -> int:
    """Pack every artifact of ``kind`` under ``folder`` into the one file ``target``; return how many there were.

    Raises:
        ArtifactError: the folder is empty, or a member is damaged (nothing is written then).
    """
    collection = Collection(folder, kind)
    if not collection.ids:
        raise ArtifactError(f"{folder} holds no '{kind}' artifacts.", hint="run the stage that makes them first")
    index = {clip: f"members/{number:06d}" for number, clip in enumerate(collection.ids)}
    with store.replacing(target) as file:
        headers = []
        for clip, group in index.items():
            artifact = collection.read(clip)
            headers.append(artifact.header)
            store.write_group(file.create_group(group), artifact)
        texts = {"index": json.dumps(index), "manifest": collection.manifest_text()}
        for name, text in texts.items():
            if text:
                file.create_dataset(name, data=np.frombuffer(text.encode(), dtype=np.uint8), fletcher32=True)
        _stamp(file, kind, headers)
    return len(index)


def _stamp(file: h5py.File, kind: str, headers: list[Header]) -> None:
    merged = Header(kind, "merge", 1, combine((str(n), header.fingerprint) for n, header in enumerate(headers)))
    store.write_group(file, Artifact(merged))


def _ids_in(folder: Path) -> Iterator[str]:
    for file in folder.rglob(f"*{SUFFIX}"):
        relative = file.relative_to(folder)
        if not any(part.startswith(".") for part in relative.parts):
            yield relative.with_suffix("").as_posix()
