"""Infant movement assessment: 2-D poses of 85 healthy infants on YouTube and 19 at risk in a clinic (Chambers et al. 2020).

Layout: ``data/pose_estimates/{youtube,clinical}/py/pose_estimates.pkl``, one row per video, frame and joint (``video, frame, x, y, bp,
fps``, the 18 joints of OpenPose's COCO model by name), and ``data/video_meta_data/{meta_data_yt,meta_data_clin}.pkl`` with infant and age,
and for the clinic the risk (0 low, 1 moderate, 2 high) by corrected age, else by chronological age.  All are pickled pandas tables; the
same tables as CSV are read too.  YouTube's infants count as ``healthy``, the fourth level, as in the authors' analysis; clinical infants
without a risk have no label.  A clinical video is named ``822487_<infant>_<session>_<trial>_…``; risks are given per infant and session.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.artifacts import fingerprint
from stages.datasets import dataframes, foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.importers.common import read_text
from stages.skeletons.layouts import OPENPOSE_18
from stages.skeletons.poses import PoseSequence, sequence

LAYOUT = "data/pose_estimates/clinical/py/pose_estimates.pkl and data/video_meta_data/meta_data_clin.pkl, and youtube's"
RISKS = ("low", "moderate", "high")
HEALTHY = "healthy"
FPS = 30.0
JOINTS = (
    *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "RHip", "RKnee", "RAnkle"),
    *("LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar"),
)
"""The set's names of the joints in the order of openpose-18."""
_COHORTS = {"youtube": "meta_data_yt", "clinical": "meta_data_clin"}
_HOMES = ("Infant_movement_assessment", "Infant_movement_assessment-master", "infants")
_RISK_COLUMNS = ("Risk_low0_mod1_high2_corr", "Risk_low0_mod1_high2_chron")
_CLINICAL = re.compile(r"[^_-]+[_-]0*(\d+)[_-]0*(\d+)(?:[_-].*)?")
_MAX_FRAMES = 10**6

Table = dict[str, Array]


@dataclass(frozen=True)
class Recording:
    """One video's rows of a table; the file counts by its content, read once for all videos."""

    digest: str
    video: str
    file: InitVar[Path]

    def __post_init__(self, file: Path) -> None:
        """Keep the path out of what identifies the recording."""
        object.__setattr__(self, "path", file)


def locate(root: Path) -> Path | None:
    """Return the folder that holds ``pose_estimates``."""
    candidates = [inner for home in foreign.homes(root, _HOMES) for inner in (home / "data", home)]
    return next((home for home in candidates if any(_poses(home, cohort) for cohort in _COHORTS)), None)


def scan(folder: Path) -> Scan:
    """List every video of both cohorts, with the infant, its age and its risk."""
    problems: list[str] = []
    rows: dict[str, dict[str, Value]] = {}
    sources: dict[str, Recording] = {}
    for cohort, listed in _COHORTS.items():
        file = _poses(folder, cohort)
        if file is None:
            problems.append(f"{cohort}: no pose_estimates/{cohort}/py/pose_estimates.pkl")
            continue
        try:
            videos = _frames_of(file)
        except ArtifactError as error:
            problems.append(f"{cohort}: {error}")
            continue
        facts = _facts(folder, cohort, listed, problems)
        digest = fingerprint.of_file(file)
        for video in sorted(videos):
            clip = f"{cohort}/{video}"
            rows[clip] = _labels(clip, cohort, video, facts, problems)
            sources[clip] = Recording(digest, video, file)
    if not rows:
        raise ArtifactError(f"{folder} holds no poses." + "".join(f"\n  - {problem}" for problem in problems), hint=f"expected {LAYOUT}")
    return Scan(manifest.from_rows(rows.items(), "infants"), sources, problems)


