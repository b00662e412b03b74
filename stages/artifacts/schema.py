"""What each kind of artifact must hold: one literal table, and the check that names every deviation at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stages.arrays import Array

SCHEMA_VERSION = "1.0"
"""major.minor: readers accept any minor of their own major."""


@dataclass(frozen=True)
class ArraySpec:
    """One dataset: the names of its dimensions (a final ``"..."`` leaves the rest open) and its numpy kinds (``f``, ``i``, ``u``).

    Along the first ``singly`` dimensions it is stored one by one, so that parts of it can be read alone.
    """

    dims: tuple[str, ...]
    kinds: str = "f"
    required: bool = True
    units: str = ""
    singly: int = 0


@dataclass(frozen=True)
class KindSpec:
    """One kind of artifact: its arrays, and the JSON documents that must lie beside them."""

    summary: str
    arrays: Mapping[str, ArraySpec] = field(default_factory=dict)
    documents: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    """Groups under which any array may lie (weights have names of their own)."""


COMMON_DOCUMENTS = ("config", "provenance")

CARRIED = ("held_out", "known", "places", "best")
"""What a model carries besides its weights: predictions of held-out clips, training targets, places of training clips, the best of them."""

KINDS: Mapping[str, KindSpec] = {
    "poses": KindSpec(
        "joint positions of the people in one clip",
        {
            "positions": ArraySpec(("person", "frame", "joint", "axis"), "f"),
            "confidence": ArraySpec(("person", "frame", "joint"), "f", units="1"),
            "timestamps": ArraySpec(("frame",), "f", units="s"),
            "interpolated": ArraySpec(("person", "frame", "joint"), "u", required=False),
            "boxes": ArraySpec(("person", "frame", "side"), "f", required=False, units="px"),
        },
        ("clip", "skeleton"),
    ),
    "features": KindSpec(
        "features of one clip's segments",
        {"features": ArraySpec(("view", "segment", "dimension", "..."), "f")},
        ("clip", "sampling"),
    ),
    "flow": KindSpec(
        "optical flow of one clip, kept for several networks",
        {"flow": ArraySpec(("frame", "channel", "row", "column"), "f"), "timestamps": ArraySpec(("frame",), "f", units="s")},
        ("clip",),
    ),
    "images": KindSpec(
        "pictures of one clip: body maps, depth, silhouettes or frames",
        {
            "images": ArraySpec(("view", "frame", "channel", "row", "column"), "u", singly=2),
            "timestamps": ArraySpec(("frame",), "f", units="s"),
        },
        ("clip",),
    ),
    "encoder": KindSpec("a pretrained encoder", {}, ("encoder", "training"), ("weights", "pretext")),
    "model": KindSpec("a trained assessment model", {}, ("method", "data", "training"), ("weights", "arrays", "reference", *CARRIED)),
    "network": KindSpec("weights of a network that ships with the toolkit", {}, ("network",), ("weights",)),
    "predictions": KindSpec(
        "per-sample predictions and their truth",
        {
            "predicted": ArraySpec(("sample", "..."), "f"),
            "truth": ArraySpec(("sample",), "f"),
        },
        ("samples",),
        ("extra",),
    ),
    "checkpoint": KindSpec("the state of an unfinished training run", {}, ("state",), ("tensors",)),
}


def problems(kind: str, arrays: Mapping[str, Array], documents: Mapping[str, Any], version: str = SCHEMA_VERSION) -> list[str]:
    """Return every way in which an artifact deviates from its kind; an empty list means that it conforms.

    Args:
        kind: the artifact's kind.
        arrays: its arrays by HDF5 path.
        documents: its JSON documents by name.
        version: the format version it was written with; what a newer minor version added is no deviation.
    """
    if kind not in KINDS:
        return [f"aqa_kind: expected one of {', '.join(sorted(KINDS))}, found '{kind}'"]
    spec, found = KINDS[kind], []
    for name, array_spec in spec.arrays.items():
        if name not in arrays:
            if array_spec.required:
                found.append(f"/{name}: missing")
        else:
            found.extend(_array_problems(name, arrays[name], array_spec))
    free = [name for name in arrays if name not in spec.arrays]
    if not _is_newer(version):
        found.extend(f"/{name}: not part of a '{kind}' artifact" for name in free if name.split("/")[0] not in spec.prefixes)
    for name in free:
        found.extend(_free_array_problems(name, arrays[name]))
    for name in (*spec.documents, *COMMON_DOCUMENTS):
        if name not in documents:
            found.append(f"/{name}: missing document")
        elif not isinstance(documents[name], Mapping):
            found.append(f"/{name}: expected a JSON object, found {type(documents[name]).__name__}")
    for name, document in documents.items():
        found.extend(_json_problems(f"/{name}", document))
    if not found:
        found.extend(_size_problems(spec, arrays))
    if kind == "poses" and not found:
        found.extend(_pose_problems(arrays, documents))
    if kind == "images" and not found:
        found.extend(_image_problems(arrays, documents))
    return found


def attributes(kind: str, name: str, documents: Mapping[str, Any]) -> dict[str, str]:
    """Return the attributes that an array carries: ``dimensions``, and ``units`` and ``origin`` where they are known.

    Weights and the like carry none.  The units and the origin of joint positions differ from source to source: ``/skeleton`` has them.
    """
    spec = KINDS[kind].arrays.get(name)
    if spec is None:
        return {}
    found = {"dimensions": ",".join(dim for dim in spec.dims if dim != "..."), "units": spec.units}
    if (kind, name) == ("poses", "positions"):
        found |= {key: str(documents["skeleton"].get(key, "unknown")) for key in ("units", "origin")}
    return {key: text for key, text in found.items() if text}


def chunks(kind: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of the pieces in which an array is stored; None leaves it to HDF5."""
    spec = KINDS[kind].arrays.get(name)
    return (1,) * spec.singly + shape[spec.singly :] if spec is not None and spec.singly and 0 not in shape else None


