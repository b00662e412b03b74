"""What figures, their values and the way they were made are called for people, on the terminal and in the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stages.evaluate.figures import Figures
    from stages.evaluate.statistics import Estimate

_BASE = {
    "spearman": "Spearman ρ",
    "spearman_mean": "Spearman ρ, arithmetic mean of classes",
    "spearman_fisher_mean": "Spearman ρ, Fisher-z mean of classes",
    "spearman_pooled": "Spearman ρ, pooled, raw scores",
    "spearman_pooled_normalised": "Spearman ρ, pooled, class-normalised",
    "spearman_pooled_of_class_means": "  (pooled ρ of predicting the class's mean)",
    "spearman_mean_of_folds": "Spearman ρ, mean of folds",
    "relative_l2": "R-ℓ2 × 100",
    "relative_l2_mean": "R-ℓ2 × 100, mean of classes",
    "mae": "MAE",
    "rmse": "RMSE",
    "accuracy": "accuracy (= micro-F1)",
    "macro_f1": "macro-F1",
    "recall": "recall",
}
ENSEMBLE = "ensemble_"
"""Prefix of the figures of the mean prediction over seeds."""

TITLES = _BASE | {f"{ENSEMBLE}{name}": f"{title}, ensemble of seeds" for name, title in _BASE.items()}

BASELINES = ("spearman_pooled_of_class_means",)
"""Figures that no prediction enters: what is reached by knowing the class alone."""

HEADLINES = ("spearman_fisher_mean", "spearman", "accuracy", "spearman_pooled")
"""The figure that leads is the first of these that is defined."""

SELECTIONS = {
    "val": "best epoch on validation clips carved from training",
    "last": "none (last epoch)",
    "test": "best epoch on the test clips",
}


def shown(value: float, digits: int = 4) -> str:
    """Return a figure's value for people."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "not defined"


def interval_of(estimate: Estimate, digits: int = 4) -> str:
    """Return ``[low, high]``, or nothing where there is no interval."""
    return f"[{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]" if math.isfinite(estimate.low) else ""


def percent(share: float, digits: int = 0) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.{digits}f}\u00a0%"


def headline_of(found: Figures) -> str:
    """Return the name of the figure that leads."""
    there = [name for name in HEADLINES if name in found.overall]
    return next((name for name in there if math.isfinite(found.overall[name].value)), there[0])


def range_sentence(found: Figures) -> str:
    """Return which range R-ℓ2 divides by; nothing where there is no R-ℓ2."""
    if found.score_range is None:
        return ""
    low, high = found.score_range
    if found.range_given:
        return f"R-ℓ2 divides by the given range, {low:g} to {high:g}."
    each = "; per class and in the mean of classes, by that class's own" if found.per_class else ""
    return f"R-ℓ2 divides by the range of the evaluated truth, {low:g} to {high:g}{each}."


def in_words(value: Any) -> str:
    """Return a fact or a setting as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {in_words(child)}" for key, child in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(in_words(child) for child in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def selection_in_words(select: str) -> str:
    """Return how the epochs of an experiment's models were chosen."""
    return "; ".join(SELECTIONS.get(name, name) for name in select.split(", "))


def made_sentence(facts: Mapping[str, Any]) -> str:
    """Return the protocol, the seeds and the selection of an experiment as one phrase."""
    seeds = facts["seeds"]
    which = f"{len(seeds)} seeds ({', '.join(seeds)})" if len(seeds) > 1 else f"seed {seeds[0]}"
    folds = f"{facts['folds']} fold{'s' if facts['folds'] != 1 else ''}"
    return f"protocol {facts['protocol']}, {folds}, {which}, selection: {selection_in_words(facts['select'])}"