def load_poses(recording: Recording) -> PoseSequence:
    """Read one video: (1, T, 18, 2) in pixels; joints that were not found are missing."""
    path: Path = vars(recording)["path"]
    table, where = _frames_of(path)[recording.video], f"{path.name}, '{recording.video}'"
    frames = table["frame"].astype(np.int64)
    if frames.min() < 0 or frames.max() >= _MAX_FRAMES:
        raise ArtifactError(f"{where}: frames run from {frames.min()} to {frames.max()}.")
    positions = np.full((int(frames.max()) + 1, len(JOINTS), 2), np.nan)
    joints = np.array([JOINTS.index(name) if name in JOINTS else -1 for name in table["bp"]])
    known = joints >= 0
    for axis, column in enumerate(("x", "y")):
        positions[frames[known], joints[known], axis] = table[column][known]
    clip: dict[str, object] = {"file": where}
    unknown = sorted({str(name) for name in table["bp"][~known]})
    twice = int(known.sum()) - len(set(zip(frames[known].tolist(), joints[known].tolist(), strict=True)))
    defects = [f"{len(unknown)} name(s) of no joint are left out: {', '.join(unknown[:5])}"] if unknown else []
    defects += [f"{twice} joint(s) occur twice in a frame: the last is used"] if twice else []
    rates = table["fps"][np.isfinite(table["fps"])]
    fps = float(np.median(rates)) if len(rates) else FPS
    if not 1 <= fps <= 1000:
        raise ArtifactError(f"{where}: {fps:g} frames per second are no rate of a video.")
    return sequence(
        positions, OPENPOSE_18, fps=fps, units="px", origin="image top left", clip={**clip, **({"defects": defects} if defects else {})}
    )


def _poses(home: Path, cohort: str) -> Path | None:
    base = f"pose_estimates/{cohort}"
    return foreign.first_file(home, [f"{base}/{inner}pose_estimates{end}" for end in (".csv", ".pkl") for inner in ("py/", "")])


def _frames_of(file: Path) -> dict[str, Table]:
    """Return video → its rows."""
    stamp = file.stat()
    return _split(file, stamp.st_mtime_ns, stamp.st_size)


