"""QMAR: simulated Parkinson's and stroke walks and sit-to-stands of 38 people from six views, with severity scores (Sardari et al. 2020).

The data are not linked publicly; the layout is that of VI-Net's code.  CSV files (one line per image, or per sequence) have the columns
``action, action_type, abnormality, subject, folder, image_type, device, img_name, score``; images lie in
``<action>/<stage>/<Normal | Abnormal/<abnormality>>/<subject>/<folder>/<device>/COLOR/<image>``, where the stage is ``train`` or ``test``.
The score is a class: methods classify it (``--task level``) and rank by it.  A clip is one sequence of one device; ``moment`` is the
sequence, equal for the clips of all devices, which filmed it at one time.
"""

from __future__ import annotations

import csv
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.importers.common import read_text
from stages.video.frame import Source

COLUMNS = ("action", "action_type", "abnormality", "subject", "folder", "device", "score")
"""Columns that are used."""
NORMAL = "Normal"
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "val", "validation": "val"}
LAYOUT = "W-P/train/Abnormal/Parkinson/01/1/device_0/COLOR/*.png beside a CSV with the columns " + ", ".join(COLUMNS)
_HOMES = ("QMAR",)
_IMAGES = "COLOR"
_DEPTH = 8
"""Folders between the data set's own and the images."""


def locate(root: Path) -> Path | None:
    """Return the folder that holds a list with the known columns."""
    named_first = sorted(foreign.homes(root, _HOMES), key=lambda home: home == root)
    return next((home for home in named_first if _lists(home)), None)


def scan(folder: Path) -> Scan:
    """Read the lists, and find each sequence's folder of images; the part that it belongs to comes from its path."""
    problems: list[str] = []
    rows: dict[str, dict[str, Value]] = {}
    for file in _lists(folder):
        _read(file, rows, problems)
    if not rows:
        raise ArtifactError(f"The lists in {folder} name no sequences.", hint=f"expected {LAYOUT}")
    videos: dict[str, Source] = {}
    for clip, stage, path in _sequences(folder, problems):
        if clip not in rows:
            problems.append(f"{clip}: images without a score, left out")
        elif clip in videos:
            problems.append(f"{clip}: images in two places, {_inside(videos[clip].path, folder)} is used")
        elif not foreign.count_images(path):
            problems.append(f"{clip}: no images in {_inside(path, folder)}")
        else:
            videos[clip] = Source(path)
            if stage.lower() in PARTS:
                rows[clip]["split"] = PARTS[stage.lower()]
    problems += [f"{clip}: no images" for clip in rows if clip not in videos] if videos else ["labels alone: there are no images"]
    _check_split(rows, problems)
    return Scan(manifest.from_rows(rows.items(), "qmar"), problems=problems, videos=videos)


def _lists(folder: Path) -> list[Path]:
    """Return the CSV files with the known columns, in the folder and up to two folders below."""
    places = foreign.feature_folders(folder)
    files = [file for place in places for file in sorted(place.glob("*.csv"))]
    return [file for file in files if set(COLUMNS) <= set(_header(file))]


def _header(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8-sig") as opened:
            return [cell.strip() for cell in opened.readline().split(",")]
    except (OSError, UnicodeDecodeError):
        return []


def _read(file: Path, rows: dict[str, dict[str, Value]], problems: list[str]) -> None:
    scores: dict[str, Counter[float]] = {}
    for line, cells in enumerate(csv.DictReader(read_text(file).splitlines(), skipinitialspace=True), start=2):
        values = {key: (cells.get(key) or "").strip() for key in COLUMNS}
        score = foreign.number(values["score"])
        names = [values[key] for key in ("action", "action_type", "subject", "folder", "device")]
        if not all(names) or any("/" in name or name == ".." for name in (*names, values["abnormality"])):
            problems.append(f"{file.name}, line {line}: expected action, action_type, subject, folder and device; left out")
            continue
        kind = NORMAL if values["action_type"] == NORMAL else f"Abnormal/{values['abnormality'] or values['action_type']}"
        moment = "/".join([values["action"], kind, values["subject"], values["folder"]])
        clip = f"{moment}/{values['device']}"
        scores.setdefault(clip, Counter())[score] += 1
        known = rows.setdefault(clip, {})
        if not known:
            known.update({"action": values["action"], "kind": kind.rpartition("/")[2], "subject": values["subject"]})
            known.update({"view": values["device"], "repetition": values["folder"], "moment": moment})
    for clip, found in scores.items():
        score, _ = found.most_common(1)[0]
        if len(found) > 1:
            problems.append(f"{clip}: {len(found)} different scores in {file.name}, the most frequent ({score:g}) is used")
        if math.isnan(score) or score < 0 or score != int(score):
            problems.append(f"{clip}: the score in {file.name} is no class: {score:g}")
        elif rows[clip].get("score", score) != score:
            problems.append(f"{clip}: {score:g} in {file.name}, {rows[clip]['score']:g} in another list, which is used")
        else:
            rows[clip] |= {"score": score, "label": f"{score:g}"}


def _sequences(folder: Path, problems: list[str]) -> Iterator[tuple[str, str, Path]]:
    """Yield (clip, stage, folder of images)."""
    for place, names, _ in os.walk(folder):
        names.sort()
        if _IMAGES not in names:
            if len(Path(place).relative_to(folder).parts) >= _DEPTH + 1:
                names.clear()
            continue
        names.remove(_IMAGES)
        path = Path(place) / _IMAGES
        parts = path.relative_to(folder).parts
        kinds = [number for number, part in enumerate(parts) if part in (NORMAL, "Abnormal")]
        start = kinds[-1] if kinds else 0
        expected = 5 if kinds and parts[start] == NORMAL else 6
        if start < 2 or len(parts) - start != expected:
            problems.append(f"{_inside(path, folder)}: not a path of the form ACTION/STAGE/Normal/SUBJECT/FOLDER/DEVICE/COLOR")
        else:
            yield "/".join([parts[start - 2], *parts[start:-1]]), parts[start - 1], path


def _check_split(rows: dict[str, dict[str, Value]], problems: list[str]) -> None:
    """Name the people who are in training and in test of one action."""
    parts: dict[tuple[str, str], set[str]] = {}
    for values in rows.values():
        if "split" in values:
            parts.setdefault((str(values["action"]), str(values["subject"])), set()).add(str(values["split"]))
    for (action, subject), found in parts.items():
        if "test" in found and len(found) > 1:
            problems.append(f"{action}: subject {subject} is in training and in test")


def _inside(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


ADAPTER: Adapter = Adapter(
    name="qmar",
    layout_help=LAYOUT,
    locate=locate,
    scan=scan,
    published={"subject": 38, "action": 4, "view": 6},
)
