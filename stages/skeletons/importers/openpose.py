"""OpenPose JSON (``--write_json``): a folder with one ``<video>_<frame>_keypoints.json`` per frame.

Each file holds ``{"people": [{"pose_keypoints_2d": [x, y, confidence, …]}]}`` with 25 (BODY_25) or 18 (COCO) joints in pixels;
confidence 0 is a joint that was not found.  ``pose_keypoints_3d`` (x, y, z, confidence) is read where the 2-D list is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stages.errors import ArtifactError
from stages.skeletons.importers.common import Clip, Reading, assemble, floats, member, read_json
from stages.skeletons.importers.matching import Match, match_count
from stages.skeletons.importers.people import Detection, gather, timeline
from stages.skeletons.poses import PoseSequence

SUFFIX = "_keypoints.json"
_NUMBER = re.compile(r"(\d{1,15})$")
_LAYOUT_COUNTS = (25, 18)


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield the one clip that all ``files``, one per frame, make up."""
    yield Clip("", partial(_load, files, reading), {})


def name_and_frame(path: Path) -> tuple[str, int | None]:
    """Split ``squat_000000000012_keypoints.json`` into ``("squat", 12)``; the number is None where there is none."""
    stem = path.name.removesuffix(SUFFIX)
    match = _NUMBER.search(stem)
    return (stem[: match.start()].rstrip("_-"), int(match[1])) if match else (stem, None)


def _load(files: Sequence[Path], reading: Reading) -> PoseSequence:
    numbers = [name_and_frame(path)[1] for path in files]
    found = [number for number in numbers if number is not None]
    if len(found) != len(files) and len(files) > 1:
        raise ArtifactError(f"{files[numbers.index(None)].name}: expected a frame number before '{SUFFIX}'.")
    folder = files[0].parent
    times = timeline(found or [0], folder.name)
    match: Match | None = None
    detections: list[Detection] = []
    for path, row in zip(files, times.rows, strict=True):
        for position, person in enumerate(member(read_json(path), "people", list, path.name)):
            detection, match = _person(person, row, match, reading, f"{path.name}, people[{position}]")
            detections.append(detection)
    positions, confidence = gather(detections, times.frames, folder.name)
    assert match is not None
    facts = {"frames_missing": times.frames - len(files), **match.facts}
    flat = positions.shape[-1] == 2
    return assemble(
        positions,
        match.layout,
        folder if len(files) > 1 else files[0],
        reading,
        confidence=confidence,
        step=times.step,
        units="px" if flat else "unknown",
        origin="image top left" if flat else "unknown",
        facts=facts,
    )


def _person(person: Any, row: int, match: Match | None, reading: Reading, where: str) -> tuple[Detection, Match]:
    flat = member(person, "pose_keypoints_2d", list, where)
    key, axes = ("pose_keypoints_3d", 3) if not flat and isinstance(person.get("pose_keypoints_3d"), list) else ("pose_keypoints_2d", 2)
    values = floats(person[key], f"{where}, {key}")
    count, rest = divmod(len(values), axes + 1)
    if rest or count not in _LAYOUT_COUNTS:
        counts = " or ".join(f"{joints * (axes + 1)} ({joints} joints)" for joints in _LAYOUT_COUNTS)
        raise ArtifactError(f"{where}, {key}: expected {counts} numbers, found {len(values)}.")
    fresh = match_count(count, 2, reading.skeleton, where)  # OpenPose's 25 joints are BODY_25 in 3-D too
    if match is not None and (fresh.columns != match.columns or fresh.layout is not match.layout):
        raise ArtifactError(f"{where}: {count} joints, but earlier frames have another number.")
    table = values.reshape(count, axes + 1)
    confidence = fresh.place(table[:, axes], axis=0)
    return Detection(row, fresh.place(table[:, :axes], axis=0), confidence), fresh
