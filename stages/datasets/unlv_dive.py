"""UNLV-Dive: 370 dives from the 10 m platform with final score and difficulty (Parmar and Morris 2017); they are class 1 of AQA-7.

Scores and the published 300/70 split come from AQA-7's lists, or from ``diving_overall_scores.mat`` with ``{training,testing}_idx.mat``.
The difficulty comes from ``diving_difficulty_level.mat``, or from the annotations of MTL-AQA, whose events 3, 2 and 1 hold these dives in
the same order with two more among them.  The execution score is final score / difficulty.

MTL-AQA's release also has ``UNLV_Dive_split_4``.  Its ``{train,test}_split_370_4.pkl`` are the 300/70 of AQA-7, but the (event, dive) in it
were counted without the two additional dives, so most of them are not the dives that the annotations have under that key: here they are
counted back to the numbers from 1 to 370.  Its ``{train,test}_split_0.pkl`` are 279/93, a different split, and are not read.

``p3d`` are the features that Xiang et al. 2018 (S3D) publish with their code, the mean over a dive's four stages as one segment of 2048:
``data_files/all_{train,test}_v2.npy``, pickled rows of features, stage scores and scores in the order of ``{training,testing}_idx.npy``; or
the same as plain arrays, ``p3d_{train,test}.npz`` with ``features``, ``video_id``, ``score`` and ``difficulty``.
"""

from __future__ import annotations

import functools
import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.datasets import aqa_7, foreign, manifest, mtl_aqa
from stages.datasets.foreign import FeatureFile
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.import_features import readers
from stages.skeletons.importers import safe_pickle

CLIPS = 370
SPORT = "diving"
FIRST: Mapping[int, int] = {3: 1, 2: 73, 1: 181}
"""Event of MTL-AQA → number of its first dive; the events lie one after the other."""
NOT_HERE = ((3, 9), (1, 70))
"""Dives of these events that MTL-AQA has in addition (measured: without them scores agree in 368 of 370 dives, none by more than 0.1,
and difficulties in all 300 published with the training dives)."""
_HOMES = ("UNLV-Dive", "UNLV-Diving", "diving", "diving-score", "diving-score-master", *aqa_7.HOMES, *mtl_aqa.HOMES)
_MTL = ("UNLV_Dive_split_4", "Ready_2_Use/UNLV_Dive_split_4", "MTL-AQA_dataset_release/Ready_2_Use/UNLV_Dive_split_4")
_SPLITS = ("", "split_300_70", "split_4", "dive_big/split_4", "dive_c3d_lstm_all/dive_big/split_4", "data/split_300_70")
_PLACES = ("", "data", "data_files")
_ROUNDING = 0.005
FEATURES = "p3d"
"""The name of the published features."""
_INDICES = {"train": "training_idx", "test": "testing_idx"}


@dataclass
class _Labels:
    """What is known of each dive, by its number."""

    score: dict[int, float] = field(default_factory=dict)
    difficulty: dict[int, float] = field(default_factory=dict)
    split: dict[int, str] = field(default_factory=dict)

    def fill(self, column: dict[int, Any], found: Mapping[int, Any], where: str, problems: list[str]) -> None:
        """Take what is not known yet; where two sources differ the first counts."""
        for number, value in sorted(found.items()):
            known = column.setdefault(number, value)
            same = known == value if isinstance(value, str) else abs(known - value) < _ROUNDING
            if not same:
                problems.append(f"{number:03d}: {where} says {value}, but {known} is used")


def locate(root: Path) -> Path | None:
    """Return the root itself where AQA-7's lists, the authors' matrices or MTL-AQA's annotations lie in it: they complete each other."""
    return root if any(_has_scores(home) for home in foreign.homes(root, _HOMES)) else None


