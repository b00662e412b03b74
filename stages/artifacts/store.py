"""Reading and writing one artifact.

Writing is atomic: a temporary name beside the target, fsync, ``os.replace``; a killed writer leaves no half file.  Numeric
arrays carry ``fletcher32``, JSON documents are 1-D uint8, HDF5 metadata is checksummed (files are written with library
version v110), strings in attributes have a fixed length so that they lie inside that metadata, and a SHA-256 digest of the
whole content lies at the root.  Reading verifies the digest, so a flipped byte is an error and never a number.  A damaged file
can make the HDF5 library itself hang or crash: :mod:`stages.artifacts.verify` reads such files in a process of their own.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stages.arrays import Array
from stages.artifacts import schema
from stages.errors import ArtifactError, ForeignArtifactError
from stages.version import __version__

Documents = dict[str, Any]
PARTIAL = ".partial"
"""Suffix of the hidden file that is being written; one that stays was left by a killed writer and can be deleted."""
_DOCUMENT = "json"
INDEX = "index"
"""The document that makes a file a merged one."""
_COMPRESS_FROM = 4096
"""Arrays of at least this many bytes are worth gzip; smaller ones only cost chunks."""
UNREADABLE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)
"""Everything that h5py has been seen to raise on damaged files."""


@dataclass(frozen=True)
class Header:
    """The root attributes of an artifact: enough to plan, without reading its arrays."""

    kind: str
    stage: str
    stage_version: int
    fingerprint: str
    created_by: str = f"aqa-toolkit {__version__}"
    schema_version: str = schema.SCHEMA_VERSION
    content_digest: str = ""


@dataclass(frozen=True)
class Artifact:
    """One artifact in memory: header, numeric arrays by HDF5 path, JSON documents by name."""

    header: Header
    arrays: Mapping[str, Array] = field(default_factory=dict)
    documents: Documents = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The artifact's kind (poses, encoder, model …)."""
        return self.header.kind


def write(path: Path, artifact: Artifact) -> None:
    """Write ``artifact`` to ``path``, whole or not at all.

    Raises:
        ArtifactError: the content does not conform to its kind, or the disk refuses (full, read-only).
    """
    check(artifact, path)
    with replacing(path) as file:
        write_group(file, artifact)


def check(artifact: Artifact, where: Path | str) -> None:
    """Raise one error that lists every deviation of ``artifact`` from the schema of its kind."""
    found = schema.problems(artifact.kind, artifact.arrays, artifact.documents, artifact.header.schema_version)
    if found:
        listing = "\n".join(f"  - {problem}" for problem in found)
        raise ArtifactError(f"{where} is not a valid '{artifact.kind}' artifact:\n{listing}")


