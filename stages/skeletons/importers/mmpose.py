"""MMPose prediction JSON, as its inferencer (``--pred-out-dir``) and its demos (``--save-predictions``) write it.

Either ``{"meta_info": …, "instance_info": [frame, …]}`` or the bare list; a frame is ``{"frame_id": n, "instances": [person, …]}``; for
an image the list holds the people themselves.  A person has ``keypoints`` ([V][2 or 3]) and ``keypoint_scores`` ([V]).  Joint names
come from ``meta_info`` where it is there, else from the number of joints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers.common import Clip, Reading, assemble, floats, kind_of, member, names_in, read_json
from stages.skeletons.importers.matching import Match, match_count, match_names
from stages.skeletons.importers.people import Detection, gather, timeline
from stages.skeletons.poses import PoseSequence


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield the one clip of a file."""
    yield Clip("", partial(_load, files[0], reading), {})


def _load(path: Path, reading: Reading) -> PoseSequence:
    document = read_json(path)
    names: list[str] | None = None
    if isinstance(document, dict):
        frames = member(document, "instance_info", list, path.name)
        names = _names(document.get("meta_info"), path)
    elif isinstance(document, list):
        frames = document
    else:
        raise ArtifactError(f"{path.name}: expected 'instance_info' or a list of frames, found {kind_of(document)}.")
    if frames and isinstance(frames[0], dict) and "keypoints" in frames[0]:
        frames = [{"frame_id": 0, "instances": frames}]
    numbers = [member(frame, "frame_id", int, f"{path.name}, frame [{position}]") for position, frame in enumerate(frames)]
    times = timeline(numbers, path.name)
    match: Match | None = None
    shape = (0, 0)
    detections: list[Detection] = []
    for frame, number, row in zip(frames, numbers, times.rows, strict=True):
        for position, person in enumerate(member(frame, "instances", list, f"{path.name}, frame {number}")):
            where = f"{path.name}, frame {number}, instances[{position}]"
            points, scores, track = _person(person, where)
            if match is None:
                shape = (len(names) if names else len(points), points.shape[1])
                match = match_names(names, reading.skeleton, where) if names else match_count(*shape, reading.skeleton, where)
            if points.shape != shape:
                raise ArtifactError(f"{where}: expected {shape[0]} keypoints of {shape[1]} numbers, found {points.shape}.")
            detections.append(Detection(row, match.place(points, axis=0), match.place(scores, axis=0), track))
    positions, confidence = gather(detections, times.frames, path.name)
    assert match is not None
    flat = shape[1] == 2
    return assemble(
        positions,
        match.layout,
        path,
        reading,
        confidence=confidence,
        step=times.step,
        units="px" if flat else "unknown",
        origin="image top left" if flat else "unknown",
        facts=match.facts,
    )


def _names(meta: Any, path: Path) -> list[str] | None:
    table = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if not isinstance(table, dict) or not table:
        return None
    if set(table) != {str(number) for number in range(len(table))}:
        raise ArtifactError(f"{path.name}: meta_info.keypoint_id2name must number the joints from 0, found {', '.join(list(table)[:8])}.")
    return names_in([table[str(number)] for number in range(len(table))], f"{path.name}, meta_info.keypoint_id2name")


def _person(person: Any, where: str) -> tuple[Array, Array, str | None]:
    rows = member(person, "keypoints", list, where)
    if not rows or not isinstance(rows[0], list) or len(rows[0]) not in (2, 3):
        raise ArtifactError(f"{where}: 'keypoints' must be [V][2 or 3].")
    points = np.stack([floats(row, f"{where}, keypoints[{number}]", len(rows[0])) for number, row in enumerate(rows)])
    scores = person.get("keypoint_scores")
    confidence = floats(scores, f"{where}, keypoint_scores", len(rows)) if scores is not None else np.ones(len(rows))
    track = person.get("track_id")
    return points, confidence, None if track is None else str(track)
