"""DAE: a clip's score as a Gaussian (Zhang et al., *Auto-Encoding Score Distribution Regression*, arXiv 2111.11029).

A perceptron on the mean of a clip's segment features (256 and 128 units in the authors' code) tells a mean and the logarithm of a variance;
a score is drawn from them by reparametrisation, mean + deviation × noise.  That is DAE-MLP, ``dae``.

Two losses are published.  The paper's learns the deviation by a likelihood, α (s - mean)² / variance + β ln variance, α = .6 and β = .4 in
the authors' code, and is the default.  The one that this code trains with, (s - drawn score)² + (s - mean)², has its minimum where the
deviation is 0.  By the first, the deviation comes to √(α / β) = 1.22 times the error.

DAE-CoRe, ``dae-core``, is what the authors reach most with: the Gaussian is of the difference between a clip and an exemplar
(:mod:`stages.finetune.methods.exemplars`).  Its code is not published; ours is this encoder in the place of CoRe's tree.

The authors predict a score drawn anew at test.  Ours is the mean, and one deviation below and above it are kept with the predictions.
Features stay as they are, standardised by the training clips; scores are standardised, where the authors take them raw; the variance's
logarithm keeps within ±4, between .14 and 7.4 deviations of the scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from stages.engine.batch import Batch
from stages.engine.inputs import FeatureInput
from stages.engine.method import Context, MethodConfig, Phase, Step
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.exemplars import ExemplarAssessor, ExemplarSettings
from stages.finetune.methods.features import MeanFeaturePerceptron, perceptron

WIDEST = 4.0
"""Bound of the variance's logarithm, either way: a likelihood has none, and where features fit the training clips perfectly it explodes."""


class GaussianSettings(MethodConfig):
    """Settings of the encoder and its loss; the defaults are those of the authors' code."""

    hidden: tuple[int, ...] = (256, 128)
    dropout: float = Field(0.0, ge=0, lt=1)
    """Before every layer."""
    loss: Literal["likelihood", "squares"] = "likelihood"
    """The paper's, or the one that the authors' code trains with."""
    error_weight: float = Field(0.6, gt=0)
    """α of the likelihood."""
    variance_weight: float = Field(0.4, gt=0)
    """β of the likelihood."""


class Settings(GaussianSettings):
    """Settings of DAE-MLP."""

    features: FeatureInput = FeatureInput()


class CoReSettings(GaussianSettings, ExemplarSettings):
    """Settings of DAE-CoRe."""


class DAE(MeanFeaturePerceptron):
    """Mean feature → mean and logarithm of the variance of the score, (N, 2)."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=100, batch_size=8, optimiser="adam", lr=1e-4, weight_decay=1e-5)
    TARGET: ClassVar = TargetConfig(scaling="standardise")

    def __init__(self, settings: Settings, context: Context) -> None:
        if context.classes:
            raise UsageError("DAE predicts scores only.", hint="--task score")
        super().__init__(settings, context, 2)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the loss of one batch, and the mean deviation."""
        batch = batches["train"]
        assert batch.target is not None
        return gaussian_step(*split(self(batch)), batch.target, self.settings)

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the mean, and one deviation below and above it."""
        mean, log_variance = split(self(batch))
        return around(mean, log_variance.exp())


class DAECoRe(ExemplarAssessor):
    """Pairs of mean features → mean and logarithm of the variance of the difference of their scores."""

    SETTINGS: ClassVar[type[MethodConfig]] = CoReSettings
    TRAINING: ClassVar = TrainingConfig(epochs=100, batch_size=8, optimiser="adam", lr=1e-4, weight_decay=1e-5)
    TARGET: ClassVar = TargetConfig(scaling="standardise")
    NAME: ClassVar = "DAE-CoRe"

    def __init__(self, settings: CoReSettings, context: Context) -> None:
        super().__init__(settings, context)
        self.layers = perceptron([self.pair_size, *settings.hidden], 2, settings.dropout)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the loss of the pairs and their reverses, and the mean deviation."""
        pairs, difference = self.both_ways(batches["train"])
        return gaussian_step(*split(self.layers(pairs)), difference, self.settings)

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the mean of the votes; the deviation is that of the mixture of all votes' Gaussians."""
        pairs, score, weights = self.comparisons(batch, reference)
        mean, log_variance = (part.view(score.shape) for part in split(self.layers(pairs)))
        votes = score + mean
        value = (weights * votes).sum(dim=1)
        spread = log_variance.exp() + (votes - value[:, None]).square()
        return around(value, (weights * spread).sum(dim=1))


def split(told: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the bounded logarithm of the variance, both (N,), of what the layers tell (N, 2)."""
    return told[:, 0], told[:, 1].clamp(-WIDEST, WIDEST)


def gaussian_step(mean: Tensor, log_variance: Tensor, target: Tensor, settings: Any) -> Step:
    """Return the chosen loss of Gaussians, and their mean deviation; (N,) each."""
    deviation = (log_variance / 2).exp()
    if settings.loss == "likelihood":
        loss = likelihood_loss(mean, log_variance, target, settings.error_weight, settings.variance_weight)
    else:
        drawn = mean + deviation * torch.randn_like(mean)
        loss = (drawn - target).square().mean() + (mean - target).square().mean()
    return Step({"main": loss}, {"deviation": deviation.mean()})


def likelihood_loss(mean: Tensor, log_variance: Tensor, target: Tensor, error_weight: float, variance_weight: float) -> Tensor:
    """Return the mean of α (s - mean)² / variance + β ln variance; (N,) each → scalar."""
    return (error_weight * (target - mean).square() * (-log_variance).exp() + variance_weight * log_variance).mean()


def around(value: Tensor, variance: Tensor) -> dict[str, Tensor]:
    """Return a prediction with what lies one deviation below and above it."""
    deviation = variance.sqrt()
    return {"value": value, "value.lower": value - deviation, "value.upper": value + deviation}
