"""Every figure that an evaluation prints, by name, each with its interval: the one list, for scores and for classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.evaluate import annotations as annotated
from stages.evaluate import metrics, streams
from stages.evaluate.annotations import Measured, Named
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.coverage import Coverage, coverages
from stages.evaluate.groups import Groups, groups_of
from stages.evaluate.names import BASELINES, ENSEMBLE, TITLES
from stages.evaluate.statistics import Estimate, Figure, estimates
from stages.evaluate.streams import Streams
from stages.evaluate.table import NUMBER, Table

SMALLEST_PART = 3
"""A class or fold with fewer clips says nothing about order (two clips give ρ = ±1) and is left out of means over parts."""


@dataclass(frozen=True)
class Figures:
    """What an evaluation found.

    Attributes:
        overall: name → estimate over all clips.
        per_class: class → name → estimate; for levels and actions, the classes are those.
        per_fold: fold → name → estimate.
        counts: class → number of clips.
        fold_counts: fold → number of clips.
        score_range: lowest and highest score that R-ℓ2 used over all clips; None for classes.
        range_given: whether that range was given, and not taken from the evaluated truth.
        notes: what must be said beside the figures: parts left out of a mean, figures that are not defined.
        streams: of a model that picks one of several streams; None for others.
        named: of a model that names classes beside the target: column of the manifest → how often it is right.
        measured: of a model that predicts further numbers: column of the manifest → how well.
        coverage: how often intervals around the predictions hold the truth.
        groups: errors of groups of clips, per column of the manifest that tells some apart; None where no column does.
    """

    overall: Mapping[str, Estimate]
    per_class: Mapping[str, Mapping[str, Estimate]]
    per_fold: Mapping[str, Mapping[str, Estimate]]
    counts: Mapping[str, int]
    fold_counts: Mapping[str, int]
    score_range: tuple[float, float] | None
    range_given: bool = False
    notes: tuple[str, ...] = ()
    streams: Streams | None = None
    named: Mapping[str, Named] = field(default_factory=dict)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    coverage: tuple[Coverage, ...] = ()
    groups: Groups | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``metrics.json``."""
        return {
            "overall": {name: estimate.to_json() for name, estimate in self.overall.items()},
            "per_class": _parts_to_json(self.per_class, self.counts),
            "per_fold": _parts_to_json(self.per_fold, self.fold_counts),
            "score_range": list(self.score_range) if self.score_range else None,
            "notes": list(self.notes),
            **({"streams": self.streams.to_json()} if self.streams else {}),
            **({"named": {column: each.to_json() for column, each in self.named.items()}} if self.named else {}),
            **({"coverage": [each.to_json() for each in self.coverage]} if self.coverage else {}),
            **({"groups": self.groups.to_json()} if self.groups else {}),
            **({"measured": {column: each.to_json() for column, each in self.measured.items()}} if self.measured else {}),
        }


@dataclass(frozen=True)
class Part:
    """Some of a table's clips, by their places, and the figures of them."""

    members: Array
    figures: Mapping[str, Figure]


def compute(table: Table, config: EvaluateConfig) -> Figures:
    """Compute every figure of ``table``.

    With several seeds, a figure is the mean over seeds of each seed's figure on all clips; figures named ``ensemble_…`` are those
    of the mean prediction over seeds.
    """
    notes: list[str] = []
    counts = _counts(table)
    fold_counts = {str(fold): int((table.folds == fold).sum()) for fold in dict.fromkeys(table.folds)}
    overall = _estimates(table, of_all(table, config, notes), config)
    if len(table.seeds) > 1 and not table.classes:
        overall |= {name: Estimate(e.value, e.low, e.high) for name, e in overall.items() if name in BASELINES}
        mean = {name: figure for name, figure in of_all(table, config, []).items() if name not in BASELINES}
        found = _estimates(table, mean, config, predicted=table.ensemble[None])
        overall |= {f"{ENSEMBLE}{name}": Estimate(e.value, e.low, e.high) for name, e in found.items()}
    if table.classes:
        per_class = {name: {"recall": estimate} for name, estimate in _estimates(table, recalls(table), config).items()}
    else:
        per_class = _per_part(table, of_parts(table, table.groups, config, own_range=config.range is None), config)
    undefined = [name for name, estimate in overall.items() if not np.isfinite(estimate.value)]
    if undefined:
        notes.append(f"not defined, because truth or predictions are constant or the clips too few: {', '.join(undefined)}")
    named, measured = _named(table, config), _measured(table, config)
    notes += [each.sentence(column) for column, each in (named | measured).items()]
    return Figures(
        overall=overall,
        per_class=per_class,
        per_fold=_per_part(table, of_parts(table, table.folds, config, own_range=False), config),
        counts=counts,
        fold_counts=fold_counts,
        score_range=None if table.classes else _range(table, config),
        range_given=config.range is not None,
        notes=tuple(notes),
        streams=_streams(table, config),
        named=named,
        measured=measured,
        coverage=coverages(table),
        groups=groups_of(table, config),
    )


