"""MTL-AQA: 1,412 dives of 16 events with scores, judges' marks, the dive's description and a commentator's words (Parmar and Morris 2019).

Layout: ``final_annotations_dict.pkl`` ((event, dive) → window, scores, description), ``final_captions_dict.pkl`` and
``{train,test}_split_0.pkl`` in ``MTL-AQA_dataset_release/Ready_2_Use/MTL-AQA_split_0_data`` or ``info``; others added the judges' marks
(``augmented_final_annotations_dict.pkl``) and the dive's number (``final_annotations_dict_with_dive_number.pkl``).

A clip is the last 103 frames of a dive, as all published results have it: of an event's frames (``whole_videos_frames/01/000001.jpg``,
``new/new_total_frames_256s/01/00000001.jpg``), of the dive's own (``frames/01_05/*.jpg``), or of the event's video
(``whole_videos/01.mp4``).  The final score is the sum of the middle three of seven marks times the difficulty; the
execution score is final score / difficulty.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.video.errors import VideoError
from stages.video.frame import FOLDER_FPS, Source

FRAMES = 103
"""Frames of a clip, counted back from the end of the dive (exclusive, from 0)."""
HOMES = ("MTL-AQA", "MTL-AQA-master", "MTL-AQA-main", "MTL")
_PLACES = (
    "MTL-AQA_dataset_release/Ready_2_Use/MTL-AQA_split_0_data",
    "Ready_2_Use/MTL-AQA_split_0_data",
    "MTL-AQA_split_0_data",
    "info",
    "data/info",
    "data",
    "",
)
_ANNOTATIONS = ("final_annotations_dict_with_dive_number", "augmented_final_annotations_dict", "final_annotations_dict")
"""Names of the annotations, the richest first; one copy in the wild has no ending."""
_EVENT_FRAMES = (
    "whole_videos_frames",
    "new/new_total_frames_256s",
    "new/new_total_frames",
    "new_total_frames_256s",
    "MTL-AQA_dataset_release/whole_videos_frames",
)
_DIVE_FRAMES = ("frames_long", "frames", "data/frames", "MTL-AQA/frames")
_VIDEOS = ("whole_videos", "MTL-AQA_dataset_release/whole_videos")
_DESCRIPTION = ("position", "armstand", "rotation_type", "ss_no", "tw_no")
"""The dive's classes, as their authors number them: position, armstand, rotation, half somersaults, half twists."""
_JUDGES = 7
_ROUNDING = 0.055
"""How far a score may lie from its marks: some files have one decimal."""
_HIGHEST = 10.0

Key = tuple[int, int]
"""Event and dive."""


@dataclass(frozen=True)
class _Annotation:
    key: Key
    facts: Mapping[str, Any]

    def number(self, name: str) -> float:
        return foreign.number(foreign.plain(self.facts.get(name)))


def locate(root: Path) -> Path | None:
    """Return the folder that holds the annotations."""
    return next((home for home in foreign.homes(root, HOMES) if annotation_files(home)), None)


def annotation_files(home: Path) -> list[Path]:
    """Return the files of annotations under a data set's folder, the richest first."""
    return [
        home / place / f"{name}{end}"
        for name in _ANNOTATIONS
        for place in _PLACES
        for end in (".pkl", "")
        if (home / place / f"{name}{end}").is_file()
    ]


def scan(folder: Path) -> Scan:
    """Read annotations, split and captions, and find each dive's frames."""
    problems: list[str] = []
    annotations = read_annotations(folder, problems)
    split = _split(folder, annotations, problems)
    captions = _captions(folder, problems)
    rows = []
    for key, annotation in annotations.items():
        values = _values(annotation, problems)
        if split:
            values["split"] = split.get(key, "")
        if captions:
            values["caption"] = captions.get(key)
        rows.append((clip_of(key), values))
    if captions:
        problems += [f"{clip_of(key)}: no caption" for key in annotations if key not in captions]
        problems += [f"{clip_of(key)}: a caption, but no annotation" for key in captions if key not in annotations]
    videos = _videos(folder, list(annotations.values()), problems)
    return Scan(manifest.from_rows(rows, "mtl-aqa"), problems=problems, videos=videos)


def clip_of(key: Key) -> str:
    """Return the clip id of a dive, ``01_05``."""
    return f"{key[0]:02d}_{key[1]:02d}"


