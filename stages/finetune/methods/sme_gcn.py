"""SME-GCN for assessment: a skeleton encoder and a linear regressor (2M-AF, section 3.2).

From scratch (no ``--init``), fine-tuned (``--init ENCODER``) or frozen (``--init ENCODER --set settings.freeze=true``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.spec import PoseSpec
from stages.engine.batch import Batch
from stages.engine.method import Context, Phase, Step
from stages.engine.training import TrainingConfig
from stages.finetune.methods.skeleton import SkeletonAssessor, SkeletonSettings


class SMEGCN(SkeletonAssessor):
    """Encoder + fully connected layer."""

    SETTINGS: ClassVar = SkeletonSettings
    TRAINING: ClassVar = TrainingConfig(epochs=60, batch_size=16, optimiser="adamw", lr=3e-3, weight_decay=1e-2, schedule="cosine")

    def __init__(self, settings: SkeletonSettings, context: Context, encoder: PoseSpec) -> None:
        super().__init__(settings, context, encoder)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(self.dimensions, context.classes or 1)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the regression (equation 6) or classification loss of one batch."""
        batch = self.augmented(batches["train"])
        output = self.head(self.dropout(self.embed(batch)))
        assert batch.target is not None
        if self.context.classes:
            return Step({"main": F.cross_entropy(output, batch.target)})
        return Step({"main": self.regression_loss(output[:, 0], batch.target)})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, or the class scores."""
        output = self.head(self.embed(batch))
        return {"scores": output} if self.context.classes else {"value": output[:, 0]}