def _streams(table: Table, config: EvaluateConfig) -> Streams | None:
    names = streams.names_of(table)
    if not names:
        return None
    alone = {name: replace(table, predicted=table.extra[streams.PREFIX + name]) for name in names}
    picked = table.extra[streams.PICKED]
    share = {"share": streams.share_of_draws}
    return Streams(
        figures={name: _estimates(each, of_all(each, config, []), config) for name, each in alone.items()},
        picked={name: float((picked == number).mean()) for number, name in enumerate(names)},
        right=_estimates(table, share, config, predicted=streams.right(table))["share"],
        chance=_estimates(table, share, config, predicted=streams.best_always(table))["share"],
    )


def _named(table: Table, config: EvaluateConfig) -> dict[str, Named]:
    found, share = {}, {"share": streams.share_of_draws}
    for column, members in annotated.columns_of(table).items():
        accuracy = _estimates(table, share, config, predicted=annotated.right(table, column), members=members)["share"]
        found[column] = Named(accuracy, len(members), annotated.commonest(table, column, members))
    return found


def _measured(table: Table, config: EvaluateConfig) -> dict[str, Measured]:
    found = {}
    for column, members in annotated.numbers_of(table).items():
        each = replace(table, truth=table.numbers[column], predicted=table.extra[NUMBER + column], classes=())
        figures = _of_members(each, 0.0, 1.0, members)
        estimated = _estimates(each, {name: figures[name] for name in ("spearman", "mae")}, config, members=members)
        found[column] = Measured(estimated["spearman"], estimated["mae"], len(members))
    return found


def _of_members(table: Table, low: float, high: float, members: Array) -> dict[str, Figure]:
    """Return the figures of some clips; they take those clips' predictions and weights."""
    truth = table.truth[members]
    if not table.classes:
        return {
            "spearman": lambda p, w: metrics.spearman_of_draws(p, truth, w),
            "relative_l2": lambda p, w: metrics.relative_l2_of_draws(p, truth, w, low, high),
            "mae": lambda p, w: metrics.mean_absolute_error_of_draws(p, truth, w),
            "rmse": lambda p, w: metrics.root_mean_squared_error_of_draws(p, truth, w),
        }
    figures: dict[str, Figure] = {
        "accuracy": lambda p, w: metrics.accuracy_of_draws(p, truth, w),
        "macro_f1": lambda p, w: metrics.macro_f1_of_draws(p, truth, w),
    }
    if (levels := table.levels) is not None:
        of_truth = levels[truth.astype(int)]
        figures["spearman"] = lambda p, w: metrics.spearman_of_draws(levels[p.astype(int)], of_truth, w)
    return figures


def recalls(table: Table) -> dict[str, Figure]:
    """Return the recall of each level or action that occurs."""
    return {name: _recall(table, number) for number, name in enumerate(table.classes) if (table.truth == number).any()}


def _recall(table: Table, label: int) -> Figure:
    return lambda p, w: metrics.recall_of_draws(p, table.truth, w, label)


def of_all(table: Table, config: EvaluateConfig, notes: list[str]) -> dict[str, Figure]:
    """Return the figures of all clips, in the order in which they are shown; ``notes`` gets what must be said beside them."""
    low, high = _range(table, config)
    figures = _of_members(table, low, high, np.arange(len(table)))
    groups = list(np.unique(table.groups))
    if table.classes:
        return figures
    if len(groups) > 1:
        figures["spearman_pooled"] = figures.pop("spearman")
        figures = _over_classes(table, groups, config, notes) | figures
    folds = list(dict.fromkeys(table.folds))
    if len(folds) > 1:
        parts = _usable_parts(table, table.folds, folds, "folds", notes)
        if parts:
            figures["spearman_mean_of_folds"] = lambda p, w: metrics.mean_of_defined(_correlations(p, w, table.truth, parts))
    return {name: figures[name] for name in TITLES if name in figures}


