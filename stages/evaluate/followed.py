"""Spearman's ρ of held-out clips while a model trained, as figure 3 of AQA-7 (Parmar and Morris, WACV 2019) shows it.

Training looks at held-out clips after every epoch, or every round of iterations; these are the clips that its epoch is selected on:
some of the training clips, or the test clips where those were asked for (``--select test``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

TERM = "validation_spearman"
"""Its name in the history of a training: the mean over classes of the clips that were held out."""

Followed = Mapping[str, Mapping[str, list[list[float]]]]
"""Fold → seed → rows of (iterations, or epochs where training counts those; ρ)."""


def followed(models: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, dict[str, list[list[float]]]]:
    """Return what was followed of some models; those that followed nothing are not there.

    Args:
        models: each model's documents ``data`` and ``training``.
    """
    found: dict[str, dict[str, list[list[float]]]] = {}
    for data, training in models:
        rows = [[row.get("iteration", row["epoch"] + 1), row[TERM]] for row in training.get("history") or () if TERM in row]
        if rows:
            found.setdefault(str(data["fold"]), {})[str(data["seed"])] = rows
    return found
