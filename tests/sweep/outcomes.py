"""Sweeps in memory for tests of their figures and pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.engine.plan import Summary
from stages.sweep.config import SweepConfig
from stages.sweep.outcome import Measured, Sweep
from stages.sweep.points import names_of, points


def estimate(value: float | None, reach: float = 0.1) -> dict[str, Any]:
    """A figure as ``metrics.json`` holds it, of two seeds."""
    if value is None:
        return {"value": None, "low": None, "high": None, "sd_over_seeds": None, "seeds": [None, None]}
    seeds = [value - 0.01, value + 0.01]
    return {"value": value, "low": value - reach, "high": value + reach, "sd_over_seeds": 0.01414, "seeds": seeds}


def sweep_of(config: SweepConfig, overall: Sequence[dict[str, float | None]], **facts: Any) -> Sweep:
    """A sweep whose points have these figures, in the order of its points."""
    common = {
        "dataset": "arms",
        "task": "score",
        "target": "score",
        "protocol": "5-fold",
        "select": "last",
        "seeds": ["0", "1"],
        "folds": 5,
        "clips": 18,
        "subjects": 6,
        "stamps": [],
    }
    measured = [
        Measured(point, names_of("s", config.vary, point), {**common, **facts, "overall": {k: estimate(v) for k, v in figures.items()}})
        for point, figures in zip(points(config), overall, strict=True)
    ]
    return Sweep("s", config, Path("w/sweeps/s"), Summary(), (), measured)
