"""Fis-V: 500 programmes of figure skating with technical and component scores (Xu et al. 2019, MS_LSTM).

Layout: ``train_dataset.txt`` and ``test_dataset.txt`` with rows ``number TES PCS deductions`` and no header (in ``data`` or beside the
rest), or ``train.txt`` and ``test.txt`` as GDLT publishes them, with or without one: whether the first row is a header is seen from it.
``fs_dataset.csv`` adds who skates.  Videos are ``videos/1.mp4``; features are folders of ``1.npy`` (C3D, ``swintx_avg_fps25_clip32``) or
``1.binary`` (NumPy's format all the same), or one file for all, ``Fis-feature/FISV_rgb_VST.npy`` (PAMFN).

Methods regress TES and PCS apart (``--target-column score.tes``); ``score`` is the competition's own TES + PCS - deductions.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.importers.common import read_text
from stages.video.frame import Source

PARTS = ("train", "test")
_HOMES = ("Fis-V", "FisV", "MS_LSTM", "MS_LSTM-master")
_PLACES = ("", "data/", "annotations/")
_VIDEOS = ("videos", "video", "fis-v/videos", "data/videos", "")
_WHOLE_SET = "FISV"
"""What PAMFN's files of features are called after."""
_ROUNDING = 0.0151
_HIGHEST = 100.0


def locate(root: Path) -> Path | None:
    """Return the folder in which the lists lie."""
    return next((home for home in foreign.homes(root, _HOMES) if any(_list(home, part) is not None for part in PARTS)), None)


def scan(folder: Path) -> Scan:
    """Read both lists and find videos and features."""
    problems: list[str] = []
    rows: dict[str, dict[str, Value]] = {}
    for part in PARTS:
        file = _list(folder, part)
        if file is None:
            problems.append(f"there is no {part}_dataset.txt or {part}.txt: the programmes that {part} are not known")
        else:
            _read(file, part, rows, problems)
    if not rows:
        raise ArtifactError(f"The lists in {folder} name no programmes.", hint=f"expected {ADAPTER.layout_help}")
    _add_skaters(folder, rows, problems)
    videos = foreign.videos_of(rows, [folder / place for place in _VIDEOS], problems)
    features = foreign.published_features(foreign.feature_folders(folder), rows, {_WHOLE_SET: list(rows)})
    foreign.name_missing_features(rows, features, problems)
    if not videos and not features:
        problems.append("labels alone: no videos/1.mp4 and no features such as swintx_avg_fps25_clip32/1.npy are there")
    built = manifest.from_rows(rows.items(), "fis-v")
    return Scan(built, problems=problems, videos={clip: Source(path) for clip, path in videos.items()}, features=features)


def _list(folder: Path, part: str) -> Path | None:
    """Return the list of a part; other data sets name theirs alike, so its second row must begin with a number."""
    for name in (f"{part}_dataset.txt", f"{part}.txt"):
        for place in _PLACES:
            file = folder / f"{place}{name}"
            if file.is_file() and any(cells[0].isdecimal() and len(cells) in (3, 4) for _, cells in foreign.read_rows(file)[:2]):
                return file
    return None


def _read(file: Path, part: str, rows: dict[str, dict[str, Value]], problems: list[str]) -> None:
    table = foreign.read_rows(file)
    for line, cells in table[1:] if foreign.is_header(table[0][1]) else table:
        numbers = [foreign.number(cell) for cell in cells[1:]]
        if not cells[0].isdecimal() or len(numbers) not in (2, 3) or not all(0 <= each <= _HIGHEST for each in numbers):
            problems.append(f"{file.name}, line {line}: not a number with TES, PCS and deductions: '{' '.join(cells)[:60]}'; left out")
            continue
        clip = str(int(cells[0]))
        if clip in rows:
            problems.append(foreign.listed_again(clip, str(rows[clip]["split"]), part))
            continue
        technical, components = numbers[:2]
        values: dict[str, Value] = {"score": None, "score.tes": technical, "score.pcs": components, "score.deductions": None, "split": part}
        if len(numbers) == 3:
            values |= {"score": round(technical + components - numbers[2], 2), "score.deductions": numbers[2]}
        rows[clip] = values


def _add_skaters(folder: Path, rows: dict[str, dict[str, Value]], problems: list[str]) -> None:
    """Add who skates and in which competition, and compare the scores."""
    file = foreign.first_file(folder, [f"{place}fs_dataset.csv" for place in _PLACES])
    for cells in csv.reader(read_text(file).splitlines()) if file else ():
        if not cells or cells[0] not in rows:
            continue
        values = rows[cells[0]]
        for column, cell in zip(("score.tes", "score.pcs"), cells[2:4], strict=False):
            if abs(foreign.number(cell) - float(values[column] or math.nan)) > _ROUNDING:
                problems.append(f"{cells[0]}: fs_dataset.csv has {column} {cell}, but {values[column]} of the list is used")
        if len(cells) == 8 and cells[5]:
            values |= {"subject": " ".join(cells[5].split()), "competition": f"{cells[7].strip()} {cells[6].strip()}"}


ADAPTER: Adapter = Adapter(
    name="fis-v",
    layout_help="Fis-V/train_dataset.txt and test_dataset.txt beside videos/1.mp4 or swintx_avg_fps25_clip32/1.npy",
    locate=locate,
    scan=scan,
    load_features=foreign.load_features,
    published={"clips": 500, "split=train": 400, "split=test": 100},
)
