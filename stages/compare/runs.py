"""The runs that are compared: found by name or path, read, and brought to the clips that all of them have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError, UsageError, some, unknown_name
from stages.evaluate import read
from stages.evaluate.followed import Followed
from stages.evaluate.table import ONE_GROUP, Table, in_order
from stages.evaluate.write import PREDICTIONS
from stages.workspace import Workspace

FEWEST = 2
"""Common clips without which there is nothing to compare."""
_TRUTH = 1e-9
"""Relative difference up to which two true scores are the same number."""
_TASKS = {"score": "scores", "level": "levels", "action": "actions"}


@dataclass(frozen=True)
class Run:
    """One evaluation.

    Attributes:
        name: what it is called here; no two runs share one.
        table: its predictions.
        facts: what must be known to read its figures.
        provenance: of the evaluation.
        fingerprint: of its predictions.
        followed: ρ of held-out clips while its models trained.
    """

    name: str
    table: Table
    facts: Mapping[str, Any]
    provenance: Mapping[str, Any]
    fingerprint: str
    followed: Followed = field(default_factory=dict)


@dataclass(frozen=True)
class Matched:
    """Runs on the clips that all of them have, the reference first.

    All tables have the same clips in the same order, the same truth, classes, clusters and folds.

    Attributes:
        runs: the runs.
        left_out: run → its clips that not all of the others have.
        notes: what must be said of the matching.
        refolded: runs that were tested in other folds than the reference.
    """

    runs: tuple[Run, ...]
    left_out: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    refolded: tuple[str, ...]


def opened(given: Sequence[str], workspace: Workspace, against: str | None = None) -> list[Run]:
    """Read the evaluations that were named, the reference first.

    Args:
        given: names of evaluations in the workspace, their folders, or files of predictions.
        workspace: where names are looked up.
        against: the name of the reference, as given or as shown; None takes the first.

    Raises:
        UsageError: fewer than two, one that does not exist, one that is named twice, or a reference that is none of them.
        ArtifactError: an evaluation holds no predictions, or they are damaged.
    """
    there = _evaluations(workspace)
    if len(given) < FEWEST:
        raise UsageError(
            f"aqa compare takes two evaluations or more, found {len(given)}.", hint=f"in the workspace: {', '.join(there) or 'none'}"
        )
    paths = [_located(name, there, workspace) for name in given]
    resolved = [path.resolve() for path in paths]
    if twice := [name for number, name in enumerate(given) if resolved[number] in resolved[:number]]:
        raise UsageError(f"'{twice[0]}' is named twice.", hint="name every evaluation once")
    names = _names(resolved)
    runs = []
    for name, path in zip(names, paths, strict=True):
        found = read.predictions(path)
        runs.append(Run(name, found.table, found.facts, found.provenance, found.fingerprint, found.followed))
    if against is None:
        return runs
    if against not in names and against not in given:
        raise unknown_name("reference", against, names)
    first = names.index(against) if against in names else list(given).index(against)
    return [runs[first], *runs[:first], *runs[first + 1 :]]


def _evaluations(workspace: Workspace) -> list[str]:
    folder = workspace.evaluations
    return sorted(path.parent.name for path in folder.glob(f"*/{PREDICTIONS}")) if folder.is_dir() else []


def _located(given: str, there: Sequence[str], workspace: Workspace) -> Path:
    own = workspace.evaluations / given
    path = own if given in there or (own.is_dir() and not Path(given).exists()) else Path(given)
    if not path.exists():
        raise unknown_name("evaluation", given, there)
    if path.is_file():
        return path
    if not (path / PREDICTIONS).is_file():
        raise ArtifactError(
            f"{path} holds no {PREDICTIONS}.",
            hint="'aqa evaluate --model NAME' writes it; of a CSV of predictions it writes only figures and a report",
        )
    return path / PREDICTIONS


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file, with as many of the folders above it as tell it from the others."""
    parts = [path.parent.parts if path.name == PREDICTIONS else (*path.parent.parts, path.stem) for path in paths]
    names = []
    for own in parts:
        length = next((n for n in range(1, len(own)) if sum(other[-n:] == own[-n:] for other in parts) == 1), len(own))
        names.append("/".join(own[-length:]))
    return names


