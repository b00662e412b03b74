"""Evaluations in memory, for tests of their reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stages.artifacts.provenance import provenance
from stages.evaluate import figures
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.evaluation import Evaluation
from stages.evaluate.table import Table
from tests.evaluate.tables import scores


def evaluation(table: Table, *, stamps: Sequence[str] = (), curves: Any = None, **facts: Any) -> Evaluation:
    """An evaluation of these predictions."""
    config = EvaluateConfig(resamples=100)
    about = {"protocol": "5-fold", "select": "val", "seeds": list(table.seeds), "folds": 2, "clips": len(table), "stamps": list(stamps)}
    made = {"stage": "finetune", "config": {"seed": 0}}
    inputs = [{"role": "models", "count": 2, "fingerprint": "f", "made_by": [{"count": 1, "provenance": made}] * 2}]
    lineage = provenance("evaluate", 1, config.model_dump(mode="json"), inputs)
    return Evaluation("the-experiment", table, figures.compute(table, config), about | facts, lineage, None, curves or {})


def told_apart(table: Table, columns: Mapping[str, Sequence[str]]) -> Table:
    """The table with columns of the manifest, and with units, so that it has intervals."""
    return replace(table, columns={name: np.array(texts) for name, texts in columns.items()}, units=np.full(len(table), 3.0))


def full(count: int = 240, *, seeds: int = 2, classes: Sequence[str] = ("diving", "gym_vault", "ski_big_air")) -> Table:
    """Predictions with everything that a report of scores shows: classes, folds, subjects, intervals and groups, one of them biased."""
    table = scores(dict.fromkeys(classes, count // len(classes)), seeds=seeds, folds=5, subjects=count // 4)
    number = np.arange(len(table))
    biased = replace(table, predicted=table.predicted + np.where(number % 4 == 0, 4.0, 0))
    columns = {
        "view": [f"v{n % 4}" for n in number],
        "sex": ["f" if n % 2 else "m" for n in number],
        "disease": [("stroke", "parkinson", "back-pain", "", "")[n % 5] for n in number],
        "camera": [f"device_{n % 4}" for n in number],
    }
    return told_apart(biased, columns)
