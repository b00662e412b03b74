"""One glance at any artifact, folder, merged file or manifest: what ``aqa inspect`` shows, as JSON values."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.artifacts import schema, store
from stages.artifacts.collection import MANIFEST, Collection
from stages.artifacts.guarded import Guard
from stages.artifacts.provenance import in_words
from stages.artifacts.store import INDEX, Artifact, Header
from stages.artifacts.verify import SECONDS, files_in
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest, is_numeric
from stages.errors import AqaError, ArtifactError

Facts = dict[str, Any]
Member = tuple[str, str, Callable[[], Artifact]]
"""An artifact that has not been read yet: its kind, its name, and how to read it."""
SAMPLE = 400
"""So many members of a folder or merged file are read whole; of more, this many at equal distances (the description says so)."""
_MANY = 12


def describe(path: Path, seconds: float = SECONDS) -> Facts:
    """Describe what lies at ``path``, reading it in a child process, since a damaged file can make HDF5 hang or crash.

    Raises:
        ArtifactError: there is nothing, or nothing readable.
    """
    files = files_in(path) if path.is_dir() else [path]
    with Guard("stages.artifacts.describe:describe_here", seconds) as guard:
        found: Facts = guard.call(str(path), where=str(path), size=sum(file.stat().st_size for file in files if file.is_file()))
    return found


def describe_here(name: str) -> Facts:
    """Describe ``name`` in this process; see :func:`describe`."""
    path = Path(name)
    if path.is_dir():
        return _folder(path)
    if path.suffix == ".csv":
        return {"path": name, "form": "manifest", "bytes": path.stat().st_size if path.is_file() else 0} | manifest_facts(
            manifests.read(path)
        )
    with store.opening(path) as file:
        header = store.header_of(file, path)
        merged = INDEX in file
    return _merged(path, header) if merged else _single(path)


def manifest_facts(manifest: Manifest) -> Facts:
    """Return the number of rows and, for each column, how many cells are filled and their range or their values."""
    columns: Facts = {}
    for column in manifest.columns:
        values = [row.values.get(column) for row in manifest.rows]
        filled = [value for value in values if value is not None]
        if is_numeric(column):
            numbers = [value for value in filled if isinstance(value, float)]
            columns[column] = {"filled": len(numbers), "range": [min(numbers), max(numbers)] if numbers else None}
        else:
            counts = Counter(str(value) for value in filled)
            columns[column] = {"filled": len(filled), "values": len(counts), "common": dict(counts.most_common(_MANY))}
    return {"rows": len(manifest), "columns": columns}


def _single(path: Path) -> Facts:
    artifact = store.read(path)
    header, documents = artifact.header, artifact.documents
    return {
        "path": str(path),
        "form": "artifact",
        "kind": header.kind,
        "summary": schema.KINDS[header.kind].summary,
        "bytes": path.stat().st_size,
        **_stamps(header),
        "facts": facts_of(artifact),
        "arrays": [_array(artifact, name) for name in sorted(artifact.arrays)],
        "clip": documents.get("clip", {}),
        "config": documents["config"],
        "provenance": documents["provenance"],
        "made_by": in_words([documents["provenance"]]),
    }


def _stamps(header: Header) -> Facts:
    names = ("stage", "stage_version", "fingerprint", "created_by", "schema_version", "content_digest")
    return {name: getattr(header, name) for name in names}


def _array(artifact: Artifact, name: str) -> Facts:
    array = artifact.arrays[name]
    attributes = schema.attributes(artifact.kind, name, artifact.documents)
    dimensions = attributes["dimensions"].split(",") if "dimensions" in attributes else []
    units = {"units": attributes["units"]} if "units" in attributes else {}
    return {"name": name, "dtype": str(array.dtype), "shape": list(array.shape), "dimensions": dimensions} | units


def _merged(path: Path, header: Header) -> Facts:
    collection = Collection(path, header.kind)
    text = collection.manifest_text()
    members = [(header.kind, clip, partial(collection.read, clip)) for clip in collection.ids]
    found: Facts = {"path": str(path), "form": "merged", "kind": header.kind, "bytes": path.stat().st_size, **_stamps(header)}
    return found | _many(members) | ({"manifest": manifest_facts(manifests.parse(text, MANIFEST))} if text else {})


def _folder(path: Path) -> Facts:
    files = [file for file in files_in(path) if file.name != MANIFEST]
    found: Facts = {"path": str(path), "form": "folder", "bytes": sum(file.stat().st_size for file in files)}
    members: list[Member] = []
    merged: list[str] = []
    damaged: list[list[str]] = []
    for file in files:
        name = file.relative_to(path).as_posix()
        try:
            with store.opening(file) as opened:
                header = store.header_of(opened, file)
                is_merged = INDEX in opened
        except ArtifactError as error:
            damaged.append([name, error.message])
            continue
        if is_merged:
            merged.append(name)
        else:
            members.append((header.kind, name, partial(store.read, file)))
    found |= _many(members)
    found["damaged"] = damaged + found["damaged"]
    found["merged_files"] = merged
    if (path / MANIFEST).is_file():
        try:
            found["manifest"] = manifest_facts(manifests.read(path / MANIFEST))
        except AqaError as error:
            found["damaged"].append([MANIFEST, error.message])
    return found


def _many(members: Sequence[Member]) -> Facts:
    """Summarise many artifacts kind by kind; those that cannot be read are listed."""
    step = max(1, -(-len(members) // SAMPLE))
    read: dict[str, list[Artifact]] = {}
    damaged: list[list[str]] = []
    for _, name, load in members[::step]:
        try:
            artifact = load()
        except ArtifactError as error:
            damaged.append([name, error.message])
        else:  # what is kept of each is small: its facts, not its arrays
            read.setdefault(artifact.kind, []).append(Artifact(artifact.header, {}, {**artifact.documents, "$facts": facts_of(artifact)}))
    counts = Counter(kind for kind, _, _ in members)
    kinds = {
        kind: {
            "count": counts[kind],
            "read": len(read.get(kind, [])),
            "summary": schema.KINDS[kind].summary if kind in schema.KINDS else "",
            "examples": [name.removesuffix(".h5") for other, name, _ in members if other == kind][:3],
            "facts": _aggregate([artifact.documents["$facts"] for artifact in read.get(kind, [])]),
            "made_by": in_words(artifact.documents["provenance"] for artifact in read.get(kind, [])),
        }
        for kind in sorted(counts)
    }
    return {"count": len(members), "kinds": kinds, "damaged": damaged}


def _aggregate(members: Sequence[Facts]) -> Facts:
    """Return, for each fact, its smallest, middle and largest value, or how often each text occurs."""
    found: Facts = {}
    for key in dict.fromkeys(key for facts in members for key in facts):
        values = [facts[key] for facts in members if facts.get(key) is not None]
        if values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            found[key] = {"min": min(values), "median": statistics.median(values), "max": max(values)}
        else:
            counts = Counter(", ".join(map(str, value)) if isinstance(value, list) else str(value) for value in values)
            found[key] = dict(counts.most_common(_MANY))
    return found


def facts_of(artifact: Artifact) -> Facts:
    """Return what is worth knowing of one artifact, by its kind; facts that it does not state are left out."""
    gather = _FACTS.get(artifact.kind)
    found = gather(artifact) if gather else {}
    return {key: value for key, value in found.items() if value is not None}


def _poses(artifact: Artifact) -> Facts:
    arrays, skeleton = artifact.arrays, artifact.documents["skeleton"]
    positions, timestamps = arrays["positions"], arrays["timestamps"]
    span = float(timestamps[-1] - timestamps[0]) if len(timestamps) > 1 else 0.0
    missing = np.isnan(positions).any(axis=-1)
    return {
        "skeleton": skeleton.get("layout"),
        "people": positions.shape[0],
        "frames": positions.shape[1],
        "joints": positions.shape[2],
        "axes": positions.shape[3],
        "seconds": round(span, 3) if span else None,
        "fps": round((len(timestamps) - 1) / span, 3) if span else None,
        "missing_share": round(float(missing.mean()), 4) if missing.size else None,
        "units": skeleton.get("units"),
        "origin": skeleton.get("origin"),
    }


def _features(artifact: Artifact) -> Facts:
    features = artifact.arrays["features"]
    return {"views": features.shape[0], "segments": features.shape[1], "dimensions": features.shape[2], "dtype": str(features.dtype)}


def _flow(artifact: Artifact) -> Facts:
    frames, _, rows, columns = artifact.arrays["flow"].shape
    return {"frames": frames, "rows": rows, "columns": columns}


def _images(artifact: Artifact) -> Facts:
    _, frames, channels, rows, columns = artifact.arrays["images"].shape
    clip = artifact.documents["clip"]
    sizes = {"frames": frames, "channels": channels, "rows": rows, "columns": columns}
    return {"kind": clip.get("kind"), "views": [view["name"] for view in clip["views"]]} | sizes


def _network(artifact: Artifact) -> Facts:
    encoder, training = artifact.documents.get("encoder", {}), artifact.documents.get("training", {})
    weights = [array for name, array in artifact.arrays.items() if name.startswith("weights/")]
    return {
        "encoder": encoder.get("name"),
        "skeleton": encoder.get("skeleton"),
        "weights": sum(int(array.size) for array in weights) or None,
        "epochs": len(training.get("history", [])) or None,
        "best_epoch": training.get("best_epoch"),
        "select": training.get("select"),
        "clips_seen": len(training["clips"]) if isinstance(training.get("clips"), list) else None,
    }


def _model(artifact: Artifact) -> Facts:
    method, data = artifact.documents["method"], artifact.documents["data"]
    parts = {part: len(data[part]) for part in ("train", "validation", "test") if isinstance(data.get(part), list)}
    named = {key: data.get(key) for key in ("dataset", "protocol", "fold", "seed")}
    return {"method": method.get("name")} | named | parts | _network(artifact)


def _predictions(artifact: Artifact) -> Facts:
    predicted, truth = artifact.arrays["predicted"], artifact.arrays["truth"]
    facts = artifact.documents["samples"].get("facts", {})
    return {
        "samples": len(truth),
        "seeds": predicted.shape[1] if predicted.ndim > 1 else 1,
        **_range("truth", truth),
        **_range("predicted", predicted),
        **{key: facts.get(key) for key in ("dataset", "method", "protocol", "select")},
    }


def _range(name: str, values: Array) -> Facts:
    known = values[np.isfinite(values)]
    return {f"{name}_from": float(known.min()), f"{name}_to": float(known.max())} if known.size else {}


def _checkpoint(artifact: Artifact) -> Facts:
    position = artifact.documents["state"].get("position", {})
    return {key: position.get(name) for key, name in (("phase", "phase"), ("epochs_done", "total_epochs"), ("step", "step"))}


_FACTS: Mapping[str, Callable[[Artifact], Facts]] = {
    "poses": _poses,
    "features": _features,
    "flow": _flow,
    "images": _images,
    "encoder": _network,
    "model": _model,
    "predictions": _predictions,
    "checkpoint": _checkpoint,
}
