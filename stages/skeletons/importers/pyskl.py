"""MMAction2 / PYSKL pickles: ``{"split": {name: [clip, …]}, "annotations": [clip, …]}``, or just the annotations, or one.

A clip has ``frame_dir`` (its name), ``keypoint`` (M, T, V, 2 or 3), for 2-D also ``keypoint_score`` (M, T, V), ``label``, ``total_frames``.
A joint at exactly 0 in all coordinates, or with score 0, is missing (people that are not there are stored as zeros).  The split ``train``,
``val`` or ``test`` becomes the manifest column ``split``; ``xsub_train`` becomes ``split.xsub`` = ``train``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stages.datasets.manifest import Value
from stages.errors import ArtifactError
from stages.skeletons.importers import safe_pickle
from stages.skeletons.importers.common import Clip, Reading, assemble
from stages.skeletons.importers.matching import match_count
from stages.skeletons.importers.ntu import labels_of
from stages.skeletons.importers.people import most_seen_first
from stages.skeletons.poses import PoseSequence

_PARTS = ("train", "val", "test")


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield every annotation of a pickle as a clip."""
    path = files[0]
    document = safe_pickle.load(path)
    splits: dict[str, dict[str, Value]] = {}
    if isinstance(document, dict) and "annotations" in document:
        splits = _splits(document.get("split") or {}, path.name)
        document = document["annotations"]
    annotations = [document] if isinstance(document, dict) else document
    if not isinstance(annotations, list | tuple):
        raise ArtifactError(f"{path.name}: expected 'annotations', a list or one annotation, found a {type(document).__name__}.")
    if not annotations:
        raise ArtifactError(f"{path.name}: the list of annotations is empty.")
    seen: set[str] = set()
    for position, annotation in enumerate(annotations):
        where = f"{path.name}, annotations[{position}]"
        if not isinstance(annotation, dict) or "keypoint" not in annotation:
            raise ArtifactError(f"{where}: expected a dictionary with 'keypoint', found {_keys(annotation)}.")
        name = _name(annotation, where, only=len(annotations) == 1)
        if name in seen:
            raise ArtifactError(f"{where}: the clip '{name}' appears twice.")
        seen.add(name)
        yield Clip(name, partial(_load, annotation, path, where, reading), _values(annotation, name, splits))


def _load(annotation: Mapping[str, Any], path: Path, where: str, reading: Reading) -> PoseSequence:
    points = safe_pickle.array(annotation["keypoint"], f"{where}, keypoint")
    if points.ndim != 4 or points.shape[3] not in (2, 3) or not points.size or points.dtype.kind not in "fiu":
        raise ArtifactError(f"{where}, keypoint: expected numbers (M, T, V, 2 or 3), found {points.dtype} {points.shape}.")
    frames = safe_pickle.scalar(annotation.get("total_frames", points.shape[1]))
    if frames != points.shape[1]:
        raise ArtifactError(f"{where}: total_frames is {frames}, but keypoint has {points.shape[1]} frames.")
    with np.errstate(over="ignore"):
        points = points.astype(np.float32)
    confidence = (points != 0).any(axis=-1).astype(np.float32)
    if annotation.get("keypoint_score") is not None:
        scores = safe_pickle.array(annotation["keypoint_score"], f"{where}, keypoint_score")
        if scores.shape != points.shape[:3] or scores.dtype.kind not in "fiu":
            raise ArtifactError(f"{where}, keypoint_score: expected {points.shape[:3]}, found {scores.dtype} {scores.shape}.")
        confidence *= scores.astype(np.float32)
    match = match_count(points.shape[2], points.shape[3], reading.skeleton, where)
    kept = most_seen_first(np.where((confidence > 0)[..., None], points, np.nan))
    flat = points.shape[3] == 2
    return assemble(
        match.place(points[kept], axis=2),
        match.layout,
        path,
        reading,
        confidence=match.place(confidence[kept], axis=2),
        units="px" if flat else "unknown",
        origin="image top left" if flat else "unknown",
        facts={"annotation": where.partition(", ")[2], **match.facts},
    )


def _name(annotation: Mapping[str, Any], where: str, *, only: bool) -> str:
    name = annotation.get("frame_dir", annotation.get("filename"))
    if name is None and only:
        return ""
    if not isinstance(name, str) or not name:
        raise ArtifactError(f"{where}: expected 'frame_dir', the clip's name, found {_keys(annotation)}.")
    return name


def _values(annotation: Mapping[str, Any], name: str, splits: Mapping[str, Mapping[str, Value]]) -> dict[str, Value]:
    values: dict[str, Value] = {**labels_of(name), **splits.get(name, {})}
    label = safe_pickle.scalar(annotation.get("label"))
    if isinstance(label, int | str) and not isinstance(label, bool):
        values["label"] = str(label)
        values.setdefault("action", str(label))
    return values


def _splits(document: Any, where: str) -> dict[str, dict[str, Value]]:
    """Return clip → manifest columns of the splits."""
    if not isinstance(document, dict):
        raise ArtifactError(f"{where}: 'split' must be a dictionary, found a {type(document).__name__}.")
    values: dict[str, dict[str, Value]] = {}
    for name, clips in document.items():
        if not isinstance(name, str) or not isinstance(clips, list | tuple | set):
            raise ArtifactError(f"{where}: 'split' must map names to lists of clips, found {str(name)[:40]!r}: {type(clips).__name__}.")
        prefix, _, part = name.rpartition("_")
        column, value = (f"split.{prefix}" if prefix else "split", part) if part in _PARTS else (f"split.{name}", "yes")
        for clip in clips:
            if isinstance(clip, str):
                values.setdefault(clip, {})[column] = value
    return values


def _keys(value: Any) -> str:
    return ", ".join(str(key) for key in list(value)[:8]) if isinstance(value, dict) else f"a {type(value).__name__}"