@contextmanager
def replacing(path: Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file under a temporary name that takes the place of ``path`` when the block ends without an error."""
    with replacing_path(path) as temporary, _Sink(temporary, "r+") as sink:
        try:
            with h5py.File(sink, "w", libver=("v110", "v110")) as file:
                yield file
        finally:
            if sink.error is not None:
                raise sink.error


@contextmanager
def replacing_path(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; what was written there replaces ``path`` when the block ends well."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=PARTIAL, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        temporary.chmod(0o666 & ~_umask())
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def write_group(group: h5py.Group, artifact: Artifact) -> None:
    """Write ``artifact`` into an open group (the root of a file, or one member of a merged file) and stamp it."""
    for name in sorted(artifact.arrays):
        array = np.asarray(artifact.arrays[name])
        dataset = _write_dataset(group, name, array, fletcher32=array.size > 0, chunks=schema.chunks(artifact.kind, name, array.shape))
        for key, text in schema.attributes(artifact.kind, name, artifact.documents).items():
            dataset.attrs[key] = np.bytes_(text.encode())
    for name in sorted(artifact.documents):
        text = json.dumps(artifact.documents[name], sort_keys=True, allow_nan=False)
        write_text(group, name, text, _DOCUMENT)
    header = artifact.header
    attributes = {
        "aqa_kind": header.kind,
        "schema_version": header.schema_version,
        "stage": header.stage,
        "fingerprint": header.fingerprint,
        "created_by": header.created_by,
    }
    for key, value in attributes.items():
        group.attrs[key] = np.bytes_(value.encode())
    group.attrs["stage_version"] = np.int64(header.stage_version)
    group.attrs["complete"] = np.int64(1)
    group.attrs["content_digest"] = np.bytes_(content_digest(group).encode())


def write_text(group: h5py.Group, name: str, text: str, kind: str) -> None:
    """Write ``text`` as a document: 1-D uint8, so that HDF5 can filter it, with its ``format`` (json, csv) as an attribute."""
    dataset = _write_dataset(group, name, np.frombuffer(text.encode(), dtype=np.uint8), fletcher32=bool(text))
    dataset.attrs["format"] = np.bytes_(kind.encode())


def read(path: Path, kind: str | None = None) -> Artifact:
    """Read a whole artifact and verify its digest.

    Raises:
        ArtifactError: missing, truncated, damaged, of another kind, or written by another major version.
    """
    with opening(path) as file:
        return read_group(file, path, kind)


def read_group(group: h5py.Group, where: Path | str, kind: str | None = None) -> Artifact:
    """Read the artifact that lies in ``group``; see :func:`read`."""
    header = header_of(group, where, kind)
    if INDEX in group:
        raise ArtifactError(
            f"{where} holds many clips in one file, expected a single artifact.", hint=f"aqa inspect {where} lists what is in it"
        )
    content: dict[str, Array] = {}
    if content_digest(group, content) != header.content_digest:
        raise ArtifactError(f"{where} is damaged: its content does not match its digest.", hint=_rebuild(header))
    documents = {name: json.loads(content.pop(name).tobytes()) for name in list(content) if "format" in group[name].attrs}
    artifact = Artifact(header, content, documents)
    check(artifact, where)
    return artifact


def read_header(path: Path, kind: str | None = None) -> Header:
    """Read only the root attributes; see :func:`read` for the errors."""
    with opening(path) as file:
        return header_of(file, path, kind)


def read_document(path: Path, name: str) -> Any:
    """Read one JSON document without its arrays (fletcher32 protects it; the digest is not checked)."""
    with opening(path) as file:
        header_of(file, path)
        if name not in file:
            raise ArtifactError(f"{path} has no document '{name}'.", hint=f"aqa validate {path}")
        return json.loads(file[name][()].tobytes())


@contextmanager
def opening(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; everything that HDF5 says about a damaged file becomes one clear error."""
    try:
        if not path.is_file():
            raise ArtifactError(f"{path} does not exist." if not path.exists() else f"{path} is not a file.")
        with h5py.File(path, "r", locking=False) as file:  # artifacts never change in place, and many cluster disks cannot lock
            yield file
    except PermissionError as error:
        raise ForeignArtifactError(f"{path} cannot be read: {error.strerror}.", hint="check its owner and mode with ls -l") from error
    except UNREADABLE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ArtifactError(
            f"{path} is not a readable HDF5 artifact: truncated or damaged ({reason}).",
            hint="delete it and run the stage that made it again; 'aqa validate' checks a whole folder",
        ) from error


def header_of(group: h5py.Group, where: Path | str, kind: str | None = None) -> Header:
    """Return the header of ``group``, refusing what this version cannot read."""
    attributes = group.attrs
    if "aqa_kind" not in attributes:
        raise ForeignArtifactError(f"{where} is an HDF5 file, but not an artifact of this toolkit (no 'aqa_kind' attribute).")
    text = {key: _text(attributes[key]) for key in attributes if not isinstance(attributes[key], np.integer)}
    version = text.get("schema_version", "?")
    if version.split(".")[0] != schema.SCHEMA_VERSION.split(".")[0]:
        raise ForeignArtifactError(
            f"{where} has format version {version}; this version of the toolkit reads {schema.SCHEMA_VERSION.split('.')[0]}.x.",
            hint=f"it was written by {text.get('created_by', 'an unknown version')}: read it with that version",
        )
    if not attributes.get("complete", 0):
        raise ArtifactError(f"{where} is incomplete: its writer never finished.", hint="run the stage again")
    if kind is not None and text["aqa_kind"] != kind:
        raise ArtifactError(f"{where} is of kind '{text['aqa_kind']}', expected '{kind}'.", hint=f"aqa inspect {where}")
    missing = [key for key in ("stage", "fingerprint", "created_by", "content_digest") if key not in text]
    missing += [key for key in ("stage_version",) if key not in attributes]
    if missing:
        raise ArtifactError(f"{where} lacks the root attributes {', '.join(missing)}.")
    return Header(
        kind=text["aqa_kind"],
        stage=text["stage"],
        stage_version=int(attributes["stage_version"]),
        fingerprint=text["fingerprint"],
        created_by=text["created_by"],
        schema_version=version,
        content_digest=text["content_digest"],
    )


def content_digest(group: h5py.Group, content: dict[str, Array] | None = None) -> str:
    """Return the SHA-256 of everything in ``group``, as ``docs/format.md`` defines it; ``content`` collects the datasets on the way."""
    digest = hashlib.sha256()
    nodes: list[str] = []
    group.visit(nodes.append)
    for name in ["", *sorted(nodes)]:
        node = group[name] if name else group
        digest.update(f"node {name}\n".encode())
        for key in sorted(node.attrs):
            if name or key != "content_digest":
                _digest_value(digest, f"attr {key}", np.asarray(node.attrs[key]))
        if isinstance(node, h5py.Dataset):
            array = node[()]
            _digest_value(digest, "data", array)
            if content is not None:
                content[name] = array
    return digest.hexdigest()


def _digest_value(digest: Any, label: str, value: Array) -> None:
    """Add one value: its label, type and shape as a line, then its bytes, little-endian in C order."""
    digest.update(f"{label} {value.dtype.newbyteorder('=')} {value.shape}\n".encode())
    if value.size:
        little = value.astype(value.dtype.newbyteorder("<"), copy=False)
        digest.update(np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)


def _write_dataset(group: h5py.Group, name: str, array: Array, *, fletcher32: bool, chunks: tuple[int, ...] | None = None) -> h5py.Dataset:
    if array.ndim == 0:  # HDF5 cannot filter scalars, so they would go unprotected
        raise ValueError(f"{name}: store scalars as arrays of one element or in a document")
    options: dict[str, Any] = {"fletcher32": True} if fletcher32 else {}
    if array.nbytes >= _COMPRESS_FROM:
        options |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    return group.create_dataset(name, data=array, chunks=chunks, **options)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _rebuild(header: Header) -> str:
    return f"delete it and run 'aqa {header.stage}' again"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(path: Path) -> None:
    try:
        _sync(path)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):  # some network disks cannot sync a folder
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


