"""How often intervals around the predictions hold the truth: what ``aqa score`` promises, tested on clips whose truth is known.

The interval of a clip is calibrated on the errors of the clips that other folds tested (where there is a single fold: of other
subjects), so that neither its truth nor its model's other clips take part; errors count in the units of the clip's class.  It is that
of :mod:`stages.engine.conformal` with one model's value for all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.engine.conformal import half_width
from stages.evaluate.table import Table

CONFIDENCES = (0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Coverage:
    """How intervals of one nominal confidence did.

    Attributes:
        confidence: nominal.
        share: of the clips whose interval holds the truth.
        low, high: exact binomial 95 % interval of that share (Clopper and Pearson).
        width: mean width of the intervals, in the data's units.
        half_widths: (N,) of each clip; infinite where too few other clips are known.
    """

    confidence: float
    share: float
    low: float
    high: float
    width: float
    half_widths: Array

    def to_json(self) -> dict[str, Any]:
        """Return what ``metrics.json`` holds of it."""
        width = self.width if math.isfinite(self.width) else None
        return {"confidence": self.confidence, "share": self.share, "low": self.low, "high": self.high, "width": width}


def coverages(table: Table) -> tuple[Coverage, ...]:
    """Return the coverage of every nominal confidence for which there are clips enough; nothing for levels, actions and bare tables."""
    if table.classes or table.units is None or len(table) < 2:
        return ()
    found = [_coverage(table, table.units, confidence) for confidence in CONFIDENCES]
    return tuple(each for each in found if np.isfinite(each.half_widths).all())


def _coverage(table: Table, units: Array, confidence: float) -> Coverage:
    from scipy.stats import binomtest

    errors = np.abs(table.ensemble - table.truth)
    apart = table.folds if len(set(table.folds.tolist())) > 1 else table.clusters
    half = np.zeros(len(table))
    for name in dict.fromkeys(apart.tolist()):
        own = apart == name
        half[own] = half_width((errors / units)[~own], confidence) * units[own]
    held = int((errors <= half).sum())
    limits = binomtest(held, len(table)).proportion_ci(0.95, method="exact")
    return Coverage(confidence, held / len(table), float(limits.low), float(limits.high), float(2 * half.mean()), half)
