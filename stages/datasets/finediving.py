"""FineDiving: 3,000 dives of competitions with scores, difficulty and the steps of each dive (Xu et al. 2022).

Layout: ``Annotations/fine-grained_annotation_aqa.pkl`` ((video, number) → [dive number, score, difficulty, …, label of every frame]) with
``train_split.pkl`` and ``test_split.pkl`` beside it, and ``FineDiving/<video>/<number>/00489.jpg``, one folder of frames per dive.
The annotations come with the signed form.  The execution score is final score / difficulty.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.video.frame import Source

ANNOTATIONS = ("fine-grained_annotation_aqa.pkl", "fine-grained_annotation_for_aqa.pkl")
PARTS = ("train", "test")
_HOMES = ("FineDiving",)
_PLACES = ("Annotations/", "annotations/", "")
_FRAMES = (
    "FineDiving",
    "FINADiving_MTL_256s",
    "FINADiving_jpgs_256",
    "Trimmed_Video_Frames/FINADiving_MTL_256s",
    "Trimmed_Video_Frames",
    "",
)
_FIELDS = 3
"""What an annotation has at least: dive number, score, difficulty."""

Key = tuple[str, int]
"""Video and the dive's number in it."""


def locate(root: Path) -> Path | None:
    """Return the folder that holds the annotations."""
    return next((home for home in foreign.homes(root, _HOMES) if _annotations(home) is not None), None)


def scan(folder: Path) -> Scan:
    """Read annotations and split, and find each dive's frames."""
    file = _annotations(folder)
    if file is None:
        raise ArtifactError(f"{folder} holds no annotations of FineDiving.", hint=f"expected {ADAPTER.layout_help}")
    problems: list[str] = []
    annotations: dict[Key, list[Any]] = {}
    for raw, facts in foreign.read_pickle(file, dict).items():
        key = _key(raw)
        if key is None or not isinstance(facts, list | tuple) or len(facts) < _FIELDS:
            problems.append(f"{file.name}: {str(foreign.plain(raw))[:60]} is not a (video, number) with its annotation; left out")
        elif key in annotations:
            problems.append(f"{clip_of(key)}: annotated twice; the first is used")
        else:
            annotations[key] = list(facts)
    if not annotations:
        raise ArtifactError(f"{file.name} holds no dives.", hint=f"expected {ADAPTER.layout_help}")
    split = _split(folder, annotations, problems)
    rows = []
    for key, facts in annotations.items():
        values = _values(clip_of(key), facts, problems)
        rows.append((clip_of(key), {**values, "split": split.get(key, "")} if split else values))
    videos = _videos(folder, annotations, problems)
    return Scan(manifest.from_rows(rows, "finediving"), problems=problems, videos=videos)


def clip_of(key: Key) -> str:
    """Return the clip id of a dive: its video and its number, as its frames lie."""
    return f"{key[0]}/{key[1]}"


def _annotations(home: Path) -> Path | None:
    return foreign.first_file(home, [f"{place}{name}" for place in _PLACES for name in ANNOTATIONS])


def _key(raw: Any) -> Key | None:
    pair = foreign.plain(raw)
    if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
        return None
    video, number = pair[0], pair[1]
    if isinstance(number, str) and number.isdecimal():
        number = int(number)
    safe = bool(video) and not {"/", "\\"} & set(video) and not video.startswith(".")
    return (video, number) if safe and type(number) is int and number >= 0 else None


def _values(clip: str, facts: list[Any], problems: list[str]) -> dict[str, Value]:
    score, difficulty = (foreign.number(foreign.plain(fact)) for fact in facts[1:3])
    values: dict[str, Value] = {"score": None, "score.execution": None, "difficulty": None, "dive_number": str(foreign.plain(facts[0]))}
    if score >= 0 and difficulty > 0:
        return values | {"score": score, "score.execution": score / difficulty, "difficulty": difficulty}
    problems.append(f"{clip}: no score and difficulty that are numbers: {facts[1]}, {facts[2]}")
    return values


def _split(folder: Path, annotations: Mapping[Key, list[Any]], problems: list[str]) -> dict[Key, str]:
    split: dict[Key, str] = {}
    for part in PARTS:
        file = foreign.first_file(folder, [f"{place}{part}_split.pkl" for place in _PLACES])
        if file is None:
            problems.append(f"there is no {part}_split.pkl: the dives that {part} are not known")
            continue
        for raw in foreign.read_pickle(file, (list, tuple)):
            key = _key(tuple(raw) if isinstance(raw, list) else raw)
            if key is None or key not in annotations:
                problems.append(f"{file.name}: {clip_of(key) if key else str(foreign.plain(raw))[:60]} has no annotation")
            elif key in split:
                problems.append(foreign.listed_again(clip_of(key), split[key], part))
            else:
                split[key] = part
    if split:
        problems += [f"{clip_of(key)}: in neither part of the split" for key in annotations if key not in split]
    return split


def _videos(folder: Path, annotations: Mapping[Key, list[Any]], problems: list[str]) -> dict[str, Source]:
    names = {video for video, _ in annotations}
    base = next((folder / place for place in _FRAMES if names & {path.name for path in foreign.folders_in(folder / place)}), None)
    if base is None:
        problems.append("labels alone: no folders of frames such as FineDiving/<video>/0/00489.jpg are there")
        return {}
    there = {video: foreign.numbered(base / video, problems, video) for video in sorted(names)}
    videos: dict[str, Source] = {}
    for (video, number), facts in annotations.items():
        path = there[video].get(number)
        if path is None:
            problems.append(f"{video}/{number}: no frames")
            continue
        videos[f"{video}/{number}"] = Source(path)
        labelled = _labelled(facts)
        frames = foreign.count_images(path)
        if labelled and frames != labelled:
            problems.append(f"{video}/{number}: {frames} frames, but labels of {labelled}")
    for video, numbers in there.items():
        problems += [f"{video}/{number}: no annotation, left out" for number in numbers if (video, number) not in annotations]
    return videos


def _labelled(facts: list[Any]) -> int:
    """Return how many frames have a step's label; 0 where the annotation has none."""
    try:
        return len(foreign.numbers_of(facts[4], "labels")) if len(facts) > 4 else 0
    except ArtifactError:
        return 0


ADAPTER: Adapter = Adapter(
    name="finediving",
    layout_help="FineDiving/Annotations/fine-grained_annotation_aqa.pkl, train_split.pkl and test_split.pkl beside "
    "FineDiving/FineDiving/<video>/0/00489.jpg",
    locate=locate,
    scan=scan,
    published={"clips": 3000, "split=train": 2251, "split=test": 749},
)