def scan(folder: Path) -> Scan:
    """Put together scores, split and difficulty of whatever files are there, and find the clips."""
    problems: list[str] = []
    labels = _Labels()
    homes = list(foreign.homes(folder, _HOMES))
    for take in (_take_lists, _take_matrices, _take_archives, _take_mtl_split, _take_mtl):
        for home in homes:
            take(home, labels, problems)
    if not labels.score:
        raise ArtifactError(f"{folder} holds no scores of UNLV-Dive.", hint=f"expected {ADAPTER.layout_help}")
    if not labels.difficulty:
        problems.append(
            "no difficulty: expected diving_difficulty_level.mat or UNLV_Dive_split_4/final_annotations_dict.pkl; no score.execution"
        )
    if not labels.split:
        problems.append("no split: expected training_idx.mat and testing_idx.mat")
    rows = [(f"{number:03d}", _values(number, labels, problems)) for number in sorted(labels.score)]
    features = _features(homes, labels, problems)
    folders = [path for home in homes for path in _recordings(home)]
    videos = aqa_7.find_clips(SPORT, folders, sorted(labels.score), problems) if folders else {}
    if not folders and not features:
        problems.append("labels alone: no folder of clips such as diving-out/001/img_00001.jpg is there")
    problems = [_here(problem) for problem in problems]
    return Scan(
        manifest.from_rows(rows, "unlv-dive"),
        problems=problems,
        videos={_here(clip): source for clip, source in videos.items()},
        features={FEATURES: features} if features else {},
    )


def _has_scores(home: Path) -> bool:
    lists = any(foreign.first_file(home, places) for places in aqa_7.LISTS.values())
    matrix = _matrix(home, "diving_overall_scores", "overall_scores", _PLACES) is not None
    return lists or matrix or bool(_annotations(home)) or any(_archives(home))


def _annotations(home: Path) -> list[Path]:
    own = [home / place / "final_annotations_dict.pkl" for place in _MTL]
    return [*(file for file in own if file.is_file()), *mtl_aqa.annotation_files(home)]


def _values(number: int, labels: _Labels, problems: list[str]) -> dict[str, Value]:
    score, difficulty = labels.score[number], labels.difficulty.get(number, math.nan)
    values: dict[str, Value] = {"score": score, "score.execution": None, "difficulty": None}
    if difficulty > 0:
        values |= {"score.execution": score / difficulty, "difficulty": difficulty}
    elif labels.difficulty:
        problems.append(f"{number:03d}: no difficulty")
    if labels.split:
        values["split"] = labels.split.get(number, "")
        if not values["split"]:
            problems.append(f"{number:03d}: in neither part of the split")
    return values


def _take_lists(folder: Path, labels: _Labels, problems: list[str]) -> None:
    if not any(foreign.first_file(folder, places) for places in aqa_7.LISTS.values()):
        return
    found = [label for label in aqa_7.read_lists(folder, problems) if label.sport == SPORT]
    labels.fill(labels.score, {label.number: label.score for label in found}, "AQA-7", problems)
    labels.fill(labels.split, {label.number: label.part for label in found}, "AQA-7", problems)


def _take_matrices(folder: Path, labels: _Labels, problems: list[str]) -> None:
    for name, key, column in (
        ("diving_overall_scores", "overall_scores", labels.score),
        ("diving_difficulty_level", "difficulty_level", labels.difficulty),
    ):
        file = _matrix(folder, name, key, _PLACES)
        if file is not None:
            values = _numbers(file, key).tolist()
            if len(values) != CLIPS:
                problems.append(f"{file.name}: expected {CLIPS} values, found {len(values)}")
            labels.fill(column, dict(enumerate(values, start=1)), file.name, problems)
    for part, name in _INDICES.items():
        file = _matrix(folder, name, name, (*_SPLITS, *_PLACES))
        if file is not None:
            numbers = _numbers(file, name)
            labels.fill(labels.split, {int(number): part for number in numbers}, file.name, problems)