def matched(runs: Sequence[Run]) -> Matched:
    """Bring the runs to the clips that all of them have.

    Classes, clusters and, where all were tested in the same ones, folds are the first run's.

    Raises:
        ArtifactError: the runs have different tasks, fewer than two clips in common, or different truth for the same clip.
    """
    first = runs[0]
    for other in runs[1:]:
        if other.table.task != first.table.task:
            raise ArtifactError(
                f"'{first.name}' predicts {_TASKS[first.table.task]}, '{other.name}' {_TASKS[other.table.task]}: "
                "runs of different tasks cannot be compared.",
                hint="compare runs that were finetuned with the same --task",
            )
    common = [clip for clip in first.table.clips.tolist() if all(clip in _clips(run) for run in runs[1:])]
    if len(common) < FEWEST:
        own = _clips(first)
        shared = ", ".join(f"{len(own & _clips(run))} are among the {len(run.table)} of '{run.name}'" for run in runs[1:])
        raise ArtifactError(
            f"The runs have {len(common)} clip(s) in common, expected at least {FEWEST}: of the {len(own)} of '{first.name}', {shared}. "
            f"Clips are matched by their ids, such as {first.table.clips[0]} and {runs[-1].table.clips[0]}.",
            hint="evaluate all of them on the same data set",
        )
    kept = set(common)
    left_out = {run.name: tuple(clip for clip in run.table.clips.tolist() if clip not in kept) for run in runs}
    classes = in_order({name for run in runs for name in run.table.classes})
    chosen = [replace(run, table=_renumbered(replace(run.table.of(common), extra={}), classes)) for run in runs]
    for other in chosen[1:]:
        _check_truth(chosen[0], other)
    return _aligned(chosen, left_out)


def _clips(run: Run) -> set[str]:
    return set(run.table.clips.tolist())


def _renumbered(table: Table, classes: tuple[str, ...]) -> Table:
    """Return the table with its levels or actions numbered as in ``classes``."""
    if not classes:
        return table
    number = np.array([float(classes.index(name)) for name in table.classes])
    return replace(table, truth=number[table.truth.astype(int)], predicted=number[table.predicted.astype(int)], classes=classes)


def _check_truth(first: Run, other: Run) -> None:
    one, two = first.table, other.table
    differing = np.flatnonzero(~np.isclose(one.truth, two.truth, rtol=_TRUTH, atol=_TRUTH))
    if not len(differing):
        return
    shown = [f"{one.clips[n]} ({_truth(one, n)} and {_truth(two, n)})" for n in differing[:5]]
    more = " …" if len(differing) > len(shown) else ""
    raise ArtifactError(
        f"'{first.name}' and '{other.name}' have different truth for {len(differing)} of {len(one)} common clips: "
        f"{', '.join(shown)}{more}.",
        hint="compare runs on the same column of the same manifest (--set target.column=…)",
    )


def _truth(table: Table, number: int) -> str:
    return table.classes[int(table.truth[number])] if table.classes else f"{table.truth[number]:.6g}"


def _aligned(runs: Sequence[Run], left_out: Mapping[str, tuple[str, ...]]) -> Matched:
    first = runs[0].table
    refolded = _others(runs, lambda table: _partition(table.folds))
    notes = []
    if names := _others(runs, lambda table: table.groups.tolist()):
        notes.append(f"the classes are those of '{runs[0].name}'; {_said(names)} had others")
    if names := _others(runs, lambda table: _partition(table.clusters)):
        notes.append(f"the subjects that are drawn are those of '{runs[0].name}'; {_said(names)} had others")
    if refolded:
        notes.append(f"means over folds are left out: {_said(refolded)} were tested in other folds than '{runs[0].name}'")
    without = [run.name for run in runs if run.table.means is None]
    if 0 < len(without) < len(runs):
        notes.append(f"class-normalised figures are left out: the predictions of {_said(without)} do not hold their classes' means")
    shared: dict[str, Any] = {"groups": first.groups, "clusters": first.clusters}
    shared["folds"] = np.full(len(first), ONE_GROUP) if refolded else first.folds
    shared |= {"means": None, "deviations": None} if without else {}
    same = tuple(replace(run, table=replace(run.table, **shared)) for run in runs)
    return Matched(same, left_out, tuple(notes), tuple(refolded))


def _others(runs: Sequence[Run], of: Callable[[Table], list[Any]]) -> list[str]:
    """Return the names of the runs of which ``of`` says something else than of the first."""
    first = of(runs[0].table)
    return [run.name for run in runs[1:] if of(run.table) != first]


def _partition(column: Array) -> list[int]:
    """Return which clips belong together, whatever their parts are called."""
    number = {name: place for place, name in enumerate(dict.fromkeys(column.tolist()))}
    return [number[name] for name in column.tolist()]


def _said(names: Sequence[str]) -> str:
    return some([f"'{name}'" for name in names])
