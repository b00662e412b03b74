"""Pseudo-labels by nearest neighbours in the embedding space (Iscen et al.'s idea as S4AQA compares with it).

An unlabelled clip is taught the mean score of the labelled clips whose present representations are nearest to its own, with half the
weight of a real label.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from stages.engine.batch import Batch
from stages.engine.method import MethodConfig, Phase, Sets, Step
from stages.engine.streams import Stream
from stages.engine.training import TrainingConfig
from stages.finetune.methods.segments import SegmentSettings
from stages.finetune.methods.semi_supervised import SemiSupervised


class Settings(SegmentSettings):
    """Settings of the method; the weight is S4AQA's."""

    weight: float = Field(0.5, ge=0)
    """Of unlabelled clips."""
    neighbours: int = Field(5, ge=1)
    """k."""


class PseudoLabels(SemiSupervised):
    """S4AQA's encoder and regressor on true and pseudo-labels."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    known: Batch

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return both streams, and keep all labelled clips at hand: they are the neighbours."""
        self.known = sets["train"].take(range(len(sets["train"])))
        return super().streams(sets, phase, training)

    def semi_step(self, labelled: Batch, unlabelled: Batch) -> Step:
        """Return the regression loss on labels and on pseudo-labels."""
        ours, theirs = self.encoder([(self.encoder.values(batch), batch) for batch in (labelled, unlabelled)])
        regression = self.regression_loss(ours, labelled)
        guessed = F.mse_loss(self.regressor(theirs), self.pseudo_labels(unlabelled))
        return Step({"main": regression + self.settings.weight * guessed}, {"regression": regression, "pseudo": guessed})

    @torch.no_grad()
    def pseudo_labels(self, unlabelled: Batch) -> Tensor:
        """Return the mean score (N,) of each clip's nearest labelled clips; representations are those of the network at test."""
        known = self.known.to(unlabelled.mask.device)
        assert known.target is not None
        training = self.training
        self.eval()
        distances = torch.cdist(self.represent(unlabelled), self.represent(known))
        self.train(training)
        nearest = distances.topk(min(self.settings.neighbours, len(known)), dim=1, largest=False).indices
        return known.target[nearest].mean(dim=1)