def _take_mtl_split(folder: Path, labels: _Labels, problems: list[str]) -> None:
    for place in (folder / inner for inner in _MTL if (folder / inner).is_dir()):
        for part in aqa_7.PARTS:
            pickled, matrix = place / f"{part}_split_370_4.pkl", place / f"{part}_tupled_list.mat"
            if pickled.is_file():
                pairs = [foreign.plain(pair) for pair in foreign.read_pickle(pickled, list)]
            elif matrix.is_file():
                pairs = [tuple(map(int, pair)) for pair in foreign.read_mat(matrix, matrix.stem, columns=2).tolist()]
            else:
                continue
            known = [pair for pair in pairs if isinstance(pair, tuple) and len(pair) == 2 and pair[0] in FIRST]
            if len(known) < len(pairs):
                problems.append(f"{place.name}: {len(pairs) - len(known)} entries of the {part} list are no dives of events 1 to 3")
            numbers = {FIRST[event] + dive - 1: part for event, dive in known}
            labels.fill(labels.split, numbers, f"{place.name}'s {part} list", problems)


def _take_mtl(folder: Path, labels: _Labels, problems: list[str]) -> None:
    for file in _annotations(folder)[:1]:
        annotations = {foreign.plain(key): facts for key, facts in foreign.read_pickle(file, dict).items()}
        dives = dives_in(annotations)
        if not dives:
            problems.append(f"{file.name}: events 1 to 3 are not the {CLIPS} dives and {len(NOT_HERE)} more that are published; not used")
        for column, key in ((labels.score, "final_score"), (labels.difficulty, "difficulty")):
            found = {number: foreign.number(foreign.plain(annotations[pair].get(key))) for number, pair in dives.items()}
            labels.fill(column, {number: value for number, value in found.items() if math.isfinite(value)}, file.name, problems)


def dives_in(annotations: Mapping[Any, Any]) -> dict[int, tuple[int, int]]:
    """Return number from 1 to 370 → (event, dive) of MTL-AQA."""
    ours = sorted((pair for pair in annotations if pair[0] in FIRST and pair not in NOT_HERE), key=lambda pair: (-pair[0], pair[1]))
    return dict(enumerate(ours, start=1)) if len(ours) == CLIPS else {}


def _recordings(folder: Path) -> list[Path]:
    """Return the folders of clips: those of AQA-7, and the authors' videos of 151 frames or of their own length."""
    own = ("diving_samples_len_151_lstm", "diving_samples_len_ori")
    named = [folder / inner / name for inner in _PLACES for name in own if (folder / inner / name).is_dir()]
    return named + [path for path in aqa_7.class_folders(folder).get(SPORT, []) if path not in named]


def _matrix(folder: Path, name: str, key: str, places: tuple[str, ...]) -> Path | None:
    """Return the file of a matrix: MATLAB's, or NumPy's as S3D has it, which is called like the variable."""
    return _first(folder, f"{name}.mat", places) or _first(folder, f"{key}.npy", places)


def _numbers(file: Path, key: str) -> Array:
    if file.suffix == ".mat":
        return foreign.read_mat(file, key)
    clips = readers.read_npy(file, None)
    values = clips[0].load() if len(clips) == 1 else np.empty(0)
    if values.dtype.kind not in "fiu" or not values.size:
        raise ArtifactError(f"{file.name}: expected one row of numbers.")
    return values.astype(np.float64).ravel()


def _first(folder: Path, name: str, places: tuple[str, ...]) -> Path | None:
    return foreign.first_file(folder, [f"{place}/{name}" if place else name for place in places])


@dataclass(frozen=True)
class Row:
    """One dive's features in S3D's table of a part."""

    file: Path
    row: int


