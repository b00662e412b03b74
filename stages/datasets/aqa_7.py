"""AQA-7: dives, vaults and big-air jumps of seven sports with the judges' final scores (Parmar and Morris 2019).

Layout: ``Split_4/split_4_{train,test}_list.mat`` with rows [class 1–6, number, score], and per class a folder of clips as folders of
frames (``diving-out/001/img_00001.jpg``) or as videos.  The lists are found in ``Split_4``, ``data/Split_4``, ``info`` or beside the
folders; the folders in ``data``, in ``frames`` or beside the lists.  A copy of the lists in the wild has the scores × 100.

Trampoline, the seventh class, is not in the lists and its clips are six times as long: ``aqa-7-trampoline`` is a set of its own.
Scores are in each sport's own units; the paper divides them by the class's standard deviation (``--set target.scaling=class-std``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stages.arrays import Array
from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.video.frame import Source


@dataclass(frozen=True)
class Sport:
    """One class: its number in the lists, its name, other names of its folder, and its published numbers of clips."""

    number: int
    name: str
    others: tuple[str, ...]
    train: int
    test: int


SPORTS = (
    Sport(1, "diving", ("diving10m",), 300, 70),
    Sport(2, "gym_vault", ("gymvault", "vault"), 120, 56),
    Sport(3, "ski_big_air", ("skibigair", "bigairski", "bigairskiing"), 120, 55),
    Sport(4, "snowboard_big_air", ("snowboardbigair", "bigairsnowboard", "bigairsnowboarding"), 140, 66),
    Sport(5, "sync_diving_3m", ("syncdiving3m", "syncdive3m", "sync3m"), 60, 28),
    Sport(6, "sync_diving_10m", ("syncdiving10m", "syncdive10m", "sync10m"), 63, 28),
)
TRAMPOLINE = "trampoline"
PARTS = ("train", "test")
LISTS: Mapping[str, tuple[str, ...]] = {
    part: tuple(
        f"{place}{file}"
        for place in ("Split_4/", "data/Split_4/", "info/", "data/info/", "")
        for file in (f"split_4_{part}_list.mat", f"consolidated_{part}_list.mat")
    )
    for part in PARTS
}
"""Where each list may lie, the most usual place first."""
CENTI = 1000.0
"""No score of any sport reaches this; a list that does holds them × 100."""
HOMES: tuple[str, ...] = ("AQA-7", "AQA dataset", "Seven")
_INNER = ("", "data", "frames", "data/frames")
_SUFFIX = re.compile(r"([-_]v1)?([-_]out|[-_]raw|[-_]samples[-_]\w+)?$")
_CLASS_OF: Mapping[str, str] = {
    **{other: sport.name for sport in SPORTS for other in (*sport.others, sport.name.replace("_", ""))},
    TRAMPOLINE: TRAMPOLINE,
}


@dataclass(frozen=True)
class Label:
    """One row of the lists."""

    sport: str
    number: int
    score: float
    part: str

    @property
    def clip(self) -> str:
        """The clip's id."""
        return f"{self.sport}/{self.number:03d}"


def locate(root: Path) -> Path | None:
    """Return the folder in which lists or folders of classes are found."""
    homes = list(foreign.homes(root, HOMES))
    with_lists = (home for home in homes if any(foreign.first_file(home, places) for places in LISTS.values()))
    return next(with_lists, None) or next((home for home in homes if class_folders(home)), None)


def scan(folder: Path) -> Scan:
    """Read the lists and find the clips of the six classes."""
    problems: list[str] = []
    labels = read_lists(folder, problems)
    rows: list[tuple[str, dict[str, Value]]] = [
        (label.clip, {"score": label.score, "action": label.sport, "split": label.part}) for label in labels
    ]
    folders = class_folders(folder)
    videos: dict[str, Source] = {}
    if any(sport.name in folders for sport in SPORTS):
        for sport in SPORTS:
            numbers = [label.number for label in labels if label.sport == sport.name]
            videos |= find_clips(sport.name, folders.get(sport.name, []), numbers, problems)
    else:
        problems.append("labels alone: no folder of clips such as diving-out/001/img_00001.jpg is there")
    return Scan(manifest.from_rows(rows, "aqa-7"), problems=problems, videos=videos)


