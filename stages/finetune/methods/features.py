"""Regression on what a video network saw: the mean over a clip's segments, and a classical regressor or a few layers.

The mean feature and a regressor is the first baseline of most papers on video (C3D-SVR and its kin), and a stream by itself of those
that fuse modalities.  Features with further dimensions (maps, patches) are taken as one long vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.arrays import Array
from stages.encoders.standardise import Standardise
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs, segments
from stages.engine.method import Assessor, Context, MethodConfig, Phase, Step, feature_inputs
from stages.engine.records import Records
from stages.engine.training import TrainingConfig
from stages.finetune.methods import regressors
from stages.finetune.methods.losses import regression_loss

ROLE = "features"
StatisticName = Literal["mean", "std", "change"]


def _change(values: Array) -> Array:
    return np.abs(np.diff(values, axis=0, append=values[-1:])).sum(axis=0) / max(len(values) - 1, 1)


STATISTICS: Mapping[StatisticName, Callable[[Array], Array]] = {
    "mean": lambda values: np.asarray(values.mean(axis=0)),
    "std": lambda values: np.asarray(values.std(axis=0)),
    "change": _change,
}
"""Of a clip's features (S, D, …) → (D, …)."""


class Settings(regressors.RegressorSettings):
    """Settings of ridge and SVR."""

    features: FeatureInput = FeatureInput()
    statistics: tuple[StatisticName, ...] = Field(("mean",), min_length=1)
    """What is taken of each number over the segments: its mean, its deviation, or its mean change from one to the next."""


class SVRSettings(Settings, regressors.SVRSettings):
    """Settings of the SVR."""


class FeatureTable(regressors.TableRegressor):
    """Statistics over the segments of the clip itself as the table."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    settings: Settings

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return that only features are taken."""
        return (ROLE,)

    def table(self, records: Records) -> Array:
        """Return the statistics one after the other, (N, statistics · D)."""
        rows = []
        for record in records:
            values, real = segments(record.features(), self.settings.features)
            rows.append(np.concatenate([STATISTICS[name](values[0][real]).ravel() for name in self.settings.statistics]))
        return np.stack(rows).astype(np.float64)


class FeaturesRidge(FeatureTable, regressors.Ridge):
    """Ridge regression on features."""


class FeaturesSVR(FeatureTable, regressors.SVR):
    """Support vector regression on features."""

    SETTINGS: ClassVar[type[MethodConfig]] = SVRSettings
    settings: SVRSettings


class MLPSettings(MethodConfig):
    """Settings of the perceptron."""

    features: FeatureInput = FeatureInput()
    hidden: tuple[int, ...] = (128,)
    """Sizes of the hidden layers; none makes the regressor linear."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Before every layer."""
    loss: Literal["mse", "mae", "mse+mae"] = "mse"


def perceptron(sizes: Sequence[int], outputs: int, dropout: float) -> nn.Sequential:
    """Return fully connected layers with ReLU between them and dropout before each."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Dropout(dropout), nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(sizes[-1], outputs))


class MeanFeatureAssessor(Assessor):
    """What sees a clip's standardised mean feature, (N, D); its settings have ``features``."""

    def __init__(self, settings: Any, context: Context) -> None:
        super().__init__()
        self.settings, self.context = settings, context
        self.inputs = Inputs(features=feature_inputs(type(self), settings, context))
        self.size = int(np.prod(context.features[ROLE][1:]))
        self.standardise = Standardise(self.size)

    @classmethod
    def consumes(cls, settings: Any) -> tuple[str, ...]:
        """Return that only features are taken."""
        return (ROLE,)

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' features."""
        self.standardise.measure(train.features[ROLE].mean().flatten(1))

    def seen(self, batch: Batch) -> Tensor:
        """Return the standardised mean feature (N, D) of each clip."""
        values: Tensor = self.standardise(batch.features[ROLE].mean().flatten(1))
        return values


class MeanFeaturePerceptron(MeanFeatureAssessor):
    """A multi-layer perceptron on a clip's mean feature, (N, outputs); its settings also have ``hidden`` and ``dropout``."""

    def __init__(self, settings: Any, context: Context, outputs: int) -> None:
        super().__init__(settings, context)
        self.layers = perceptron([self.size, *settings.hidden], outputs, settings.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Return the outputs."""
        return torch.as_tensor(self.layers(self.seen(batch)))


class FeaturesMLP(MeanFeaturePerceptron):
    """The perceptron for scores (N, 1), levels and actions (N, classes)."""

    SETTINGS: ClassVar[type[MethodConfig]] = MLPSettings
    TRAINING: ClassVar = TrainingConfig(epochs=60, batch_size=16, optimiser="adamw", lr=1e-3, weight_decay=1e-2, schedule="cosine")

    def __init__(self, settings: MLPSettings, context: Context) -> None:
        super().__init__(settings, context, context.classes or 1)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the regression or classification loss of one batch."""
        batch = batches["train"]
        assert batch.target is not None
        output = self(batch)
        if self.context.classes:
            return Step({"main": F.cross_entropy(output, batch.target)})
        return Step({"main": regression_loss(output[:, 0], batch.target, self.settings.loss)})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, or the class scores."""
        output = self(batch)
        return {"scores": output} if self.context.classes else {"value": output[:, 0]}
