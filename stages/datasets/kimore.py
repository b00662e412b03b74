"""KIMORE: physical rehabilitation exercises with clinical scores (Capecchi et al. 2019).

Layout: ``KiMoRe/{CG/{Expert,NotExpert},GPP/{Stroke,Parkinson,BackPain}}/<ID>/Es<k>/{Raw,Label}`` with
``Raw/JointPosition*.csv`` (25 Kinect v2 joints × (x, y, z, state), metres, 30 fps) and ``Label/ClinicalAssessment_<ID>.xlsx``
(total 0–50 = primary outcomes 0–15 + control factors 0–35).  The published files have leading blank lines, a trailing comma,
a few recordings of two or three bodies (the first is the patient), folders without a recording, and missing scores.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.layouts import KINECT_25
from stages.skeletons.poses import PoseSequence, sequence

FPS = 30.0
COHORTS = ("CG/Expert", "CG/NotExpert", "GPP/BackPain", "GPP/Parkinson", "GPP/Stroke")
_JOINT_COLUMNS = 100
_SCORES = {"cTS": "score", "cPO": "score.po", "cCF": "score.cf"}
_HIGHEST = {"score": 50.0, "score.po": 15.0, "score.cf": 35.0}
_ROUNDING = 0.1
"""How far a total may lie from PO + CF: the files give means over assessors."""
_TRACKED = {0: 0.0, 1: 0.5, 2: 1.0}
"""Kinect's state of a joint (not tracked, inferred, tracked) → confidence."""


@dataclass(frozen=True)
class Recording:
    """The file of one subject's exercise."""

    file: Path


def locate(root: Path) -> Path | None:
    """Return the folder that holds ``CG`` and ``GPP``."""
    return next((home for home in foreign.homes(root, ["KiMoRe"]) if (home / "CG").is_dir() or (home / "GPP").is_dir()), None)


def scan(folder: Path) -> Scan:
    """List every exercise folder; what is missing or odd is a problem, never an error."""
    rows: list[tuple[str, dict[str, Value]]] = []
    sources: dict[str, Recording] = {}
    problems: list[str] = []
    for cohort in COHORTS:
        for exercise in _exercise_folders(folder / cohort):
            clip = exercise.relative_to(folder).as_posix()
            recordings = sorted((exercise / "Raw").glob("JointPosition*.csv"))
            if not recordings:
                problems.append(f"{clip}: no JointPosition file in Raw")
            else:
                sources[clip] = Recording(recordings[0])
                if len(recordings) > 1:
                    problems.append(f"{clip}: {len(recordings)} JointPosition files, using {recordings[0].name}")
            scores = _scores(exercise, clip, problems)
            if recordings and "score" not in scores:
                problems.append(f"{clip}: no clinical score")
            total, primary, control = (scores.get(column, math.nan) for column in _SCORES.values())
            if abs(total - primary - control) > _ROUNDING:
                problems.append(f"{clip}: the total {total:g} is not PO + CF = {primary + control:g}; the total is used")
            subject, cohort_name = exercise.parent.name, cohort.split("/")[1]
            rows.append((clip, {**scores, "subject": subject, "action": exercise.name, "cohort": cohort_name}))
    if not rows:
        raise ArtifactError(f"{folder} holds no exercise folders.", hint=f"expected {ADAPTER.layout_help}")
    return Scan(manifest.from_rows(rows, "kimore"), sources, problems)


def load_poses(recording: Recording) -> PoseSequence:
    """Read one ``JointPosition`` file: (1, T, 25, 3) in metres, origin at the Kinect."""
    table, bodies = _read_table(recording.file)
    frames = table.reshape(len(table), 25, 4)
    confidence = np.zeros(frames.shape[:2], dtype=np.float32)
    for state, certainty in _TRACKED.items():
        confidence[frames[:, :, 3] == state] = certainty
    positions = np.where(confidence[:, :, None] > 0, frames[:, :, :3], np.nan)
    clip: dict[str, object] = {"file": recording.file.name, "bodies_in_file": bodies}
    if bodies > 1:
        clip["defects"] = [f"{bodies} bodies in the file: the first is used"]
    return sequence(positions, KINECT_25, fps=FPS, confidence=confidence[None], units="m", origin="camera", clip=clip)


def _exercise_folders(cohort: Path) -> Iterator[Path]:
    if cohort.is_dir():
        for subject in sorted(cohort.iterdir(), key=_natural):
            if subject.is_dir():
                yield from sorted(path for path in subject.glob("Es[1-5]") if path.is_dir())


def _natural(path: Path) -> tuple[str, int]:
    number = re.search(r"(\d+)$", path.name)
    return (path.name.rstrip("0123456789"), int(number.group()) if number else 0)


def _scores(exercise: Path, clip: str, problems: list[str]) -> dict[str, float]:
    import openpyxl

    files = sorted((exercise / "Label").glob("ClinicalAssessment*.xlsx"))
    if not files:
        problems.append(f"{clip}: no ClinicalAssessment file in Label")
        return {}
    try:
        book = openpyxl.load_workbook(files[0], read_only=True, data_only=True)
        rows = list(book.active.iter_rows(values_only=True))
        book.close()
    except Exception as error:  # openpyxl raises whatever its zip and XML readers raise
        problems.append(f"{clip}: {files[0].name} is not readable ({type(error).__name__})")
        return {}
    if len(rows) < 2:
        problems.append(f"{clip}: {files[0].name} has no row of scores")
        return {}
    number = exercise.name.removeprefix("Es")
    scores: dict[str, float] = {}
    for title, value in zip(rows[0], rows[1], strict=False):
        for short, column in _SCORES.items():
            if isinstance(title, str) and short in title and title.rstrip().endswith(number) and value is not None:
                _keep_score(scores, column, value, f"{clip}: {files[0].name}: {title}", problems)
    return scores


def _keep_score(scores: dict[str, float], column: str, value: object, where: str, problems: list[str]) -> None:
    try:
        number = float(str(value).replace(",", "."))
    except ValueError:
        problems.append(f"{where} is no number: '{value}'")
        return
    if 0 <= number <= _HIGHEST[column]:
        scores[column] = number
    else:
        problems.append(f"{where} is outside 0 to {_HIGHEST[column]:g}: {number:g}")


def _read_table(file: Path) -> tuple[Array, int]:
    """Return the first body's numbers, (T, 100), and how many bodies the file has room for."""
    rows: list[list[float]] = []
    width = 0
    for line, cells in foreign.number_rows(file, ","):
        if len(cells) < _JOINT_COLUMNS:
            raise ArtifactError(f"{file.name}, line {line}: expected {_JOINT_COLUMNS} columns (25 joints × 4), found {len(cells)}.")
        width = max(width, len(cells))
        rows.append(cells[:_JOINT_COLUMNS])
    if not rows:
        raise ArtifactError(f"{file.name} holds no frames.")
    return np.asarray(rows), width // _JOINT_COLUMNS


ADAPTER: Adapter = Adapter(
    name="kimore",
    layout_help="KiMoRe/CG/Expert/E_ID1/Es1/Raw/JointPosition*.csv beside Label/ClinicalAssessment_E_ID1.xlsx",
    locate=locate,
    scan=scan,
    load_poses=load_poses,
    published={"clips": 390, "subject": 78, "action": 5},
)
