"""Reading and writing one artifact.

Writing is atomic: a temporary name beside the target, fsync, ``os.replace``; a killed writer leaves no half file.  Numeric
arrays carry ``fletcher32``, JSON documents are 1-D uint8, HDF5 metadata is checksummed (files are written with library
version v110), strings in attributes have a fixed length so that they lie inside that metadata, and a SHA-256 digest of the
whole content lies at the root.  Reading verifies the digest, so a flipped byte is an error and never a number.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stages.arrays import Array
from stages.artifacts import schema
from stages.errors import ArtifactError
from stages.version import __version__

Documents = dict[str, Any]
_DOCUMENT = "json"
_COMPRESS_FROM = 4096
"""Arrays of at least this many bytes are worth gzip; smaller ones only cost chunks."""


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
    found = schema.problems(artifact.kind, artifact.arrays, artifact.documents)
    if found:
        listing = "\n".join(f"  - {problem}" for problem in found)
        raise ArtifactError(f"{where} is not a valid '{artifact.kind}' artifact:\n{listing}")


@contextmanager
def replacing(path: Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file under a temporary name that takes the place of ``path`` when the block ends without an error."""
    with replacing_path(path) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as file:
        yield file


@contextmanager
def replacing_path(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; what was written there replaces ``path`` when the block ends well."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        temporary.chmod(0o666 & ~_umask())
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_group(group: h5py.Group, artifact: Artifact) -> None:
    """Write ``artifact`` into an open group (the root of a file, or one member of a merged file)."""
    for name in sorted(artifact.arrays):
        array = np.asarray(artifact.arrays[name])
        dataset = _write_dataset(group, name, array, fletcher32=array.size > 0)
        dims = schema.dimension_names(artifact.kind, name)
        if dims:
            dataset.attrs["dimensions"] = np.bytes_(",".join(dims).encode())
        units = schema.KINDS[artifact.kind].arrays[name].units if dims else ""
        if units:
            dataset.attrs["units"] = np.bytes_(units.encode())
    for name in sorted(artifact.documents):
        text = json.dumps(artifact.documents[name], sort_keys=True, allow_nan=False)
        dataset = _write_dataset(group, name, np.frombuffer(text.encode(), dtype=np.uint8), fletcher32=True)
        dataset.attrs["format"] = np.bytes_(_DOCUMENT.encode())
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
    if content_digest(group) != header.content_digest:
        raise ArtifactError(f"{where} is damaged: its content does not match its digest.", hint=_rebuild(header))
    arrays: dict[str, Array] = {}
    documents: Documents = {}

    def visit(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
            if "format" in node.attrs:
                documents[name] = json.loads(node[()].tobytes())
            else:
                arrays[name] = node[()]

    group.visititems(visit)
    artifact = Artifact(header, arrays, documents)
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
    if not path.is_file():
        raise ArtifactError(f"{path} does not exist." if not path.exists() else f"{path} is not a file.")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, UnicodeDecodeError, json.JSONDecodeError) as error:
        if isinstance(error, PermissionError):
            raise ArtifactError(f"{path} cannot be read: {error.strerror}.") from error
        raise ArtifactError(
            f"{path} is not a readable HDF5 artifact: truncated or damaged ({str(error).splitlines()[0]}).",
            hint="delete it and run the stage that made it again; 'aqa validate' checks a whole folder",
        ) from error


def header_of(group: h5py.Group, where: Path | str, kind: str | None = None) -> Header:
    """Return the header of ``group``, refusing what this version cannot read."""
    attributes = group.attrs
    if "aqa_kind" not in attributes:
        raise ArtifactError(f"{where} is an HDF5 file, but not an artifact of this toolkit (no 'aqa_kind' attribute).")
    text = {key: _text(attributes[key]) for key in attributes if not isinstance(attributes[key], np.integer)}
    version = text.get("schema_version", "?")
    if version.split(".")[0] != schema.SCHEMA_VERSION.split(".")[0]:
        raise ArtifactError(
            f"{where} has format version {version}; this version of the toolkit reads {schema.SCHEMA_VERSION.split('.')[0]}.x.",
            hint=f"it was written by {text.get('created_by', 'an unknown version')}: read it with that version",
        )
    if not attributes.get("complete", 0):
        raise ArtifactError(f"{where} is incomplete: its writer never finished.", hint="run the stage again")
    if kind is not None and text["aqa_kind"] != kind:
        raise ArtifactError(f"{where} is of kind '{text['aqa_kind']}', expected '{kind}'.", hint=f"aqa inspect {where}")
    missing = [key for key in ("stage", "fingerprint", "created_by", "content_digest") if key not in text]
    if missing:
        raise ArtifactError(f"{where} lacks the root attributes {', '.join(missing)}.")
    return Header(
        kind=text["aqa_kind"],
        stage=text["stage"],
        stage_version=int(attributes.get("stage_version", 0)),
        fingerprint=text["fingerprint"],
        created_by=text["created_by"],
        schema_version=version,
        content_digest=text["content_digest"],
    )


def content_digest(group: h5py.Group) -> str:
    """Return the SHA-256 of everything in ``group``: names, types, shapes, bytes and attributes (itself excepted)."""
    digest = hashlib.sha256()
    nodes: list[str] = []
    group.visit(nodes.append)
    for name in ["", *sorted(nodes)]:
        node = group[name] if name else group
        digest.update(f"node {name}\n".encode())
        for key in sorted(node.attrs):
            if name or key != "content_digest":
                value = np.asarray(node.attrs[key])
                digest.update(f"attr {key} {value.dtype} {value.shape}\n".encode() + value.tobytes())
        if isinstance(node, h5py.Dataset):
            array = node[()]
            digest.update(f"data {array.dtype} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()


def _write_dataset(group: h5py.Group, name: str, array: Array, *, fletcher32: bool) -> h5py.Dataset:
    if array.ndim == 0:  # HDF5 cannot filter scalars, so they would go unprotected
        raise ValueError(f"{name}: store scalars as arrays of one element or in a document")
    options: dict[str, Any] = {"fletcher32": True} if fletcher32 else {}
    if array.nbytes >= _COMPRESS_FROM:
        options |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    return group.create_dataset(name, data=array, **options)


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write_error(path: Path, error: OSError) -> ArtifactError:
    reasons: dict[int | None, Callable[[], str]] = {
        errno.ENOSPC: lambda: f"the disk that holds {path.parent} is full",
        errno.EDQUOT: lambda: f"your quota on the disk that holds {path.parent} is used up",
        errno.EACCES: lambda: f"no permission to write in {path.parent}",
        errno.EPERM: lambda: f"no permission to write in {path.parent}",
        errno.EROFS: lambda: f"{path.parent} is on a read-only file system",
    }
    code = error.errno
    if code is None:  # h5py reports the operating system's error only inside its message
        code = next((known for known in reasons if known and os.strerror(known) in str(error)), None)
    reason = reasons.get(code, lambda: str(error))()
    return ArtifactError(
        f"Cannot write {path}: {reason}. Nothing already made is lost.",
        hint="free space or choose another place with --workspace or -o, then run the same command again",
    )
