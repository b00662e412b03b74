"""2M-AF: a skeleton stream and an RGB stream, each with its regressor, and a fusion that picks or joins (2M-AF, section 3.2).

The skeleton stream is an encoder (SME-GCN with ``--init``), the RGB stream the mean of a clip's segment features.  With the
preference fusion, the prediction says which stream it was taken from, how sure the choice was, and what every stream says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from stages.encoders.spec import PoseSpec
from stages.encoders.standardise import Standardise
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs
from stages.engine.method import Context, MethodConfig, Phase, Sets, Step, feature_inputs
from stages.engine.streams import Shuffled, Stream
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods import fusions
from stages.finetune.methods.skeleton import SkeletonAssessor, SkeletonSettings

ROLE = "features"
STREAMS = ("skeleton", "rgb", "both")
"""The candidates of the preference fusion, in order."""


class Settings(SkeletonSettings):
    """Settings of the framework."""

    features: FeatureInput = FeatureInput()
    fusion: fusions.FusionName = "pfm"
    """How the streams become one score (tables 4 and 8); ``simple`` and ``mlp`` are the same."""
    fusion_size: int = Field(128, ge=2)
    """Inner width of the bilinear fusion and of that after FALCONS."""


class TwoModality(SkeletonAssessor):
    """The two streams and their fusion."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=60, batch_size=16, optimiser="adamw", lr=3e-3, weight_decay=1e-2, schedule="cosine")

    def __init__(self, settings: Settings, context: Context, encoder: PoseSpec) -> None:
        if context.classes:
            raise UsageError("2M-AF predicts scores only.", hint="--task score; or --method sme-gcn for levels and actions")
        super().__init__(settings, context, encoder)
        self.inputs = Inputs(encoder.input, feature_inputs(type(self), settings, context))
        size = int(np.prod(context.features[ROLE][1:]))
        self.standardise = Standardise(size)
        self.dropout = nn.Dropout(settings.dropout)
        self.fusion = fusions.build(settings.fusion, self.dimensions, size, settings.fusion_size)

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return that poses and features are taken."""
        return ("poses", ROLE)

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' features."""
        self.standardise.measure(train.features[ROLE].mean().flatten(1))

    def represent(self, batch: Batch) -> Tensor:
        """Return both streams' features side by side."""
        return torch.cat([self.embed(batch), self.standardise(batch.features[ROLE].mean().flatten(1))], dim=1)

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the batches; the batch norms of the fusion after FALCONS cannot take a last batch of one clip."""
        return {"train": Shuffled(sets["train"], training.batch_size, least=2 if self.settings.fusion == "falcons" else 1)}

    def forward(self, batch: Batch) -> fusions.Candidates:
        """Return the candidates' scores (N, K) and the logits of the choice."""
        video = self.standardise(batch.features[ROLE].mean().flatten(1))
        candidates: fusions.Candidates = self.fusion(self.dropout(self.embed(batch)), self.dropout(video))
        return candidates

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the sum of the candidates' regression losses and the loss of the choice (equation 9)."""
        batch = self.augmented(batches["train"])
        scores, logits = self(batch)
        terms = {name: self.regression_loss(scores[:, number], batch.target) for number, name in enumerate(self.names(scores))}
        if logits is not None:
            assert batch.target is not None
            terms["choice"] = fusions.preference_loss(scores, logits, batch.target)
        return Step({"main": torch.stack(list(terms.values())).sum()}, terms if len(terms) > 1 else {})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return ``value``; of the preference fusion also each candidate's ``value.NAME``, which was picked, and how sure that was."""
        scores, logits = self(batch)
        if logits is None:
            return {"value": scores[:, 0]}
        confidence, picked = logits.softmax(dim=1).max(dim=1)
        every = {f"value.{name}": scores[:, number] for number, name in enumerate(self.names(scores))}
        return {"value": scores.gather(1, picked[:, None])[:, 0], **every, "stream": picked.float(), "confidence": confidence}

    def names(self, scores: Tensor) -> tuple[str, ...]:
        """Return the names of the candidates; a fusion into one score has one, ``fused``."""
        return STREAMS[: scores.shape[1]] if scores.shape[1] > 1 else ("fused",)
