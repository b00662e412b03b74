"""Tasks and targets: what is predicted, in which units a method sees it, and how predictions come back to the data's units.

Everything is fitted on training clips only and stored in the model.  Of a class that training never saw there is no mean and no
deviation: its scores are taken to be those of an average class, so that its predictions have an order and no scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from stages.arrays import Array
from stages.configuration import Config
from stages.datasets.manifest import Manifest, Row
from stages.errors import UsageError

Task = Literal["score", "level", "action"]
Scaling = Literal["none", "standardise", "class-standardise", "class-std", "range-5", "range-100"]

DEFAULT_COLUMNS = {"score": "score", "level": "label", "action": "action"}
NO_GROUP = "all"
_STATISTICS = ("shift", "scale", "means", "deviations")


class TargetConfig(Config):
    """What is predicted."""

    task: Task = "score"
    """``score`` (a number), ``level`` (a risk or skill level) or ``action`` (recognition)."""
    column: str | None = None
    """The manifest column of the target; by default ``score``, ``label`` or ``action``."""
    scaling: Scaling = "standardise"
    """Units in which a method sees scores: raw; zero mean and unit deviation, over all clips or within each class;
    divided by the class's standard deviation (AQA-7); 0–5 (S4AQA) or 0–100 (CoRe) by the training range."""
    times: str | None = None
    """Column of a factor that is known of every clip beforehand, such as a dive's degree of difficulty: scores are divided by it before a
    method sees them, and predictions are multiplied by it ("with difficulty"; with None the score itself is predicted)."""
    per: str | None = None
    """Column of the classes for ``class-std`` and for reports; by default ``action``."""

    @property
    def resolved_column(self) -> str:
        """The manifest column of the target."""
        return self.column or DEFAULT_COLUMNS[self.task]

    @property
    def group_column(self) -> str:
        """The manifest column of the classes."""
        return self.per or "action"


def has_target(row: Row, config: TargetConfig) -> bool:
    """Say whether a clip has a target."""
    if config.task == "score":
        return bool(np.isfinite(row.number(config.resolved_column)) and np.isfinite(factor(row, config)))
    return row.text(config.resolved_column) != ""


def with_target(manifest: Manifest, config: TargetConfig) -> tuple[Manifest, list[str]]:
    """Return the clips that have a target, and the ids of those that lack one.

    Raises:
        UsageError: a column does not exist, no clip has a target, or the factor of one is not above 0.
    """
    manifest.require(config.resolved_column)
    if config.times is not None:
        _check_factors(manifest, config)
    kept = manifest.keep(lambda row: has_target(row, config))
    if not len(kept):
        raise UsageError(f"No clip of {manifest.name} has a value in '{config.resolved_column}'.", hint="choose --target-column")
    there = set(kept.clips)
    return kept, [clip for clip in manifest.clips if clip not in there]


