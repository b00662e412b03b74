"""What the assessors share that look at joints drawn as heat maps: their settings, their loss and their predictions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from stages.engine.augment import Augmentation, augment
from stages.engine.batch import Batch
from stages.engine.method import Assessor, Context, MethodConfig, Phase, Step
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import layout_named


class DrawnSettings(MethodConfig):
    """Settings of the poses."""

    input: PoseInput = PoseInput()
    augmentation: Augmentation = Augmentation()

    @field_validator("input")
    @classmethod
    def _positions(cls, value: PoseInput) -> PoseInput:
        if value.stream != "joint":
            raise ValueError(f"heat maps are drawn of positions, so input.stream must be 'joint', not '{value.stream}'")
        return value


class DrawnAssessor(Assessor):
    """Heat maps (and whatever else) → a representation → a head, trained by mean squared error or cross-entropy."""

    head: nn.Module

    def __init__(self, settings: DrawnSettings, context: Context) -> None:
        super().__init__()
        self.settings: Any = settings
        self.context = context

    @abstractmethod
    def embed(self, batch: Batch) -> Tensor:
        """Return what the head sees of each clip, (N, D)."""

    def forward(self, batch: Batch) -> Tensor:
        """Return the score (N, 1), or the class scores (N, classes)."""
        return torch.as_tensor(self.head(self.embed(batch)))

    def represent(self, batch: Batch) -> Tensor:
        """Return what the head sees; see :class:`stages.engine.method.Assessor`."""
        return self.embed(batch)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the regression or classification loss of one batch."""
        batch = self._augmented(batches["train"])
        assert batch.target is not None
        output = self(batch)
        loss = F.cross_entropy(output, batch.target) if self.context.classes else F.mse_loss(output[:, 0], batch.target)
        return Step({"main": loss})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, or the class scores."""
        output = self(batch)
        return {"scores": output} if self.context.classes else {"value": output[:, 0]}

    def _augmented(self, batch: Batch) -> Batch:
        if self.inputs.poses is None:
            return batch
        return augment(batch, self.settings.augmentation, self.inputs.poses, layout_named(self.context.skeleton))
