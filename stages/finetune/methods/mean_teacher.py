"""Mean Teacher (Tarvainen and Valpola, NeurIPS 2017): agreement with an average of one's former selves.

The teacher's weights follow the student's by an exponential average.  Both see every clip with noise of their own; the student is to
say what the teacher says.  The teacher predicts.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from stages.encoders.spec import SegmentSpec
from stages.engine.batch import Batch
from stages.engine.method import Context, MethodConfig, Phase, Sets, Step
from stages.engine.streams import Stream
from stages.engine.training import TrainingConfig
from stages.finetune.methods.segments import SegmentSettings
from stages.finetune.methods.semi_supervised import SemiSupervised


class Settings(SegmentSettings):
    """Settings of the method; the paper's for little data where it gives any."""

    weight: float = Field(1.0, ge=0)
    """Of the disagreement, once it has grown."""
    grow_epochs: int = Field(20, ge=0)
    """Epochs over which the weight grows from 0 (exp(-5 (1 - t)²))."""
    momentum: float = Field(0.99, ge=0, lt=1)
    """How much of the teacher stays at each step."""
    noise: float = Field(0.15, ge=0)
    """Standard deviation of the noise on the standardised features."""


class MeanTeacher(SemiSupervised):
    """A student and a teacher, each S4AQA's encoder and regressor."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    taken: Tensor

    def __init__(self, settings: Settings, context: Context, encoder: SegmentSpec) -> None:
        super().__init__(settings, context, encoder)
        self.teacher_encoder, self.teacher_regressor = copy.deepcopy(self.encoder), copy.deepcopy(self.regressor)
        self.teacher_encoder.requires_grad_(False)
        self.teacher_regressor.requires_grad_(False)
        self.register_buffer("taken", torch.zeros((), dtype=torch.long))
        self.steps_per_epoch = 1

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return both streams; their length tells how far the training is."""
        streams = super().streams(sets, phase, training)
        self.steps_per_epoch = next(iter(streams.values())).steps
        return streams

    def semi_step(self, labelled: Batch, unlabelled: Batch) -> Step:
        """Return the regression loss and the disagreement on all clips."""
        if self.training:
            self.follow()
        both = (labelled, unlabelled)
        seen = self.encoder([(self._noisy(batch), batch) for batch in both])
        regression = self.regression_loss(seen[0], labelled)
        disagreement = torch.stack([self.disagreement(f, batch) for f, batch in zip(seen, both, strict=True)]).mean()
        loss = regression + self.settings.weight * self._grown() * disagreement
        self.taken += int(self.training)
        return Step({"main": loss}, {"regression": regression, "disagreement": disagreement})

    def disagreement(self, f: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared difference of what the student, with intermediate feature f (N, D), and the teacher say."""
        with torch.no_grad():
            said = self.teacher(self._noisy(batch), batch)
        return F.mse_loss(self.regressor(f), said)

    def teacher(self, values: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the teacher's scores (N,)."""
        scores: Tensor = self.teacher_regressor(self.teacher_encoder([(values, batch)])[0])
        return scores

    @torch.no_grad()
    def follow(self) -> None:
        """Move the teacher towards the student; at first faster, so that it forgets the initial weights."""
        momentum = min(self.settings.momentum, 1 - 1 / (int(self.taken) + 1))
        own = [*self.encoder.state_dict().values(), *self.regressor.state_dict().values()]
        followed = [*self.teacher_encoder.state_dict().values(), *self.teacher_regressor.state_dict().values()]
        for teacher, student in zip(followed, own, strict=True):
            if teacher.is_floating_point():
                teacher.mul_(momentum).add_(student, alpha=1 - momentum)

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the teacher's score."""
        return {"value": self.teacher(self.encoder.values(batch), batch)}

    def _noisy(self, batch: Batch) -> dict[str, Tensor]:
        return {role: values + self.settings.noise * torch.randn_like(values) for role, values in self.encoder.values(batch).items()}

    def _grown(self) -> float:
        done = int(self.taken) / max(1, self.settings.grow_epochs * self.steps_per_epoch)
        return math.exp(-5 * (1 - min(1.0, done)) ** 2) if self.settings.grow_epochs else 1.0
