"""Probes: what a frozen encoder has learned, read out by a linear map or by nearest neighbours, for scores, levels and actions.

``--init none`` probes the same encoder untrained, the comparison that a pretraining must win.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import nn

from stages.arrays import Array
from stages.encoders.spec import PoseSpec
from stages.engine.inputs import Inputs, to_clips
from stages.engine.method import Context, Estimator, MethodConfig, as_numpy
from stages.engine.records import Records
from stages.errors import UsageError
from stages.skeletons.input import PoseInput

_BATCH = 64
_WEIGHTS = "encoder/"


class Settings(MethodConfig):
    """Settings that both probes share."""

    encoder: str = "ctr-gcn"
    """Architecture of the untrained encoder; a pretrained one brings its own."""
    encoder_settings: dict[str, Any] = {}
    input: PoseInput = PoseInput()
    inner_folds: int = Field(5, ge=2)
    """Folds, by subject and within training, that choose the regularisation."""


class NeighbourSettings(Settings):
    """Settings of the nearest neighbours."""

    neighbours: int = Field(5, ge=1)


class _Probe(Estimator):
    """A frozen encoder and standardised features."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    uses_encoder: ClassVar = "poses"

    def __init__(self, settings: Settings, context: Context, encoder: PoseSpec) -> None:
        self.settings, self.context, self.spec = settings, context, encoder
        self.inputs = Inputs(poses=encoder.input)
        self.encoder: nn.Module = encoder.build().eval()
        self._arrays: dict[str, Array] = {}

    def arrays(self) -> dict[str, Array]:
        """Return the fitted arrays and the encoder's weights."""
        weights = {f"{_WEIGHTS}{key}": value.numpy() for key, value in self.encoder.state_dict().items()}
        return {**self._arrays, **weights}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what :meth:`arrays` returned."""
        like = self.encoder.state_dict()
        state = {key: torch.from_numpy(np.array(arrays[f"{_WEIGHTS}{key}"])).reshape(value.shape) for key, value in like.items()}
        self.encoder.load_state_dict(state)
        self._arrays = {key: value for key, value in arrays.items() if not key.startswith(_WEIGHTS)}

    @torch.no_grad()
    def embed(self, records: Records) -> Array:
        """Return the encoder's representation of each clip, (N, D)."""
        rows = []
        for start in range(0, len(records), _BATCH):
            clips = to_clips(records[start : start + _BATCH], self.inputs)
            rows.append(as_numpy(self.encoder(clips.poses, clips.mask)))
        return np.concatenate(rows).astype(np.float64)

    def _standardised(self, records: Records, *, fit: bool = False) -> Array:
        table = self.embed(records)
        if fit:
            scale = table.std(axis=0)
            self._arrays = {"mean": table.mean(axis=0), "scale": np.where(scale > 1e-8, scale, 1)}
        return (table - self._arrays["mean"]) / self._arrays["scale"]


class LinearProbe(_Probe):
    """Ridge regression of scores, logistic regression of classes; the strength is chosen by inner folds."""

    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Fit; see :class:`stages.engine.method.Estimator`."""
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.model_selection import GridSearchCV, GroupKFold

        table = self._standardised(train, fit=True)
        count = min(self.settings.inner_folds, len(np.unique(groups)))
        if count < 2:
            raise UsageError("One subject is too few for inner cross-validation.", hint="more training subjects are needed")
        model = LogisticRegression(max_iter=500) if classes else Ridge()
        grid = {"C": np.logspace(-4, 0, 5)} if classes else {"alpha": np.logspace(0, 5, 11)}
        scoring = "neg_log_loss" if classes else "neg_mean_squared_error"
        search = GridSearchCV(model, grid, cv=GroupKFold(count), scoring=scoring)
        best = search.fit(table, target, groups=groups).best_estimator_
        weight, bias = np.atleast_2d(best.coef_), np.atleast_1d(best.intercept_)
        if classes == 2:  # scikit-learn keeps one row for two classes
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        self._arrays |= {"weight": weight, "bias": bias}

    def predict(self, records: Records) -> dict[str, Array]:
        """Return the scores, or the class scores."""
        output = self._standardised(records) @ self._arrays["weight"].T + self._arrays["bias"]
        return {"scores": output} if self.context.classes else {"value": output[:, 0]}


class NeighbourProbe(_Probe):
    """The k nearest training clips by cosine similarity: mean score, or vote weighted by similarity."""

    SETTINGS: ClassVar[type[MethodConfig]] = NeighbourSettings
    settings: NeighbourSettings

    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Keep the training clips' features; see :class:`stages.engine.method.Estimator`."""
        table = self._standardised(train, fit=True)
        self._arrays |= {"features": _unit(table), "target": np.asarray(target, dtype=np.float64)}

    def predict(self, records: Records) -> dict[str, Array]:
        """Return the scores, or the class votes."""
        similarity = _unit(self._standardised(records)) @ self._arrays["features"].T
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : self.settings.neighbours]
        target = self._arrays["target"][nearest]
        if not self.context.classes:
            return {"value": target.mean(axis=1)}
        weight = np.exp(np.take_along_axis(similarity, nearest, axis=1) / 0.1)
        votes = [(weight * (target == label)).sum(axis=1) for label in range(self.context.classes)]
        return {"scores": np.stack(votes, axis=1)}


def _unit(table: Array) -> Array:
    return table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
