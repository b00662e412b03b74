"""What a performance is worth, and what a panel of judges says it is worth.

The true quality runs from 50 (no fault) downwards like a clinical score: each fault takes away a share of what the others leave.
Five judges see it with noise, each is a little lenient or strict throughout, and marks go in halves.  The score is the mean of the
three middle marks, as in diving.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stages.arrays import Array
from stages.datasets.generated.motion import Faults

HIGHEST = 50.0
SHARES: Mapping[str, float] = {"range": 0.55, "tempo": 0.35, "smoothness": 0.4, "symmetry": 0.45, "tremor": 0.4}
"""Fault → the share of the score that its full strength takes away."""
SLIP = 0.5
"""The same of a local fault."""
JUDGES = 5
LENIENCY = 1.5
"""Standard deviation of the judges' leniency, points."""
NOISE = 3.0
"""Standard deviation of a judge's marks about the truth as this judge sees it, points."""
STEP = 0.5


def quality(faults: Faults) -> float:
    """Return the true quality, 0 to 50; it falls strictly with every fault."""
    return HIGHEST * float(np.prod([1 - share * faults[name] for name, share in SHARES.items()]))


def draw_leniency(random: np.random.Generator) -> Array:
    """Draw how many points each judge gives away, (judges,)."""
    return random.normal(0, LENIENCY, JUDGES)


def draw_marks(truth: float, leniency: Array, random: np.random.Generator) -> Array:
    """Draw the judges' marks (judges,) in steps of half a point between 0 and 50."""
    seen = truth + leniency + random.normal(0, NOISE, len(leniency))
    return np.clip(np.round(seen / STEP) * STEP, 0, HIGHEST)


def score_of(marks: Array) -> float:
    """Return the mean of the marks without the highest and the lowest."""
    return float(np.mean(np.sort(marks)[1:-1]))