class _Sink(io.FileIO):
    """The disk as HDF5 sees it while writing: the first error is kept and the library is told that all went well.

    HDF5 cannot close a file whose disk is full: it raises from destructors and crashes the process on exit.  So it closes a
    file that it believes to be whole, and :func:`replacing` raises the kept error and drops that file.
    """

    error: OSError | None = None

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(view):
                done += super().write(view[done:]) or 0
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0


def _write_error(path: Path, error: OSError) -> ArtifactError:
    folder = path.parent
    reasons: dict[int | None, str] = {
        errno.ENOSPC: f"the disk that holds {folder} is full",
        errno.EDQUOT: f"your quota on the disk that holds {folder} is used up",
        errno.EFBIG: f"it would be larger than the limit on file sizes in {folder}",
        errno.EACCES: f"no permission to write in {folder}",
        errno.EPERM: f"no permission to write in {folder}",
        errno.EROFS: f"{folder} is on a read-only file system",
        errno.ENOTDIR: f"{folder} is not a folder",
        errno.EEXIST: f"{folder} is not a folder",
        errno.EISDIR: "a folder of that name is in the way",
        errno.ENAMETOOLONG: "its name is too long for the file system",
    }
    reason = reasons.get(error.errno, str(error))
    space = "free space or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return ArtifactError(
        f"Cannot write {path}: {reason}. Nothing already made is lost.",
        hint=f"{space}choose another place with --workspace or -o, then run the same command again",
    )
