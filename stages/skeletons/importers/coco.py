"""COCO keypoint JSON: annotations (``images``, ``annotations``, ``categories``) or a list of results (``image_id``, ``keypoints``).

``keypoints`` are x, y and a third value per joint: in annotations the visibility (0 not labelled, 1 hidden, 2 visible → confidence 0, 0.5,
1), in results the joint's confidence.  Joint names come from ``categories`` where they are there, else from the number of joints.
Images are frames: they make one clip per ``video_id`` or else per folder in ``file_name``, in the order of ``frame_id``, else of
the number that ends the file's name, else of ``image_id``.  AlphaPose's results, whose ``image_id`` is a file name, are read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers.common import Clip, Reading, assemble, floats, kind_of, member, names_in, read_json
from stages.skeletons.importers.matching import Match, match_count, match_names
from stages.skeletons.importers.people import Detection, gather, timeline
from stages.skeletons.poses import PoseSequence

_VISIBILITY = np.array([0.0, 0.5, 1.0])
_NUMBER = re.compile(r"(\d{1,15})\D*$")


@dataclass(frozen=True)
class _Image:
    clip: str
    frame: int


@dataclass
class _Source:
    """What a file says, before it is cut into clips."""

    path: Path
    results: bool
    images: dict[int | str, _Image]
    names: Mapping[int, list[str]] = field(default_factory=dict)
    people: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    """Clip → (position in the file, annotation)."""


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield the clips that a file's images make up."""
    path = files[0]
    document = read_json(path)
    if isinstance(document, list):
        annotations = document
        source = _Source(path, True, _images_of_results(document, path))
    elif isinstance(document, dict):
        annotations = member(document, "annotations", list, path.name)
        source = _Source(path, False, _images(member(document, "images", list, path.name), path), _names(document, path))
    else:
        raise ArtifactError(f"{path.name}: expected COCO annotations or results, found {kind_of(document)}.")
    for position, annotation in enumerate(annotations):
        where = f"{path.name}, {'' if source.results else 'annotations'}[{position}]"
        key = member(annotation, "image_id", (int, str), where)
        if key not in source.images:
            raise ArtifactError(f"{where}: there is no image with the id {key}.")
        if annotation.get("num_keypoints", 1) != 0 and not annotation.get("iscrowd", 0):
            source.people.setdefault(source.images[key].clip, []).append((position, annotation))
    clips = sorted(source.people)
    if not clips:
        raise ArtifactError(f"{path.name}: nobody was detected in any image.")
    for clip in clips:
        yield Clip("" if len(clips) == 1 else clip, partial(_load, source, clip, reading), {})


def _load(source: _Source, clip: str, reading: Reading) -> PoseSequence:
    path = source.path
    of_clip = {key: image.frame for key, image in source.images.items() if image.clip == clip}
    times = timeline(list(of_clip.values()), f"{path.name}{f', {clip}' if clip else ''}")
    rows = dict(zip(of_clip, times.rows, strict=True))
    match: Match | None = None
    width = 0
    detections: list[Detection] = []
    for position, annotation in source.people[clip]:
        where = f"{path.name}, {'' if source.results else 'annotations'}[{position}]"
        flat = member(annotation, "keypoints", list, where)
        values = floats(flat, f"{where}, keypoints", width or None)
        if not width:
            width, rest = len(flat), len(flat) % 3
            if rest:
                raise ArtifactError(f"{where}, keypoints: expected three numbers per joint, found {width} numbers.")
            match = _match(source, annotation, width // 3, reading, where)
        assert match is not None
        table = match.place(values.reshape(-1, 3), axis=0)
        confidence = table[:, 2] if source.results else _visible(table[:, 2], where)
        track = annotation.get("track_id", annotation.get("idx"))
        named = str(track) if isinstance(track, int | float | str) else None
        detections.append(Detection(rows[annotation["image_id"]], table[:, :2], np.nan_to_num(confidence, nan=0.0), named))
    positions, confidence = gather(detections, times.frames, path.name)
    assert match is not None
    return assemble(
        positions,
        match.layout,
        path,
        reading,
        confidence=confidence,
        step=times.step,
        units="px",
        origin="image top left",
        facts={"clip": clip, **match.facts},
    )


def _match(source: _Source, annotation: Mapping[str, Any], count: int, reading: Reading, where: str) -> Match:
    category = annotation.get("category_id")
    names = source.names.get(category) if isinstance(category, int) else None
    if names is None:
        return match_count(count, 2, reading.skeleton, where)
    if len(names) != count:
        raise ArtifactError(f"{where}: category {category} names {len(names)} joints, found {count}.")
    return match_names(names, reading.skeleton, where)


def _visible(values: Array, where: str) -> Array:
    known = np.where(np.isnan(values), 0, values)
    if not np.isin(known, (0, 1, 2)).all():
        raise ArtifactError(f"{where}: expected a visibility of 0, 1 or 2, found {known[~np.isin(known, (0, 1, 2))][0]:g}.")
    return _VISIBILITY[known.astype(int)]


def _names(document: Mapping[str, Any], path: Path) -> dict[int, list[str]]:
    names = {}
    categories = document.get("categories") or []
    if not isinstance(categories, list):
        raise ArtifactError(f"{path.name}: 'categories' must be a list, found {kind_of(categories)}.")
    for position, category in enumerate(categories):
        where = f"{path.name}, categories[{position}]"
        if isinstance(category, dict) and category.get("keypoints"):
            names[member(category, "id", int, where)] = names_in(member(category, "keypoints", list, where), where)
    return names


def _images(images: Sequence[Any], path: Path) -> dict[int | str, _Image]:
    found: dict[int | str, _Image] = {}
    for position, image in enumerate(images):
        where = f"{path.name}, images[{position}]"
        key = member(image, "id", int, where)
        name = image.get("file_name", "")
        if not isinstance(name, str):
            raise ArtifactError(f"{where}: 'file_name' must be text, found {kind_of(name)}.")
        video = image.get("video_id")
        folder = str(PurePosixPath(name.replace("\\", "/")).parent)
        clip = str(video) if isinstance(video, int | str) else "" if folder == "." else folder
        frame = image.get("frame_id")
        if not isinstance(frame, int) or isinstance(frame, bool):
            match = _NUMBER.search(PurePosixPath(name).stem)
            frame = int(match[1]) if match else key
        if key in found:
            raise ArtifactError(f"{where}: the image id {key} appears twice.")
        found[key] = _Image(clip, frame)
    return found


def _images_of_results(results: Sequence[Any], path: Path) -> dict[int | str, _Image]:
    found: dict[int | str, _Image] = {}
    for position, result in enumerate(results):
        where = f"{path.name}, [{position}]"
        key = member(result, "image_id", (int, str), where)
        if isinstance(key, int):
            found[key] = _Image("", key)
        else:
            match = _NUMBER.search(PurePosixPath(key).stem)
            if match is None:
                raise ArtifactError(f"{where}: 'image_id' must be a number or a file name that ends in one, found '{key[:40]}'.")
            folder = str(PurePosixPath(key).parent)
            found[key] = _Image("" if folder == "." else folder, int(match[1]))
    return found