def _is_newer(version: str) -> bool:
    minor = version.partition(".")[2]
    return minor.isdigit() and int(minor) > int(SCHEMA_VERSION.partition(".")[2])


def _free_array_problems(name: str, array: Array) -> list[str]:
    found = []
    if array.dtype.kind not in "fiub":
        found.append(f"/{name}: expected numbers, found {array.dtype}")
    if array.ndim == 0:
        found.append(f"/{name}: a scalar, expected an array (HDF5 cannot protect scalars)")
    return found


def _json_problems(where: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        keys = [f"{where}: the key {key!r} is no text" for key in value if not isinstance(key, str)]
        return keys + [problem for key, child in value.items() for problem in _json_problems(f"{where}.{key}", child)]
    if isinstance(value, list | tuple):
        return [problem for position, child in enumerate(value) for problem in _json_problems(f"{where}[{position}]", child)]
    if isinstance(value, float):
        return [] if math.isfinite(value) else [f"{where}: {value} is no JSON number (use null)"]
    if value is None or isinstance(value, str | bool | int):
        return []
    return [f"{where}: a {type(value).__name__} is no JSON value"]


def _array_problems(name: str, array: Array, spec: ArraySpec) -> list[str]:
    found = []
    if array.dtype.kind not in spec.kinds:
        found.append(f"/{name}: expected a number of kind '{spec.kinds}', found {array.dtype}")
    open_end = spec.dims[-1] == "..."
    rank = len(spec.dims) - open_end
    if array.ndim != rank and not (open_end and array.ndim > rank):
        found.append(f"/{name}: expected dimensions {spec.dims}, found shape {array.shape}")
    return found


def _size_problems(spec: KindSpec, arrays: Mapping[str, Array]) -> list[str]:
    sizes: dict[str, tuple[str, int]] = {}
    found = []
    for name, array_spec in spec.arrays.items():
        if name not in arrays:
            continue
        for dim, size in zip(array_spec.dims, arrays[name].shape, strict=False):
            if dim == "...":
                break
            first, expected = sizes.setdefault(dim, (name, size))
            if size != expected:
                found.append(f"/{name}: {dim} is {size}, but /{first} has {expected}")
    return found


def _pose_problems(arrays: Mapping[str, Array], documents: Mapping[str, Any]) -> list[str]:
    found = []
    positions, joints = arrays["positions"], documents["skeleton"].get("joints")
    if not isinstance(joints, list):
        return ["/skeleton: has no list 'joints'"]
    if positions.shape[3] not in (2, 3):
        found.append(f"/positions: expected 2 or 3 axes, found {positions.shape[3]}")
    if positions.shape[2] != len(joints):
        found.append(f"/positions: {positions.shape[2]} joints, but /skeleton names {len(joints)}")
    if np.isinf(positions).any():
        found.append("/positions: infinite values (missing is NaN)")
    if "boxes" in arrays and arrays["boxes"].shape[2] != 4:
        found.append(f"/boxes: expected 4 sides (left, top, right, bottom), found {arrays['boxes'].shape[2]}")
    return found + _time_problems(arrays["timestamps"])


def _image_problems(arrays: Mapping[str, Array], documents: Mapping[str, Any]) -> list[str]:
    found = []
    images, views = arrays["images"], documents["clip"].get("views")
    if not isinstance(views, list) or not all(isinstance(view, Mapping) and isinstance(view.get("name"), str) for view in views):
        return ["/clip: has no list 'views' of objects with a 'name'"]
    if len(views) != len(images):
        found.append(f"/images: {len(images)} views, but /clip names {len(views)}")
    if images.dtype != np.uint8:
        found.append(f"/images: expected uint8, found {images.dtype}")
    if images.shape[2] != 3:
        found.append(f"/images: expected 3 channels, found {images.shape[2]}")
    return found + _time_problems(arrays["timestamps"])


def _time_problems(timestamps: Array) -> list[str]:
    if not np.isfinite(timestamps).all():
        return ["/timestamps: not finite"]
    return [] if (np.diff(timestamps) > 0).all() else ["/timestamps: not increasing"]
