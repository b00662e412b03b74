"""A user's own boxes: a CSV table or a JSON list with ``clip``, ``frame``, ``left``, ``top``, ``right``, ``bottom`` and maybe ``person``.

``frame`` counts from 0 within the clip, sides are pixels of the upright image.  Boxes without a person's name are followed like
detections; boxes of one name are one person.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.errors import ArtifactError, UsageError
from stages.extract_pose.estimators.contract import People
from stages.extract_pose.tracking import Track, Tracker

SUFFIXES = (".csv", ".json")
COLUMNS = ("clip", "frame", "left", "top", "right", "bottom")
_SHOWN = 10


@dataclass(frozen=True)
class Box:
    """One box in one frame; ``person`` is empty where the file names nobody."""

    frame: int
    left: float
    top: float
    right: float
    bottom: float
    person: str = ""


def read(path: Path) -> dict[str, list[Box]]:
    """Return the boxes of every clip, in the order of their frames.

    Raises:
        UsageError: the file does not exist.
        ArtifactError: it is neither a table nor a list of boxes, or a list of everything that is wrong in it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"The boxes {path} do not exist.", hint=f"--boxes takes a file ({', '.join(SUFFIXES)}) or an estimator") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"The boxes {path} cannot be read: {error}.") from None
    problems: list[str] = []
    found: dict[str, list[Box]] = defaultdict(list)
    for where, row in _rows(text, path):
        try:
            clip, box = _box(row)
        except ValueError as error:
            problems.append(f"{where}: {error}")
        else:
            found[clip].append(box)
    problems += [problem for clip, boxes in found.items() for problem in _twice(clip, boxes)]
    if problems:
        listing = "\n".join(f"  - {problem}" for problem in problems[:_SHOWN])
        more = f"\n  … and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ArtifactError(f"{path} has {len(problems)} problem(s):\n{listing}{more}")
    if not found:
        raise ArtifactError(f"{path} holds no boxes.")
    return {clip: sorted(boxes, key=lambda box: (box.frame, box.person)) for clip, boxes in found.items()}


def document(boxes: Sequence[Box]) -> list[list[Any]]:
    """Return one clip's boxes as JSON values: what its fingerprint depends on."""
    return [list(astuple(box)) for box in boxes]


def tracks(boxes: Sequence[Box], fps: float) -> list[Track]:
    """Return the people of one clip; as joints they have the corners and the centre of their boxes."""
    if all(box.person for box in boxes):
        named: dict[str, Track] = {}
        for box in boxes:
            people = _people([box])
            track = named.setdefault(box.person, Track(box.person))
            track.add(box.frame, people.boxes[0], people.positions[0], people.confidence[0])
        return list(named.values())
    tracker = Tracker()
    by_frame: dict[int, list[Box]] = defaultdict(list)
    for box in boxes:
        by_frame[box.frame].append(box)
    for frame in range(boxes[-1].frame + 1):
        tracker.tick(frame / fps)
        if frame in by_frame:
            tracker.add(_people(by_frame[frame]))
    return tracker.tracks


def _people(boxes: Sequence[Box]) -> People:
    sides = np.array([(box.left, box.top, box.right, box.bottom) for box in boxes], np.float32)
    centre = (sides[:, :2] + sides[:, 2:]) / 2
    points = np.stack([sides[:, [0, 1]], sides[:, [2, 1]], sides[:, [2, 3]], sides[:, [0, 3]], centre], axis=1)
    return People(sides, np.ones(len(boxes)), points, np.ones(points.shape[:2]))


def _rows(text: str, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.suffix.lower() == ".json":
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise ArtifactError(f"{path} is not a JSON file: {error}.") from None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ArtifactError(f"{path} must hold a list of objects with {', '.join(COLUMNS)} and maybe person.")
        yield from ((f"entry {number}", row) for number, row in enumerate(rows, start=1))
        return
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise ArtifactError(
            f"{path} lacks the column(s) {', '.join(missing)}; found {', '.join(reader.fieldnames or ()) or 'nothing'}.",
            hint=f"expected {', '.join(COLUMNS)} and maybe person",
        )
    yield from ((f"line {reader.line_num}", row) for row in reader)


def _box(row: Mapping[str, Any]) -> tuple[str, Box]:
    clip, person = str(row.get("clip") or ""), row.get("person")
    if not clip:
        raise ValueError("names no clip")
    numbers = []
    for column in COLUMNS[1:]:
        try:
            number = float(row[column])
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{column} must be a number, found {row.get(column)!r}") from None
        if not math.isfinite(number):
            raise ValueError(f"{column} must be finite, found {row[column]!r}")
        numbers.append(number)
    frame, left, top, right, bottom = numbers
    if frame < 0 or frame != int(frame):
        raise ValueError(f"frame must be a whole number from 0 on, found {row['frame']!r}")
    if right <= left or bottom <= top:
        raise ValueError(f"the box is empty: left {left:g}, top {top:g}, right {right:g}, bottom {bottom:g}")
    return clip, Box(int(frame), left, top, right, bottom, "" if person is None else str(person).strip())


def _twice(clip: str, boxes: Sequence[Box]) -> Iterator[str]:
    seen: set[tuple[int, str]] = set()
    for box in boxes:
        if box.person and (box.frame, box.person) in seen:
            yield f"{clip}: person '{box.person}' has two boxes in frame {box.frame}"
        seen.add((box.frame, box.person))
    if len({bool(box.person) for box in boxes}) > 1:
        yield f"{clip}: some boxes name a person and others do not"
