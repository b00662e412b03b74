"""JIGSAWS: suturing, needle passing and knot tying by eight surgeons on a da Vinci, with modified OSATS scores (Gao et al. 2014).

Layout: ``<Task>/{meta_file_<Task>.txt, kinematics/AllGestures/<trial>.txt, transcriptions/<trial>.txt,
video/<trial>_capture{1,2}.avi}`` and ``Experimental_setup/<Task>/…``; a trial is ``Suturing_B001``: task, user, supertrial.  The score is
the sum of six elements of 1 to 5.  Everybody's four folds are not part of it: they are MUSDL's ``splits.pkl``, by trial, so that users are
in training and in test; leaving out supertrials (LOSO) or users (LOUO) goes by the trials' names.

``capture1`` is the left camera, which USDL and CoRe use alone; the set ``jigsaws-stereo`` has each trial once per camera, as S4AQA trains.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from stages.datasets import foreign, manifest
from stages.datasets.jigsaws import lists
from stages.datasets.jigsaws.kinematics import Trial, load_features, load_motion
from stages.datasets.jigsaws.lists import TASKS
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.video.frame import Source

LAYOUT = "Suturing/meta_file_Suturing.txt beside Suturing/kinematics/AllGestures/Suturing_B001.txt and video/Suturing_B001_capture1.avi"
VIEWS = {"left": "capture1", "right": "capture2"}


def locate(root: Path) -> Path | None:
    """Return the folder that holds the tasks' folders, or their score files."""
    return next((home for home in foreign.homes(root, ["JIGSAWS"]) if any(_scores(home, task) for task in TASKS)), None)


def scan(folder: Path, *, stereo: bool = False) -> Scan:
    """List every scored trial (once per camera with ``stereo``), its kinematics, gestures and videos."""
    rows: lists.Rows = {}
    problems: list[str] = []
    for task in TASKS:
        file = _scores(folder, task)
        if file is None:
            problems.append(f"{task}: no meta_file_{task}.txt")
        else:
            _noting(problems, lists.read_scores, file, task, rows, problems)
            _noting(problems, lists.check_experiments, folder, task, rows, problems)
    if not rows:
        raise ArtifactError(f"{folder} holds no scored trials.", hint=f"expected {LAYOUT}")
    _noting(problems, lists.read_folds, folder, rows, problems)
    kinematics: dict[str, Path] = {}
    videos: dict[str, dict[str, Path]] = {}
    for task in (task for task in TASKS if _scores(folder, task)):
        trials = [clip for clip, values in rows.items() if values["action"] == task]
        kinematics |= _texts(folder, task, ("kinematics/AllGestures", "kinematics"), trials, problems)
        for clip, file in _texts(folder, task, ("transcriptions",), trials, problems).items():
            _noting(problems, lists.read_gestures, file, rows[clip], problems)
        for view in VIEWS if stereo else ("left",):
            for clip, path in _videos(folder, task, view, trials, problems).items():
                videos.setdefault(clip, {})[view] = path
    name = "jigsaws-stereo" if stereo else "jigsaws"
    clips = {clip: (clip, "left") for clip in rows} | ({f"{clip}_right": (clip, "right") for clip in rows} if stereo else {})
    built = manifest.from_rows(((clip, _values(rows[trial], trial, view, stereo=stereo)) for clip, (trial, view) in clips.items()), name)
    features = {
        kind: {clip: Trial(kinematics[trial], kind) for clip, (trial, _) in clips.items() if trial in kinematics}
        for kind in ("kinematics", "dct")
    }
    return Scan(
        built,
        problems=problems,
        videos={clip: Source(videos[trial][view]) for clip, (trial, view) in clips.items() if view in videos.get(trial, {})},
        features=features if kinematics else {},
        motions=features["kinematics"],
    )


def adapter_of(variant: str) -> Adapter:
    """Return the adapter of ``jigsaws-stereo``: every trial once per camera."""
    return _adapter(f"jigsaws-{variant}", stereo=variant == "stereo")


def _noting(problems: list[str], read: Callable[..., None], *arguments: Any) -> None:
    """Read one more file; one that cannot be read is a problem, not the end."""
    try:
        read(*arguments)
    except ArtifactError as error:
        problems.append(error.message)


def _values(row: dict[str, Value], trial: str, view: str, *, stereo: bool) -> dict[str, Value]:
    return {**row, "view": view, "trial": trial} if stereo else row


def _homes(folder: Path, task: str) -> list[Path]:
    """Return where a task's files may lie: its folder, that folder once more inside it (as some unpack it), or the set's own."""
    return [folder / task, folder / task / task, folder]


def _scores(folder: Path, task: str) -> Path | None:
    return next((home / f"meta_file_{task}.txt" for home in _homes(folder, task) if (home / f"meta_file_{task}.txt").is_file()), None)


def _texts(folder: Path, task: str, places: tuple[str, ...], trials: list[str], problems: list[str]) -> dict[str, Path]:
    """Return trial → its text file in the first of ``places`` that holds any; missing and unscored ones are problems."""
    for place in (home / place for home in _homes(folder, task) for place in places):
        there = {file.stem: file for file in sorted(place.glob(f"{task}_*.txt"))}
        if there:
            problems += [f"{trial}: no {places[0]}/{trial}.txt" for trial in trials if trial not in there]
            problems += [f"{name}: in {places[0]}, but without a score, left out" for name in there if name not in trials]
            return {trial: there[trial] for trial in trials if trial in there}
    problems.append(f"{task}: no folder {places[0]} with files such as {trials[0] if trials else task}.txt")
    return {}


def _videos(folder: Path, task: str, view: str, trials: list[str], problems: list[str]) -> dict[str, Path]:
    """Return trial → its video, or its folder of frames, of one camera."""
    capture = VIEWS[view]
    for place in [home / place for home in _homes(folder, task) for place in ("video", "videos", "frames")]:
        there = {name: paths[0] for name, paths in foreign.recordings_in(place).items() if name.startswith(task) and name.endswith(capture)}
        if there:
            names = {f"{trial}_{capture}": trial for trial in trials}
            problems += [f"{trial}: no video {name}" for name, trial in names.items() if name not in there]
            problems += [f"{name}: a video without a score, left out" for name in there if name not in names]
            return {trial: there[name] for name, trial in names.items() if name in there}
    problems.append(f"{task}: no videos such as video/{trials[0] if trials else task}_{capture}.avi")
    return {}


def _adapter(name: str, *, stereo: bool) -> Adapter:
    return Adapter(
        name=name,
        layout_help=LAYOUT,
        locate=locate,
        scan=partial(scan, stereo=stereo),
        load_features=load_features,
        load_motion=load_motion,
        published={
            "clips": 206 if stereo else 103,
            "subject": 8,
            "action": 3,
            **{f"action={task}": count * (1 + stereo) for task, count in (("Suturing", 39), ("Needle_Passing", 28), ("Knot_Tying", 36))},
        },
    )


ADAPTER: Adapter = _adapter("jigsaws", stereo=False)
