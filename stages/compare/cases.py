"""Cases: clips on which what every run says stands beside the truth (figure 4 of Nekoui et al.'s two-stage paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.compare.config import CompareConfig
from stages.compare.runs import Matched
from stages.errors import UsageError, nearest, some
from stages.evaluate.table import Table

CHOSEN, DISAGREE, BEST, WORST = "chosen", "the runs disagree most", "the reference is best", "the reference is worst"
"""Why a clip is shown."""


@dataclass(frozen=True)
class Case:
    """A clip: its id, its place in the tables, and why it is shown."""

    clip: str
    number: int
    why: tuple[str, ...]


def chosen(found: Matched, config: CompareConfig) -> list[Case]:
    """Return the clips to show: those that were named, else those on which the runs disagree most, and the reference's best and worst.

    Raises:
        UsageError: a clip was named that not every run has.
    """
    tables = [run.table for run in found.runs]
    clips = tables[0].clips.tolist()
    if config.clips:
        return [Case(clip, _place(clip, clips, found), (CHOSEN,)) for clip in dict.fromkeys(config.clips)]
    why: dict[int, list[str]] = {}
    apart = disagreement(tables)
    for number in np.argsort(-apart, kind="stable")[: config.disagreements]:
        if apart[number] > 0:
            why.setdefault(int(number), []).append(DISAGREE)
    errors = errors_of(tables[0])
    why.setdefault(int(errors.argmin()), []).append(BEST)
    why.setdefault(int(errors.argmax()), []).append(WORST)
    return [Case(clips[number], number, tuple(reasons)) for number, reasons in why.items()]


def disagreement(tables: Sequence[Table]) -> Array:
    """Return how far the runs are apart on each clip, (N,).

    Of scores and levels it is the distance of the lowest from the highest mean over seeds; of actions, the share of the runs that say
    something else than most of them.
    """
    if tables[0].task != "action":
        return np.asarray(np.ptp([table.ensemble for table in tables], axis=0))
    labels = np.array([[most_often(table, number)[0] for number in range(len(table))] for table in tables])
    return np.array([1 - np.unique(column, return_counts=True)[1].max() / len(tables) for column in labels.T])


def errors_of(table: Table) -> Array:
    """Return how far the predictions are from the truth, (N,): scores by the mean over seeds, levels and actions as the mean over seeds."""
    if not table.classes:
        return np.abs(table.ensemble - table.truth)
    wrong = np.abs(table.predicted - table.truth) if table.task == "level" else table.predicted != table.truth
    return np.asarray(wrong.mean(axis=0))


def most_often(table: Table, number: int) -> tuple[int, int]:
    """Return the level or action that most seeds predict for a clip, and how many do."""
    labels, counts = np.unique(table.predicted[:, number], return_counts=True)
    return int(labels[counts.argmax()]), int(counts.max())


def truth_of(table: Table, number: int) -> str:
    """Return a clip's truth in words."""
    return table.classes[int(table.truth[number])] if table.classes else f"{table.truth[number]:.4g}"


def prediction_of(table: Table, number: int) -> str:
    """Return in words what the seeds say of a clip: their mean score, or the class that most of them say."""
    if not table.classes:
        return f"{table.ensemble[number]:.4g}"
    label, count = most_often(table, number)
    return table.classes[label] + (f" ({count} of {len(table.seeds)} seeds)" if count < len(table.seeds) else "")


def error_of(table: Table, number: int) -> str:
    """Return in words how far the seeds are off: the error of their mean score, or how many are right."""
    if not table.classes:
        return f"{table.ensemble[number] - table.truth[number]:+.3g}"
    right = int((table.predicted[:, number] == table.truth[number]).sum())
    if len(table.seeds) == 1:
        return "right" if right else "wrong"
    return f"{right} of {len(table.seeds)} right"


def _place(clip: str, clips: Sequence[str], found: Matched) -> int:
    if clip in clips:
        return clips.index(clip)
    if having := [name for name, left_out in found.left_out.items() if clip in left_out]:
        raise UsageError(f"The clip '{clip}' cannot be shown: of the runs only {some(having)} has it.", hint=f"there are {some(clips)}")
    guess = nearest(clip, clips)
    raise UsageError(f"No run has a clip '{clip}'." + (f" Did you mean '{guess}'?" if guess else ""), hint=f"there are {some(clips)}")