def load_features(recording: FeatureFile | Row) -> Array:
    """Read one dive's features: (1, 2048).

    Raises:
        ArtifactError: the file cannot be read, or does not hold them.
    """
    if isinstance(recording, FeatureFile):
        return foreign.load_features(recording)
    stamp = recording.file.stat()
    table = _table(recording.file, stamp.st_mtime_ns, stamp.st_size)
    if recording.row >= len(table):
        raise ArtifactError(f"{recording.file.name} holds {len(table)} dives, expected {recording.row + 1} or more.")
    return safe_pickle.array(table[recording.row], f"{recording.file.name}, dive {recording.row + 1}")[None]


@functools.lru_cache(maxsize=1)
def _table(file: Path, *_: int) -> Array:
    """Return the features of all dives of a part, pickled arrays (N,)."""
    content = safe_pickle.objects(readers.pickled(file), file.name)
    if content.ndim != 2:
        raise ArtifactError(f"{file.name}: expected rows of features, stage scores and scores, found an array of shape {content.shape}.")
    return np.asarray(content[0])


def _features(homes: list[Path], labels: _Labels, problems: list[str]) -> dict[str, FeatureFile | Row]:
    """Return clip → its features, from whichever form is there."""
    found: dict[int, FeatureFile | Row] = {}
    for home in homes:
        for part, file in _archives(home):
            for number in _archive(file, part, problems).get("video_id", ()):
                found.setdefault(int(number), FeatureFile(file, str(int(number))))
        for part, name in _INDICES.items():
            indices = _matrix(home, name, name, (*_SPLITS, *_PLACES))
            table = _first(home, f"all_{part}_v2.npy", _PLACES) or _first(home, f"all_{part}.npy", _PLACES)
            for row, number in enumerate(_numbers(indices, name)) if table is not None and indices is not None else ():
                assert table is not None
                found.setdefault(int(number), Row(table, row))
    for part in aqa_7.PARTS:
        absent = [number for number in labels.score if labels.split.get(number) == part and number not in found]
        if found and absent:
            problems.append(f"{len(absent)} of the dives that {part} have no features {FEATURES}")
    return {f"{number:03d}": found[number] for number in sorted(labels.score) if number in found}


def _archives(home: Path) -> Iterator[tuple[str, Path]]:
    """Yield (part, file) of the features that are plain arrays."""
    for part in aqa_7.PARTS:
        file = _first(home, f"{FEATURES}_{part}.npz", _PLACES)
        if file is not None:
            yield part, file


def _archive(file: Path, part: str, problems: list[str]) -> dict[str, Array]:
    """Return the numbers beside the features, each (N,); nothing, and a problem, where there are none."""
    names = ("video_id", "score", "difficulty")
    try:
        with np.load(file, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        columns = {}
    plain = all(column.ndim == 1 and column.dtype.kind in "fiu" for column in columns.values())
    if columns and plain and len({len(column) for column in columns.values()}) == 1:
        return columns
    problems.append(f"{file.name}: expected {', '.join(names)}, one number for each dive that {part}; not used")
    return {}


def _take_archives(folder: Path, labels: _Labels, problems: list[str]) -> None:
    for part, file in _archives(folder):
        columns = _archive(file, part, [])  # reading the features names what is wrong
        numbers = [int(number) for number in columns.get("video_id", ())]
        for known, name in ((labels.score, "score"), (labels.difficulty, "difficulty")):
            labels.fill(known, dict(zip(numbers, columns.get(name, np.empty(0)).tolist(), strict=False)), file.name, problems)
        labels.fill(labels.split, dict.fromkeys(numbers, part), file.name, problems)


def _here(text: str) -> str:
    return text.removeprefix(f"{SPORT}/")


ADAPTER: Adapter = Adapter(
    name="unlv-dive",
    layout_help="AQA-7/Split_4/split_4_train_list.mat, or diving_overall_scores.mat beside split_300_70/training_idx.mat; "
    "features: diving-score/data_files/all_train_v2.npy and training_idx.npy, or p3d_train.npz",
    locate=locate,
    scan=scan,
    load_features=load_features,
    published={"clips": CLIPS, "split=train": 300, "split=test": 70},
)
