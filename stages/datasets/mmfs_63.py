"""MMFS-63: 63 kinds of figure-skating elements as skeletons with scores (Liu et al. 2023; the data of 2M-AF's third experiment).

Layout: ``train_data.npy``, ``train_label.pkl``, ``train_score.pkl``, ``train_name.pkl``, and the same for ``test`` (or ``val``).  The
array is (N, C, T, V, M) with C = (x, y[, confidence]), padded with zeros at the end; labels, scores and names are lists of N (ST-GCN's
pair of names and labels is read too).  The release itself was not at hand when this was written.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import InitVar, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.artifacts import fingerprint
from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.importers import safe_pickle
from stages.skeletons.layouts import COCO_17, OPENPOSE_18, OPENPOSE_25, Layout
from stages.skeletons.poses import PoseSequence, sequence

FPS = 30.0
LAYOUT = "train_data.npy, train_label.pkl, train_score.pkl and train_name.pkl, and the same for test"
_PARTS = {"train": "train", "test": "test", "val": "test"}
"""How a part's files begin → what it is; a set of two parts may call its test part ``val``."""
_HOMES = ("MMFS", "MMFS-63", "MMFS#4")
_SKELETONS = {17: COCO_17, 18: OPENPOSE_18, 25: OPENPOSE_25}


@dataclass(frozen=True)
class Recording:
    """One row of a part's array; the file counts by its content, read once for all rows."""

    digest: str
    row: int
    file: InitVar[Path]

    def __post_init__(self, file: Path) -> None:
        """Keep the path out of what identifies the recording."""
        object.__setattr__(self, "path", file)


def locate(root: Path) -> Path | None:
    """Return the folder that holds the arrays."""
    candidates = [inner for home in foreign.homes(root, _HOMES) for inner in (home, *(foreign.folders_in(home) if home != root else ()))]
    return next((home for home in candidates if any(_data(home, part) for part in _PARTS) and _lists_in(home)), None)


def scan(folder: Path) -> Scan:
    """List every row of every part; lists that do not fit their array are problems, and so are labels and names that are none."""
    problems: list[str] = []
    rows: dict[str, dict[str, Value]] = {}
    sources: dict[str, Recording] = {}
    for part in _parts(folder, problems):
        file = folder / f"{part}_data.npy"
        try:
            count = len(_open(file))
            names, labels = _names_and_labels(folder, part, count, problems)
            scores = _column(folder / f"{part}_score.pkl", count, problems)
        except ArtifactError as error:
            problems.append(f"{part}: {error.message}")
            continue
        digest = fingerprint.of_file(file)
        doubled = {name for name, times in Counter(names).items() if times > 1}
        problems += [
            f"{name}: {names.count(name)} times in {part}_name.pkl; its clips are called by their rows" for name in sorted(doubled)
        ]
        for row in range(count):
            name = names[row] if names and names[row] and names[row] not in doubled else f"{row:05d}"
            clip = f"{part}/{name}"
            rows[clip] = {"split": _PARTS[part]}
            if labels and labels[row] is not None:
                rows[clip]["action"] = str(labels[row])
            score = foreign.number(scores[row]) if scores else math.nan
            if not math.isnan(score):
                rows[clip]["score"] = score
            elif scores:
                problems.append(f"{clip}: the score is no number: {str(scores[row])[:40]!r}")
            sources[clip] = Recording(digest, row, file)
    if not rows:
        raise ArtifactError(f"{folder} holds no clips." + "".join(f"\n  - {problem}" for problem in problems), hint=f"expected {LAYOUT}")
    return Scan(manifest.from_rows(rows.items(), "mmfs-63"), sources, problems)


