"""Evaluations on disk for tests of comparisons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stages.artifacts.provenance import provenance
from stages.compare.runs import Run
from stages.evaluate import figures, write
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.evaluation import Evaluation
from stages.evaluate.table import Table

QUICK = EvaluateConfig(resamples=100)


def facts_of(table: Table, **changes: Any) -> dict[str, Any]:
    """What an experiment of these predictions says of itself."""
    return {
        "dataset": "arms",
        "method": "kinematics-ridge",
        "task": table.task,
        "target": "score",
        "protocol": "5-fold",
        "select": "val",
        "seeds": list(table.seeds),
        "folds": len(set(table.folds.tolist())),
        "clips": len(table),
        "subjects": len(set(table.clusters.tolist())),
        "stamps": [],
    } | changes


def provenance_of(settings: dict[str, Any] | None = None, *, encoder: str | None = None, poses: str = "p" * 64) -> dict[str, Any]:
    """The provenance of an evaluation of two models with these settings."""
    encoders = []
    if encoder is not None:
        made = {"stage": "pretrain", "config": {"method": encoder, "dataset": ["arms", "legs"]}}
        encoders = [{"role": "encoder", "fingerprint": "e" * 64, "made_by": [{"count": 1, "provenance": made}]}]
    config = {"method": "m", "dataset": "arms", "split_seed": 0, "settings": {"width": 8}, **(settings or {})}
    made_by = [
        {"count": 1, "provenance": {"stage": "finetune", "config": {**config, "fold": f"fold-{fold}", "seed": 0}, "inputs": encoders}}
        for fold in range(2)
    ]
    models = {"role": "models", "count": 2, "fingerprint": "m" * 64, "made_by": made_by}
    return provenance(
        "evaluate", 1, QUICK.model_dump(mode="json"), [models, {"role": "poses", "count": 9, "fingerprint": poses, "made_by": []}]
    )


def run_of(name: str, table: Table, *, made: dict[str, Any] | None = None, **facts: Any) -> Run:
    """A run in memory."""
    return Run(name, table, facts_of(table, **facts), made or provenance_of(), name)


def save(folder: Path, table: Table, *, made: dict[str, Any] | None = None, **facts: Any) -> Path:
    """Write the predictions that ``aqa evaluate`` would have written to ``folder``."""
    found = figures.compute(table, QUICK)
    write.predictions(Evaluation(folder.name, table, found, facts_of(table, **facts), made or provenance_of(), folder))
    return folder


def noisier(table: Table, noise: float, seed: int = 1) -> Table:
    """The same clips, predicted with more noise."""
    random = np.random.default_rng(seed)
    return replace(table, predicted=table.predicted + random.normal(0, noise, table.predicted.shape))


def chosen(table: Table, order: list[int]) -> Table:
    """Some of the clips, in another order."""
    return table.take(np.array(order))
