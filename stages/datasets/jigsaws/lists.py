"""The text files of JIGSAWS: scores, gestures, the usual four folds, and the published lists that trial names must agree with."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from stages.datasets import foreign
from stages.datasets.manifest import Value
from stages.errors import ArtifactError
from stages.skeletons.importers.common import read_json, read_text

TASKS = ("Knot_Tying", "Needle_Passing", "Suturing")
USERS = "BCDEFGHI"
"""The letters of users 1 to 8."""
LEVELS: Mapping[str, str] = {"E": "expert", "I": "intermediate", "N": "novice"}
ELEMENTS = ("tissue", "handling", "motion", "flow", "performance", "quality")
"""Respect for tissue, suture and needle handling, time and motion, flow of operation, overall performance, quality of the final product."""
TRIAL = re.compile(rf"({'|'.join(TASKS)})_([{USERS}])0*([1-9]\d*)")
FOLDS = ("splits.pkl", "four_fold_splits.json")
_FOLD_PLACES = ("", "info/", "data/info/", "JIGSAWS/data/info/", "splits/")
_GESTURE = re.compile(r"(\d+)\s+(\d+)\s+(G\d+)")
_OUT = {"SuperTrialOut": "supertrial", "UserOut": "subject"}

Rows = dict[str, dict[str, Value]]


def read_scores(file: Path, task: str, rows: Rows, problems: list[str]) -> None:
    """Add the trials of a task's ``meta_file``: cells between any number of tabs, the level, the score and its six parts."""
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        cells = line.split()
        if not cells:
            continue
        where = f"{file.name}, line {number}"
        match = TRIAL.fullmatch(cells[0])
        scores = [foreign.number(cell) for cell in cells[2:]]
        if match is None or match[1] != task or len(cells) != 3 + len(ELEMENTS) or cells[1] not in LEVELS:
            problems.append(
                f"{where}: not a trial of {task} with level, score and {len(ELEMENTS)} parts: '{' '.join(cells)[:60]}'; left out"
            )
            continue
        clip = cells[0]
        if clip in rows:
            problems.append(f"{clip}: listed twice in {file.name}, the first is used")
            continue
        total, parts = scores[0], scores[1:]
        odd = [f"{name} {part:g}" for name, part in zip(ELEMENTS, parts, strict=True) if not 1 <= part <= 5]
        if odd:
            problems.append(f"{clip}: scores outside 1 to 5 in {file.name}: {', '.join(odd)}; left out")
            continue
        if total != sum(parts):
            problems.append(f"{clip}: the score {total:g} is not the sum of its parts, {sum(parts):g}; the sum is used")
        rows[clip] = {
            "score": sum(parts),
            **{f"score.{name}": part for name, part in zip(ELEMENTS, parts, strict=True)},
            "action": task,
            "label": LEVELS[cells[1]],
            "subject": match[2],
            "supertrial": match[3],
        }


def read_folds(folder: Path, rows: Rows, problems: list[str]) -> None:
    """Add the column ``fold`` from USDL's ``splits.pkl`` (or a JSON file of the same content), where there is one.

    Raises:
        ArtifactError: the file does not hold lists of trials per task.
    """
    file = foreign.first_file(folder, [place + name for name in FOLDS for place in _FOLD_PLACES])
    if file is None:
        problems.append("no splits.pkl: the usual 4 folds (jigsaws/4-fold) are not known; MUSDL publishes them in JIGSAWS/data/info")
        return
    content = foreign.read_pickle(file, dict) if file.suffix == ".pkl" else read_json(file)
    if not isinstance(content, dict) or not all(
        isinstance(parts, list) and all(isinstance(part, list | tuple) for part in parts) for parts in content.values()
    ):
        raise ArtifactError(f"{file.name}: expected task → folds → names of trials.", hint="MUSDL publishes it in JIGSAWS/data/info")
    for parts in content.values():
        for number, part in enumerate(parts):
            for name in map(str, part):
                if name not in rows:
                    problems.append(f"{name}: in fold {number} of {file.name}, but without a score")
                elif "fold" in rows[name]:
                    problems.append(f"{name}: in folds {rows[name]['fold']} and {number} of {file.name}, the first is used")
                else:
                    rows[name]["fold"] = str(number)
    problems += [f"{name}: in no fold of {file.name}" for name, values in rows.items() if "fold" not in values]


def read_gestures(file: Path, row: dict[str, Value], problems: list[str]) -> None:
    """Add a transcription's gestures in order (``G1 G5 G8``); lines that are none and spans that run back are problems."""
    gestures = []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        match = _GESTURE.fullmatch(line.strip())
        if match is None or int(match[2]) < int(match[1]):
            problems.append(f"{file.stem}: transcription, line {number}: not first frame, last frame and gesture: '{line.strip()[:40]}'")
        else:
            gestures.append(match[3])
    row["gestures"] = " ".join(gestures)


def check_experiments(folder: Path, task: str, clips: Collection[str], problems: list[str]) -> None:
    """Name every trial that a published list of ``Experimental_setup`` tests in another supertrial or user than its name says."""
    for kind, column in _OUT.items():
        for file in sorted((folder / "Experimental_setup" / task).glob(f"unBalanced/*/{kind}/*_Out/itr_1/Test.txt")):
            number = file.parents[1].name.removesuffix("_Out")
            if not number.isdecimal():
                continue
            expected = number if column == "supertrial" else USERS[int(number) - 1 : int(number)]
            for name in dict.fromkeys(match[0] for match in TRIAL.finditer(read_text(file))):
                match = TRIAL.fullmatch(name)
                found = match[3 if column == "supertrial" else 2] if match else ""
                if found != expected and name in clips:
                    problems.append(f"{name}: tested in {kind}/{number}_Out of {file.parents[3].name}, though its {column} is {found}")