def load_poses(recording: Recording) -> PoseSequence:
    """Read one clip: (M, T, V, 2), without the padding at its end; a joint at the origin was not seen."""
    path: Path = vars(recording)["path"]
    data = _open(path)
    where = f"{path.name}, row {recording.row}"
    values = np.asarray(data[recording.row], dtype=np.float32).transpose(3, 1, 2, 0)
    used = np.flatnonzero((values[..., :2] != 0).any(axis=(0, 2, 3)))
    if not len(used):
        raise ArtifactError(f"{where} holds no joints (all numbers are zero).")
    values = values[:, : used[-1] + 1]
    values = values[(values[..., :2] != 0).any(axis=(1, 2, 3))]
    positions = np.where((values[..., :2] != 0).any(axis=-1, keepdims=True), values[..., :2], np.nan)
    confidence = np.clip(values[..., 2], 0, 1) if values.shape[-1] == 3 else None
    units = "px" if float(np.nanmax(np.abs(positions))) > 2 else "unknown"
    return sequence(
        positions, _layout(data.shape[3]), fps=FPS, confidence=confidence, units=units, clip={"file": where, "fps_from": "assumed"}
    )


def _parts(folder: Path, problems: list[str]) -> list[str]:
    there = [part for part in _PARTS if _data(folder, part)]
    if {"test", "val"} <= set(there):
        there.remove("val")
        problems.append("val_data.npy is left out: test_data.npy is there")
    problems += [f"there is no {part}_data.npy" for part in ("train", "test") if part not in {_PARTS[found] for found in there}]
    return there


def _data(folder: Path, part: str) -> bool:
    return (folder / f"{part}_data.npy").is_file()


def _lists_in(folder: Path) -> bool:
    return any((folder / f"{part}_{what}.pkl").is_file() for part in _PARTS for what in ("label", "score", "name"))


def _open(file: Path) -> Array:
    """Return the array (N, C, T, V, M), mapped into memory."""
    try:
        data = np.load(os.fspath(file), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ArtifactError(
            f"{file.name} is not a readable NumPy array of numbers ({type(error).__name__}).", hint="download it again"
        ) from None
    if not isinstance(data, np.ndarray) or data.ndim != 5 or data.shape[1] not in (2, 3) or data.dtype.kind not in "fiu" or not data.size:
        shown = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else "an archive"
        raise ArtifactError(f"{file.name}: expected numbers (N, 2 or 3, T, V, M), found {shown}.")
    _layout(data.shape[3])
    return data


def _layout(joints: int) -> Layout:
    if joints not in _SKELETONS:
        known = ", ".join(f"{count} ({layout.name})" for count, layout in _SKELETONS.items())
        raise ArtifactError(f"Expected {known} joints, found {joints}.")
    return _SKELETONS[joints]


def _names_and_labels(folder: Path, part: str, count: int, problems: list[str]) -> tuple[list[str], list[Any]]:
    """Return the names and labels of a part's rows, each empty where they are not published or do not fit."""
    file = folder / f"{part}_label.pkl"
    content = safe_pickle.load(file) if file.is_file() else None
    names = _column(folder / f"{part}_name.pkl", count, problems, needed=False)
    if (
        isinstance(content, tuple | list)
        and len(content) == 2
        and count != 2
        and all(len(_values(each, file.name)) == count for each in content)
    ):
        names, labels = names or _values(content[0], file.name), _values(content[1], file.name)
    else:
        labels = _column(file, count, problems)
    return [str(name).replace("\\", "/").strip("/ ").replace("/", "_") for name in names], labels


def _column(file: Path, count: int, problems: list[str], *, needed: bool = True) -> list[Any]:
    """Return a pickled list of ``count`` values; none where the file is not there or is of another length."""
    if not file.is_file():
        if needed:
            problems.append(f"there is no {file.name}")
        return []
    values = _values(safe_pickle.load(file), file.name)
    if len(values) != count:
        problems.append(f"{file.name} has {len(values)} entries for {count} clips and is not used")
        return []
    return values


def _values(content: Any, where: str) -> list[Any]:
    if isinstance(content, list | tuple):
        return [foreign.plain(value) for value in content]
    return list(safe_pickle.array(content, where).ravel().tolist())


ADAPTER: Adapter = Adapter(
    name="mmfs-63",
    layout_help=LAYOUT,
    locate=locate,
    scan=scan,
    load_poses=load_poses,
    published={"clips": 4915, "action": 63, "split=train": 3959, "split=test": 956},
)
