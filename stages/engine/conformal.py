"""Conformal intervals and sets: how far from the truth models were on clips that they had not learned from says how far they may be now.

Several models that each kept some clips out (the folds of an experiment) are taken together as cross-validation+ does (Barber, Candès,
Ramdas and Tibshirani, *Predictive inference with the jackknife+*, Annals of Statistics 2021, section 3): the value of a new clip by the
model that kept clip i out, plus and minus the error on clip i.  With a single model that is the split conformal interval.  If the new
clip is drawn like the held-out ones, it covers the truth in about the nominal share of cases (at least ``1 - 2α`` for several models).

n held-out clips of all models together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stages.arrays import Array


@dataclass(frozen=True)
class Held:
    """What one model said of clips that it had not learned from.

    Attributes:
        value: what it says of the new clip, in the units that it predicts in.
        errors: (k,) absolute errors on the k held-out clips, in the same units.
        decode: makes the data's units of such values; monotone.
    """

    value: float
    errors: Array
    decode: Callable[[Array], Array]


def interval(held: Sequence[Held], confidence: float) -> tuple[float, float]:
    """Return the interval of a new clip's score in the data's units; an end is infinite where the held-out clips are too few.

    Args:
        held: of every model.
        confidence: nominal coverage, 1 - α.
    """
    low = np.sort(np.concatenate([each.decode(each.value - each.errors) for each in held]))
    high = np.sort(np.concatenate([each.decode(each.value + each.errors) for each in held]))
    rank = rank_of(len(high), confidence)
    return (-math.inf, math.inf) if rank is None else (float(low[len(low) - rank]), float(high[rank - 1]))


def half_width(errors: Array, confidence: float) -> float:
    """Return the error that a new clip's does not exceed, at a confidence, given those of n other clips; infinite where n is too small."""
    rank = rank_of(len(errors), confidence)
    return math.inf if rank is None else float(np.sort(errors)[rank - 1])


@dataclass(frozen=True)
class HeldClasses:
    """The same of a model that tells classes.

    Attributes:
        margins: (K,) :func:`margin` of every class in the new clip, −∞ for a class that the model does not know.
        held_out: (k,) margins of the true classes of the k held-out clips.
    """

    margins: Array
    held_out: Array


def members(held: Sequence[HeldClasses], confidence: float) -> list[int]:
    """Return the classes that a new clip may have: those no less conforming than all but a share 1 - confidence of the held-out clips.

    With several models it is the set of cross-validation+ (Romano, Sesia and Candès, NeurIPS 2020, section 2.3).
    """
    total = sum(len(each.held_out) for each in held)
    less = sum((each.held_out[:, None] <= each.margins).sum(axis=0) for each in held)
    # a product such as 20 × 0.05 may come out as 1.0000000000000002
    return [number for number, count in enumerate(np.atleast_1d(less)) if count + 1 > round((1 - confidence) * (total + 1), 9)]


def margin(scores: Array, classes: Array) -> Array:
    """Return by how much each clip's class is ahead of the best other one, (N,); negative where another class is ahead.

    Args:
        scores: (N, K).
        classes: (N,) indices.
    """
    rows = np.arange(len(scores))
    others = np.array(scores, dtype=np.float64)
    others[rows, classes] = -np.inf
    return np.asarray(scores[rows, classes] - others.max(axis=1))


def rank_of(count: int, confidence: float) -> int | None:
    """Return which of ``count`` sorted errors bounds a new one, counted from 1; None where no finite one does."""
    # a product such as 20 × 0.95 may come out as 19.000000000000004
    rank = math.ceil(round((count + 1) * confidence, 9))
    return rank if 1 <= rank <= count else None


def needed(confidence: float) -> int:
    """Return how many held-out clips a finite interval takes."""
    return next(count for count in range(1, 1_000_000) if rank_of(count, confidence) is not None)
