"""The clips that a report shows one by one, the worst and the best, and of the first of them a strip of poses.  N clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from stages.arrays import Array
from stages.evaluate.report.skeletons import Pose, strip
from stages.evaluate.table import Table
from stages.skeletons.poses import PoseSequence

LISTED = 10
"""How many of the worst and of the best clips are listed."""
DRAWN = 5
"""Of how many of each the poses are drawn."""
MOMENTS = 6
"""Poses of a strip."""

Strips = Mapping[str, list[Pose]]
"""Clip → its poses, drawn."""


def extremes(table: Table) -> list[tuple[str, list[int]]]:
    """Return lists of clips by their places: the largest and the smallest errors of scores, the commonest mistakes among classes."""
    if table.classes:
        return [("Clips most often mistaken", mistaken(table))]
    order = np.argsort(-np.abs(table.ensemble - table.truth), kind="stable").tolist()
    count = min(LISTED, len(table) // 2)
    return [("Largest errors", order[:count]), ("Smallest errors", order[::-1][:count])] if count else [("Clips", order)]


def mistaken(table: Table) -> list[int]:
    """Return the clips that most seeds got wrong, for levels the farthest off first among equals."""
    wrong = table.predicted != table.truth
    distance = np.abs(table.predicted - table.truth).mean(axis=0) if table.task == "level" else np.zeros(len(table))
    order: Array = np.lexsort((-distance, -wrong.sum(axis=0)))
    return [int(number) for number in order[: 2 * LISTED] if wrong[:, number].any()]


def strips(table: Table, poses: Callable[[str], PoseSequence]) -> Strips:
    """Return the strips of the first :data:`DRAWN` clips of each list.

    Args:
        table: the predictions.
        poses: reads those of a clip; it is called for the clips that are drawn, no others.
    """
    names = [str(table.clips[number]) for _, places in extremes(table) for number in places[:DRAWN]]
    return {name: strip(poses(name), MOMENTS) for name in dict.fromkeys(names)}