def read_lists(folder: Path, problems: list[str]) -> list[Label]:
    """Return the rows of both lists in their order; odd ones are problems.

    Raises:
        ArtifactError: neither list is there, or one cannot be read.
    """
    labels: dict[tuple[str, int], Label] = {}
    missing = [part for part in PARTS if foreign.first_file(folder, LISTS[part]) is None]
    if len(missing) == len(PARTS):
        raise ArtifactError(f"{folder} has no list of AQA-7's scores.", hint=f"expected {LISTS['train'][0]} and {LISTS['test'][0]}")
    problems += [f"there is no {LISTS[part][0]}: the clips that {part} are not known" for part in missing]
    for part in PARTS:
        files = [folder / place for place in LISTS[part] if (folder / place).is_file()]
        tables = [_table(file, part, problems) for file in files]
        for file, table in zip(files[1:], tables[1:], strict=True):
            if table.tolist() != tables[0].tolist():
                problems.append(f"{file.relative_to(folder)} differs from {files[0].relative_to(folder)}, which is used")
        for label in _rows(tables[0], part, files[0].name, problems) if tables else ():
            known = labels.setdefault((label.sport, label.number), label)
            if known is not label:
                what = "twice" if known.part == part else "to train and to test"
                problems.append(f"{label.clip}: listed {what}; the first, {known.score:g}, is used")
    return list(labels.values())


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """Return class → the folders whose name says that they hold its clips."""
    found: dict[str, list[Path]] = {}
    for inner in _INNER:
        for path in foreign.folders_in(folder / inner):
            name = re.sub(r"[^a-z0-9]", "", _SUFFIX.sub("", path.name.lower()))
            if name in _CLASS_OF:
                found.setdefault(_CLASS_OF[name], []).append(path)
    return found


def find_clips(sport: str, folders: list[Path], numbers: list[int], problems: list[str]) -> dict[str, Source]:
    """Return clip → its recording for the listed ``numbers``; missing, doubled and unlisted ones are problems."""
    if not folders:
        problems.append(f"{sport}: {len(numbers)} clips, but no folder of them")
        return {}
    problems += [f"{sport}: {folder} is another folder of its clips and is not read" for folder in folders[1:]]
    there = foreign.numbered(_clips_folder(folders[0]), problems, sport)
    problems += [f"{sport}/{number:03d}: no recording in {folders[0].name}" for number in sorted(set(numbers) - set(there))]
    problems += [f"{sport}/{number:03d}: not in the lists of scores, left out" for number in there if number not in set(numbers)]
    return {f"{sport}/{number:03d}": Source(there[number]) for number in numbers if number in there}


def numbers_in(folder: Path) -> list[int]:
    """Return the numbers of the clips in a class's folder."""
    return list(foreign.numbered(_clips_folder(folder), [], ""))


def _clips_folder(folder: Path) -> Path:
    """Return where the clips lie: in ``frames`` in the authors' own layout, else in the class's folder itself."""
    inner = folder / "frames"
    return inner if inner.is_dir() else folder


def _table(file: Path, part: str, problems: list[str]) -> Array:
    table = foreign.read_mat(file, f"consolidated_{part}_list", columns=3)
    if table[:, 2].max() > CENTI:
        problems.append(f"{file.name}: the scores are × 100 (up to {table[:, 2].max():g}); they are divided by 100")
        table[:, 2] = (table[:, 2] / 100).round(6)
    return table


def _rows(table: Array, part: str, file: str, problems: list[str]) -> Iterator[Label]:
    names = {sport.number: sport.name for sport in SPORTS}
    for line, (sport, number, score) in enumerate(table.tolist(), start=1):
        if sport not in names or number < 1 or number != round(number) or not 0 <= score < CENTI:
            problems.append(
                f"{file}, row {line}: not a class from 1 to 6, a number and a score: {sport:g}, {number:g}, {score:g}; left out"
            )
        else:
            yield Label(names[round(sport)], round(number), score, part)


ADAPTER: Adapter = Adapter(
    name="aqa-7",
    layout_help="AQA-7/Split_4/split_4_train_list.mat and split_4_test_list.mat beside diving-out/001/img_00001.jpg",
    locate=locate,
    scan=scan,
    published={
        "clips": sum(sport.train + sport.test for sport in SPORTS),
        "action": len(SPORTS),
        "split=train": sum(sport.train for sport in SPORTS),
        "split=test": sum(sport.test for sport in SPORTS),
        **{f"action={sport.name} split={part}": getattr(sport, part) for sport in SPORTS for part in PARTS},
    },
)
