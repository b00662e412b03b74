"""Rhythmic Gymnastics: 1,000 routines with ball, clubs, hoop or ribbon and the judges' scores (Zeng et al. 2020, ACTION-NET).

Layout: ``train.txt`` and ``test.txt`` (in ``data`` or beside the rest) with a header and rows ``Ball_001 difficulty execution total penalty
seconds``; ``videos/Ball_001.mp4``; and features as their authors publish them: folders of ``Ball_001.npy`` (``swintx_avg_fps25_clip32`` of
GDLT, ``dynamic_feat`` and ``static_feat`` of ACTION-NET), or one file per apparatus such as ``RG-feature/Ball_rgb_VST.npy`` (PAMFN).
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.video.frame import Source

APPARATUS = ("Ball", "Clubs", "Hoop", "Ribbon")
PARTS = ("train", "test")
COLUMNS = ("score.difficulty", "score.execution", "score", "score.penalty")
"""Columns two to five of the lists; the total is difficulty + execution - penalty."""
_HOMES = ("RG", "RG_public", "Rhythmic-Gymnastics", "RhythmicGymnastics")
_PLACES = ("", "data/", "RG_public/", "annotations/")
_NAME = re.compile(rf"({'|'.join(APPARATUS)})_\d+")
_ROUNDING = 0.0151
"""How far a total may lie from its parts: the lists have two decimals."""


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
            problems.append(f"there is no {part}.txt: the routines that {part} are not known")
        else:
            _read(file, part, rows, problems)
    if not rows:
        raise ArtifactError(f"The lists in {folder} name no routines.", hint=f"expected {ADAPTER.layout_help}")
    videos = foreign.videos_of(rows, [folder / place for place in ("videos", "RG_public/videos", "data/videos")], problems)
    groups = {apparatus: [clip for clip in rows if clip.startswith(apparatus)] for apparatus in APPARATUS}
    features = foreign.published_features(foreign.feature_folders(folder), rows, groups)
    foreign.name_missing_features(rows, features, problems)
    if not videos and not features:
        problems.append("labels alone: no videos/Ball_001.mp4 and no features such as swintx_avg_fps25_clip32/Ball_001.npy are there")
    built = manifest.from_rows(rows.items(), "rhythmic-gymnastics")
    return Scan(built, problems=problems, videos={clip: Source(path) for clip, path in videos.items()}, features=features)


def _list(folder: Path, part: str) -> Path | None:
    """Return the list of a part; other data sets name theirs alike, so it must begin with a routine's name."""
    for place in _PLACES:
        file = folder / f"{place}{part}.txt"
        if file.is_file() and any(_NAME.fullmatch(cells[0]) for _, cells in foreign.read_rows(file)[:2]):
            return file
    return None


def _read(file: Path, part: str, rows: dict[str, dict[str, Value]], problems: list[str]) -> None:
    table = foreign.read_rows(file)
    for line, cells in table[1:] if foreign.is_header(table[0][1]) else table:
        numbers = [foreign.number(cell) for cell in cells[1:]]
        if not _NAME.fullmatch(cells[0]) or len(numbers) not in (4, 5) or any(math.isnan(each) for each in numbers):
            problems.append(f"{file.name}, line {line}: not a routine with four scores and a length: '{' '.join(cells)[:60]}'; left out")
            continue
        clip = cells[0]
        if clip in rows:
            problems.append(foreign.listed_again(clip, str(rows[clip]["split"]), part))
            continue
        difficulty, execution, total, penalty = numbers[:4]
        if abs(difficulty + execution - penalty - total) > _ROUNDING:
            parts = f"{difficulty:g} + {execution:g} - {penalty:g}"
            problems.append(f"{clip}: the total {total:g} is not difficulty + execution - penalty = {parts}; the total is used")
        rows[clip] = {"score": total, **dict(zip(COLUMNS, numbers, strict=False)), "action": clip.partition("_")[0], "split": part}


ADAPTER: Adapter = Adapter(
    name="rhythmic-gymnastics",
    layout_help="RG/train.txt and test.txt beside videos/Ball_001.mp4 or swintx_avg_fps25_clip32/Ball_001.npy",
    locate=locate,
    scan=scan,
    load_features=foreign.load_features,
    published={
        "clips": 1000,
        "action": len(APPARATUS),
        **{f"action={apparatus} split={part}": count for apparatus in APPARATUS for part, count in (("train", 200), ("test", 50))},
    },
)