@functools.lru_cache(maxsize=2)
def _split(file: Path, *_: int) -> dict[str, Table]:
    table = _read(file)
    _require(table, ("video", "frame", "x", "y", "bp"), file)
    numbers = {column: _floats(table[column], f"{file.name}, column {column}") for column in ("frame", "x", "y")}
    numbers["fps"] = _floats(table["fps"], f"{file.name}, column fps") if "fps" in table else np.full(len(table["video"]), np.nan)
    usable = np.isfinite(numbers["frame"]) & np.array([isinstance(name, str) for name in table["bp"]], dtype=bool)
    names = np.array([str(name) for name in table["video"]])
    order = np.argsort(names, kind="stable")
    order = order[usable[order]]
    videos, starts = np.unique(names[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {
        str(video): {"bp": table["bp"][part], **{column: values[part] for column, values in numbers.items()}}
        for video, part in zip(videos, parts, strict=True)
    }


def _read(file: Path) -> Table:
    if file.suffix == ".pkl":
        return dataframes.read(file)
    rows = list(csv.reader(read_text(file).splitlines()))
    if len({len(row) for row in rows}) != 1 or len(rows) < 2:
        raise ArtifactError(f"{file.name}: expected a header and rows of as many cells.")
    columns = zip(*rows[1:], strict=True)
    return {name: np.array(cells, dtype=object) for name, cells in zip(rows[0], columns, strict=True)}


def _require(table: Table, columns: Sequence[str], file: Path) -> None:
    missing = [column for column in columns if column not in table]
    if missing:
        raise ArtifactError(f"{file.name} has no column {', '.join(missing)}; it has {', '.join(table)}.")


def _floats(values: Array, where: str) -> Array:
    try:
        return np.array([np.nan if value in (None, "") else float(value) for value in values])
    except (TypeError, ValueError):
        raise ArtifactError(f"{where}: expected numbers.") from None


def _facts(folder: Path, cohort: str, listed: str, problems: list[str]) -> dict[str, dict[str, Value]]:
    """Return video (or, for the clinic, ``infant/session``) → what the table of the cohort says of it."""
    file = foreign.first_file(folder, [f"video_meta_data/{listed}{end}" for end in (".csv", ".pkl")])
    if file is None:
        problems.append(
            f"{cohort}: no video_meta_data/{listed}.pkl: infants and ages{' and risks' if cohort == 'clinical' else ''} are not known"
        )
        return {}
    try:
        table = _read(file)
        keys = ("video", "infant_id") if cohort == "youtube" else ("infant", "session")
        _require(table, keys, file)
    except ArtifactError as error:
        problems.append(f"{cohort}: {error}")
        return {}
    rows = [dict(zip(table, cells, strict=True)) for cells in zip(*(values.tolist() for values in table.values()), strict=True)]
    facts: dict[str, dict[str, Value]] = {}
    for row in rows:
        name = str(row["video"]) if cohort == "youtube" else f"{_whole(row['infant'])}/{_whole(row['session'])}"
        if name in facts:
            problems.append(f"{cohort}: {name} is listed twice in {file.name}, the first is used")
            continue
        facts[name] = _youtube(row) if cohort == "youtube" else _clinical(row, name, file.name, problems)
    return facts


def _youtube(row: Mapping[str, object]) -> dict[str, Value]:
    age = next((number for key, value in row.items() if "age" in key.lower() and not np.isnan(number := foreign.number(value))), None)
    return {"subject": f"yt_{_whole(row['infant_id'])}", "age_in_weeks": None if age is None else f"{age:g}"}


def _clinical(row: Mapping[str, object], name: str, file: str, problems: list[str]) -> dict[str, Value]:
    risks = [number for key in _RISK_COLUMNS if not np.isnan(number := foreign.number(row.get(key)))]
    if risks and risks[0] not in range(len(RISKS)):
        problems.append(f"clinical: infant and session {name} in {file}: the risk {risks[0]:g} is none of 0, 1, 2")
        risks = []
    ages = [foreign.number(row.get(f"Months_{kind}")) * 4 + foreign.number(row.get(f"Days_{kind}")) / 7 for kind in ("corr", "chron")]
    known = [age for age in ages if not np.isnan(age)]
    return {"label": RISKS[int(risks[0])] if risks else None, "age_in_weeks": f"{known[0]:.1f}" if known else None}


def _labels(clip: str, cohort: str, video: str, facts: Mapping[str, Mapping[str, Value]], problems: list[str]) -> dict[str, Value]:
    """Return the manifest's columns of one video."""
    if cohort == "youtube":
        if facts and video not in facts:
            problems.append(f"{clip}: not in meta_data_yt; its infant is not known")
        return {"label": HEALTHY, "cohort": cohort, "subject": f"yt_{video}", **facts.get(video, {})}
    match = _CLINICAL.fullmatch(video)
    if match is None:
        problems.append(f"{clip}: not a name of the form 822487_INFANT_SESSION_TRIAL; its infant and risk are not known")
        return {"label": None, "cohort": cohort, "subject": f"clin_{video}"}
    fact = facts.get(f"{match[1]}/{match[2]}", {})
    if facts and fact.get("label") is None:
        problems.append(f"{clip}: no risk for infant {match[1]}, session {match[2]}")
    return {"label": None, "cohort": cohort, "subject": f"clin_{match[1]}", "session": match[2], **fact}


def _whole(value: object) -> str:
    number = foreign.number(value)
    return str(value) if np.isnan(number) else f"{number:g}"


ADAPTER: Adapter = Adapter(
    name="infants",
    layout_help=LAYOUT,
    locate=locate,
    scan=scan,
    load_poses=load_poses,
    published={"label": 4},
)