def read_annotations(folder: Path, problems: list[str]) -> dict[Key, _Annotation]:
    """Return the annotations by dive, each with what any of the files knows of it.

    Raises:
        ArtifactError: there is no file of annotations, or one cannot be read.
    """
    files = annotation_files(folder)
    if not files:
        raise ArtifactError(f"{folder} holds no annotations of MTL-AQA.", hint=f"expected {ADAPTER.layout_help}")
    known: dict[Key, dict[str, Any]] = {}
    for file in files:
        for raw, facts in foreign.read_pickle(file, dict).items():
            key = _key(raw)
            if key is None or not isinstance(facts, dict):
                problems.append(f"{file.name}: {str(raw)[:40]} is not an (event, dive) with its annotation; left out")
                continue
            mine = known.setdefault(key, {})
            for name in ("final_score", "difficulty", "start_frame", "end_frame"):
                first, second = (foreign.number(foreign.plain(each.get(name))) for each in (mine, facts))
                if not math.isnan(first) and not math.isnan(second) and first != second:
                    problems.append(f"{clip_of(key)}: {file.name} has {name} {second:g}, but {first:g} of {files[0].name} is used")
            known[key] = {**facts, **mine}
    return {key: _Annotation(key, facts) for key, facts in sorted(known.items())}


def _key(raw: Any) -> Key | None:
    pair = foreign.plain(raw)
    return pair if isinstance(pair, tuple) and len(pair) == 2 and all(type(part) is int and part > 0 for part in pair) else None


def _values(annotation: _Annotation, problems: list[str]) -> dict[str, Value]:
    clip, facts = clip_of(annotation.key), annotation.facts
    score, difficulty = annotation.number("final_score"), annotation.number("difficulty")
    values: dict[str, Value] = {"score": None, "score.execution": None, "difficulty": None, "event": f"{annotation.key[0]:02d}"}
    if score >= 0 and difficulty > 0:
        values |= {"score": score, "score.execution": score / difficulty, "difficulty": difficulty}
    else:
        problems.append(f"{clip}: no score and difficulty that are numbers: {facts.get('final_score')}, {facts.get('difficulty')}")
    for name in _DESCRIPTION:
        value = annotation.number(name)
        values[name] = None if math.isnan(value) else f"{value:g}"
        if math.isnan(value):
            problems.append(f"{clip}: no {name}")
    if isinstance(facts.get("dive_number"), str):
        values["dive_number"] = facts["dive_number"]
    if "judge_scores" in facts:
        values |= _marks(clip, facts["judge_scores"], values, problems)
    return values


def _marks(clip: str, given: Any, values: Mapping[str, Value], problems: list[str]) -> dict[str, Value]:
    try:
        marks = foreign.numbers_of(given, "judge_scores")
    except ArtifactError:
        marks = []
    if len(marks) != _JUDGES or not all(0 <= mark <= _HIGHEST for mark in marks):
        problems.append(f"{clip}: expected {_JUDGES} marks from 0 to {_HIGHEST:g}, found {marks}; left out")
        return {}
    score, difficulty = values["score"], values["difficulty"]
    if isinstance(score, float) and isinstance(difficulty, float):
        ruled = sum(sorted(marks)[2:5]) * difficulty
        if abs(ruled - score) > _ROUNDING:
            problems.append(f"{clip}: the middle three marks × difficulty are {ruled:.2f}, the score {score:g} is used")
    return {f"score.judge_{number}": mark for number, mark in enumerate(marks, start=1)}


def _split(folder: Path, annotations: Mapping[Key, _Annotation], problems: list[str]) -> dict[Key, str]:
    split: dict[Key, str] = {}
    for part in ("train", "test"):
        file = foreign.first_file(folder, [f"{place}/{part}_split_0.pkl" if place else f"{part}_split_0.pkl" for place in _PLACES])
        if file is None:
            problems.append(f"there is no {part}_split_0.pkl: the dives that {part} are not known")
            continue
        for raw in foreign.read_pickle(file, list):
            key = _key(raw)
            if key not in annotations:
                problems.append(f"{file.name}: {clip_of(key) if key else str(raw)[:40]} has no annotation")
            elif key in split:
                problems.append(foreign.listed_again(clip_of(key), split[key], part))
            else:
                assert key is not None
                split[key] = part
    if split:
        problems += [f"{clip_of(key)}: in neither part of the split" for key in annotations if key not in split]
    return split