class Target:
    """The fitted target of one model.

    Attributes:
        config: what is predicted.
        classes: the names of the levels or actions, in order; empty for scores.
        groups: the names of the classes that scores are normalised and reported by.
        shift, scale: per group: raw = (value × scale + shift) × factor, which is 1 without ``times``.
        means, deviations: of the training scores, per group; reports put pooled figures into class-normalised units with them.
    """

    def __init__(
        self,
        config: TargetConfig,
        classes: Sequence[str],
        groups: Sequence[str],
        *,
        shift: Array | None = None,
        scale: Array | None = None,
        means: Array | None = None,
        deviations: Array | None = None,
    ) -> None:
        self.config, self.classes, self.groups = config, tuple(classes), tuple(groups)
        zeros, ones = np.zeros(len(self.groups)), np.ones(len(self.groups))
        self.shift, self.scale = zeros if shift is None else shift, ones if scale is None else scale
        self.means, self.deviations = zeros if means is None else means, ones if deviations is None else deviations

    @classmethod
    def fit(cls, rows: Sequence[Row], config: TargetConfig) -> Target:
        """Fit on training rows."""
        groups = sorted({group_name(row, config) for row in rows})
        if config.task != "score":
            classes = sorted({row.text(config.resolved_column) for row in rows}, key=_natural)
            if len(classes) < 2:
                raise UsageError(f"'{config.resolved_column}' has a single value in training: {classes[0]}.")
            return cls(config, classes, groups)
        raw = np.array([row.number(config.resolved_column) for row in rows])
        scores = raw / np.array([factor(row, config) for row in rows])
        names = np.array([group_name(row, config) for row in rows])
        means, deviations = _moments(raw, names, groups)
        shift, scale = np.zeros(len(groups)), np.ones(len(groups))
        if config.scaling == "standardise":
            shift[:], scale[:] = scores.mean(), _positive(scores.std())
        elif config.scaling == "class-standardise":
            shift, scale = _moments(scores, names, groups)
        elif config.scaling == "class-std":
            scale[:] = _moments(scores, names, groups)[1]
        elif config.scaling != "none":
            top = float(config.scaling.removeprefix("range-"))
            shift[:], scale[:] = scores.min(), _positive((scores.max() - scores.min()) / top)
        return cls(config, (), groups, shift=shift, scale=scale, means=means, deviations=deviations)

    def group_index(self, rows: Sequence[Row]) -> Array:
        """Return each row's class index; 0 for a class that training never saw."""
        known = {group: number for number, group in enumerate(self.groups)}
        return np.array([known.get(group_name(row, self.config), 0) for row in rows], dtype=np.int64)

    def has_scale(self, row: Row) -> bool:
        """Say whether the units of a row's score are known: all classes have the same, or training saw its class."""
        return not self.config.scaling.startswith("class-") or group_name(row, self.config) in self.groups

    def knows(self, row: Row) -> bool:
        """Say whether a row has a target that :meth:`encode` takes: a score, or one of the classes."""
        return has_target(row, self.config) and (not self.classes or row.text(self.config.resolved_column) in self.classes)

    def _units(self, rows: Sequence[Row]) -> tuple[Array, Array]:
        """Return the shift and the scale of each row; the mean over the classes of training for a class that is none of them."""
        groups, known = self.group_index(rows), np.array([self.has_scale(row) for row in rows], dtype=bool)
        return np.where(known, self.shift[groups], self.shift.mean()), np.where(known, self.scale[groups], self.scale.mean())

    def unit(self, row: Row) -> float:
        """Return how much of a row's score one unit of what methods see is."""
        return float(self._units([row])[1][0]) * factor(row, self.config)

    def encode(self, rows: Sequence[Row]) -> Array:
        """Return the targets as methods see them: float (N,) or class index (N,)."""
        if self.config.task != "score":
            known = {name: number for number, name in enumerate(self.classes)}
            labels = [row.text(self.config.resolved_column) for row in rows]
            unknown = sorted(set(labels) - set(known))
            if unknown:
                raise UsageError(f"'{self.config.resolved_column}' has values that training never saw: {', '.join(unknown)}.")
            return np.array([known[label] for label in labels], dtype=np.int64)
        scores = np.array([row.number(self.config.resolved_column) / factor(row, self.config) for row in rows])
        shift, scale = self._units(rows)
        return ((scores - shift) / scale).astype(np.float32)

    def decode(self, values: Array, rows: Sequence[Row]) -> Array:
        """Return predicted scores in the data's own units."""
        shift, scale = self._units(rows)
        factors = np.array([factor(row, self.config) for row in rows])
        return (np.asarray(values, dtype=np.float64) * scale + shift) * factors

    def to_json(self) -> dict[str, Any]:
        """Return everything that a model stores of its target."""
        return {
            "config": self.config.model_dump(mode="json"),
            "classes": list(self.classes),
            "groups": list(self.groups),
            **{name: getattr(self, name).tolist() for name in _STATISTICS},
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Target:
        """Undo :meth:`to_json`."""
        config = TargetConfig.model_validate(document["config"])
        return cls(config, document["classes"], document["groups"], **{name: np.array(document[name]) for name in _STATISTICS})


def group_name(row: Row, config: TargetConfig) -> str:
    """Return the class of a row."""
    return row.text(config.group_column) or NO_GROUP


def factor(row: Row, config: TargetConfig) -> float:
    """Return what a clip's score is divided by before a method sees it."""
    return 1.0 if config.times is None or config.task != "score" else row.number(config.times)


def _check_factors(manifest: Manifest, config: TargetConfig) -> None:
    assert config.times is not None
    if config.task != "score":
        raise UsageError(f"target.times is for scores; the task is {config.task}.", hint="leave out target.times, or --task score")
    manifest.require(config.times)
    for row in manifest.rows:
        if row.number(config.times) <= 0:
            raise UsageError(
                f"'{config.times}' of {row.clip} is {row.number(config.times):g}; scores are divided by it, so it must be above 0.",
                hint="correct the manifest, or leave out target.times",
            )


def _moments(scores: Array, names: Array, groups: Sequence[str]) -> tuple[Array, Array]:
    """Return the mean and the deviation of every group's scores."""
    parts = [scores[names == group] for group in groups]
    return np.array([part.mean() for part in parts]), np.array([_positive(part.std()) for part in parts])


def _positive(value: float) -> float:
    return float(value) if value > 0 else 1.0


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)