def _over_classes(table: Table, groups: Sequence[Any], config: EvaluateConfig, notes: list[str]) -> dict[str, Figure]:
    truth, figures = table.truth, dict[str, Figure]()
    parts = _usable_parts(table, table.groups, groups, "classes", notes)
    if parts:
        figures["spearman_mean"] = lambda p, w: metrics.mean_of_defined(_correlations(p, w, truth, parts))
        figures["spearman_fisher_mean"] = lambda p, w: metrics.fisher_mean(_correlations(p, w, truth, parts))
        own = config.range is None
        ranges = [(truth[part].min(), truth[part].max()) if own else _range(table, config) for part in parts]

        def relative(p: Array, w: Array) -> Array:
            pairs = zip(parts, ranges, strict=True)
            return metrics.mean_of_defined(np.stack([metrics.relative_l2_of_draws(p[i], truth[i], w[:, i], *r) for i, r in pairs], axis=1))

        figures["relative_l2_mean"] = relative
    if table.means is not None and table.deviations is not None:
        means, deviations = table.means, table.deviations
        normalised = (truth - means) / deviations
        figures["spearman_pooled_normalised"] = lambda p, w: metrics.spearman_of_draws((p - means) / deviations, normalised, w)
        figures["spearman_pooled_of_class_means"] = lambda _, w: metrics.spearman_of_draws(means, truth, w)
        notes.append(f"class means and deviations are those of {table.normalised_by}")
    return figures


def _usable_parts(table: Table, column: Array, names: Sequence[Any], what: str, notes: list[str]) -> list[Array]:
    """Return the members of each class or fold that can have an order, and note those that cannot."""
    parts, left_out = [], []
    for name in names:
        members = np.flatnonzero(column == name)
        if len(members) >= SMALLEST_PART and np.ptp(table.truth[members]) > 0:
            parts.append(members)
        else:
            left_out.append(str(name))
    if left_out:
        some = ", ".join(left_out[:8]) + (" …" if len(left_out) > 8 else "")
        notes.append(
            f"left out of means over {what}: {len(left_out)} of {len(names)}, with fewer than {SMALLEST_PART} clips or one score ({some})"
        )
    return parts


def _correlations(predicted: Array, weights: Array, truth: Array, parts: Sequence[Array]) -> Array:
    """Return each part's Spearman on each draw, (B, parts).

    A part that a draw has emptied is NaN and left out of that draw's mean; a part whose predictions are constant makes everything
    NaN, since a mean over the others would flatter the model.
    """
    if any(np.ptp(predicted[part]) == 0 for part in parts):
        return np.full((len(weights), len(parts)), np.nan)
    return np.stack([metrics.spearman_of_draws(predicted[part], truth[part], weights[:, part]) for part in parts], axis=1)


def of_parts(table: Table, column: Array, config: EvaluateConfig, *, own_range: bool) -> dict[str, Part]:
    """Return the clips and the figures of each class or fold in ``column`` (N,); none where there is a single one.

    With ``own_range`` R-ℓ2 divides by the range of the part's own truth.
    """
    names = list(dict.fromkeys(column)) if column is table.folds else list(np.unique(column))
    if len(names) == 1:
        return {}
    result = {}
    for name in names:
        members = np.flatnonzero(column == name)
        truth = table.truth[members]
        low, high = (float(truth.min()), float(truth.max())) if own_range else _range(table, config)
        result[str(name)] = Part(members, _of_members(table, low, high, members))
    return result


def _per_part(table: Table, parts: Mapping[str, Part], config: EvaluateConfig) -> dict[str, dict[str, Estimate]]:
    return {name: _estimates(table, part.figures, config, members=part.members) for name, part in parts.items()}


def _estimates(
    table: Table, figures: Mapping[str, Figure], config: EvaluateConfig, *, predicted: Array | None = None, members: Array | None = None
) -> dict[str, Estimate]:
    which = np.arange(len(table)) if members is None else members
    rows = (table.predicted if predicted is None else predicted)[:, which]
    return estimates(figures, rows, table.clusters[which], confidence=config.confidence, count=config.resamples, seed=config.seed)


def _range(table: Table, config: EvaluateConfig) -> tuple[float, float]:
    return config.range or (float(table.truth.min()), float(table.truth.max()))


def _counts(table: Table) -> dict[str, int]:
    if table.classes:
        return {name: int((table.truth == number).sum()) for number, name in enumerate(table.classes)}
    return {str(group): int((table.groups == group).sum()) for group in np.unique(table.groups)}


def _parts_to_json(parts: Mapping[str, Mapping[str, Estimate]], counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        part: {"clips": counts[part], **{name: estimate.to_json() for name, estimate in found.items()}} for part, found in parts.items()
    }
