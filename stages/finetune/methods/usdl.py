"""USDL: uncertainty-aware score distribution learning (Tang et al., CVPR 2020), on the mean of a clip's segment features.

The score becomes a Gaussian over bins; three fully connected layers predict the distribution, and the Kullback-Leibler divergence is the
loss.  The prediction is the bin with the largest probability, as published, or the distribution's mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from stages.engine.batch import Batch
from stages.engine.inputs import FeatureInput
from stages.engine.method import Context, MethodConfig, Phase, Step
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.features import MeanFeaturePerceptron

TOP = 100.0
"""Scores lie from 0 to here."""


class Settings(MethodConfig):
    """Settings of the method; the defaults are the paper's."""

    features: FeatureInput = FeatureInput()
    hidden: tuple[int, ...] = (256, 128)
    dropout: float = Field(0.0, ge=0, lt=1)
    """Before every layer."""
    bins: int = Field(101, ge=2)
    """At even distances from 0 to 100, the lowest and the highest training score."""
    sigma: float = Field(5.0, gt=0)
    """Standard deviation of a score's Gaussian, in hundredths of the range."""
    predict: Literal["argmax", "mean"] = "argmax"


def score_distribution(scores: Tensor, places: Tensor, sigma: float) -> Tensor:
    """Return the Gaussian around each score (…,) at the places (bins,), with sum 1 (the paper's equation 1), (…, bins)."""
    density = torch.exp(-(places - scores[..., None]).square() / (2 * sigma**2))
    return density / density.sum(dim=-1, keepdim=True)


class USDL(MeanFeaturePerceptron):
    """Mean feature → the logits (N, bins) of a distribution over scores."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=100, batch_size=20, optimiser="adam", lr=1e-4, weight_decay=1e-5)
    TARGET: ClassVar = TargetConfig(scaling="range-100")
    places: Tensor

    def __init__(self, settings: Settings, context: Context) -> None:
        if context.classes:
            raise UsageError("USDL predicts scores only.", hint="--task score")
        super().__init__(settings, context, settings.bins)
        self.register_buffer("places", torch.linspace(0, TOP, settings.bins), persistent=False)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the Kullback-Leibler divergence of one batch."""
        batch = batches["train"]
        assert batch.target is not None
        return Step({"main": F.kl_div(self(batch).log_softmax(dim=1), self.distribution(batch.target), reduction="batchmean")})

    def distribution(self, scores: Tensor) -> Tensor:
        """Return the Gaussian of each score over the bins, (N, bins), with sum 1 (the paper's equation 1)."""
        return score_distribution(scores, self.places, self.settings.sigma)

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score of the most probable bin, or the mean."""
        probabilities = self(batch).softmax(dim=1)
        if self.settings.predict == "argmax":
            return {"value": self.places[probabilities.argmax(dim=1)]}
        return {"value": probabilities @ self.places}