def _captions(folder: Path, problems: list[str]) -> dict[Key, str]:
    file = foreign.first_file(folder, [f"{place}/final_captions_dict.pkl" if place else "final_captions_dict.pkl" for place in _PLACES])
    captions: dict[Key, str] = {}
    for raw, words in foreign.read_pickle(file, dict).items() if file else ():
        key = _key(raw)
        if key is None or not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            problems.append(f"final_captions_dict.pkl: {str(foreign.plain(raw))[:40]} is not an (event, dive) with its words; left out")
        else:
            captions[key] = " ".join(word for word in words if word not in ("<sos>", "<eos>"))
    return captions


def _videos(folder: Path, annotations: list[_Annotation], problems: list[str]) -> dict[str, Source]:
    """Return the clips' recordings from the first layout that is there: an event's frames, a dive's frames, an event's video."""
    for places, find in ((_EVENT_FRAMES, _in_event_frames), (_DIVE_FRAMES, _in_dive_frames), (_VIDEOS, _in_videos)):
        place = next((folder / place for place in places if foreign.recordings_in(folder / place)), None)
        if place is not None:
            return dict(find(place, annotations, problems))
    problems.append("labels alone: no frames or videos such as whole_videos_frames/01/000001.jpg are there")
    return {}


Found = Iterator[tuple[str, Source]]


def _in_event_frames(place: Path, annotations: list[_Annotation], problems: list[str]) -> Found:
    _name_missing(place, annotations, problems)
    for event, folder in foreign.numbered(place, problems, place.name).items():
        ours = [annotation for annotation in annotations if annotation.key[0] == event]
        yield from _windows(folder, foreign.count_images(folder), FOLDER_FPS, ours, problems)


def _in_videos(place: Path, annotations: list[_Annotation], problems: list[str]) -> Found:
    from stages.video.reader import probe

    _name_missing(place, annotations, problems)
    for event, file in foreign.numbered(place, problems, place.name).items():
        ours = [annotation for annotation in annotations if annotation.key[0] == event]
        try:
            info = probe(Source(file))
        except VideoError as error:
            problems.append(f"event {event:02d}: {error.message}")
        else:
            yield from _windows(file, info.frames, info.fps, ours, problems)


def _windows(path: Path, frames: int, fps: float, annotations: list[_Annotation], problems: list[str]) -> Found:
    """Yield the last 103 frames of each dive as seconds; the reader of frame folders counts ``FOLDER_FPS`` frames to a second."""
    for annotation in annotations:
        clip, end = clip_of(annotation.key), annotation.number("end_frame")
        if math.isnan(end) or end < FRAMES:
            problems.append(f"{clip}: no end_frame of {FRAMES} or more: {annotation.facts.get('end_frame')}")
        elif frames and end > frames:
            problems.append(f"{clip}: ends at frame {end:g}, but {path.name} has {frames}")
        else:
            yield clip, Source(path, (end - FRAMES) / fps, end / fps)


def _in_dive_frames(place: Path, annotations: list[_Annotation], problems: list[str]) -> Found:
    there = foreign.recordings_in(place)
    for annotation in annotations:
        clip = clip_of(annotation.key)
        path = there.get(clip, [None])[0]
        count = foreign.count_images(path) if path is not None and path.is_dir() else 0
        if path is None:
            problems.append(f"{clip}: no frames in {place.name}")
        elif count < FRAMES:
            problems.append(f"{clip}: {count} frames in {place.name}/{path.name}, fewer than {FRAMES}; all are used")
            yield clip, Source(path)
        else:
            yield clip, Source(path, (count - FRAMES) / FOLDER_FPS)
    known = {clip_of(annotation.key) for annotation in annotations}
    problems += [f"{place.name}/{name}: no annotation, left out" for name in sorted(set(there) - known)]


def _name_missing(place: Path, annotations: list[_Annotation], problems: list[str]) -> None:
    there = {int(name) for name in foreign.recordings_in(place) if name.isdecimal()}
    for event in sorted({annotation.key[0] for annotation in annotations} - there):
        count = sum(annotation.key[0] == event for annotation in annotations)
        problems.append(f"event {event:02d}: not in {place.name}, so {count} dives have no recording")


ADAPTER: Adapter = Adapter(
    name="mtl-aqa",
    layout_help="MTL-AQA/info/final_annotations_dict_with_dive_number.pkl, train_split_0.pkl and test_split_0.pkl beside it, and "
    "MTL-AQA/new/new_total_frames_256s/01/00000001.jpg",
    locate=locate,
    scan=scan,
    published={"clips": 1412, "split=train": 1059, "split=test": 353},
)
