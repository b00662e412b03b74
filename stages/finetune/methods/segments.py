"""What methods on segment features share: S4AQA's encoder and regressor, which the methods it is compared with have as well.

The encoder is :mod:`stages.encoders.segments`, the regressor two fully connected layers with a ReLU (equation 2); its 256 units are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from stages.encoders.segments import SegmentInputs
from stages.encoders.spec import SegmentSpec
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import Inputs
from stages.engine.method import Assessor, Context, MethodConfig, feature_inputs
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig


class SegmentSettings(SegmentInputs):
    """Settings of the encoder and the regressor."""

    hidden: int = Field(256, ge=1)
    """Units of the regressor, and of the other heads."""


class Regressor(nn.Module):
    """f (N, D) → scores (N,): two fully connected layers with a ReLU between them."""

    def __init__(self, dimensions: int, hidden: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(dimensions, hidden), nn.Linear(hidden, 1)

    def penultimate(self, values: Tensor) -> Tensor:
        """Return the vector (N, H) before the last layer."""
        hidden: Tensor = self.first(values).relu()
        return hidden

    def forward(self, values: Tensor) -> Tensor:
        """Return the scores."""
        scores: Tensor = self.last(self.penultimate(values))[:, 0]
        return scores


class SegmentAssessor(Assessor):
    """Segment features → the encoder's intermediate feature f → the regressor."""

    SETTINGS: ClassVar[type[MethodConfig]] = SegmentSettings
    TRAINING: ClassVar = TrainingConfig(epochs=1000, batch_size=32, optimiser="adam", lr=5e-4, weight_decay=1e-4)
    TARGET: ClassVar = TargetConfig(scaling="range-5")
    uses_encoder: ClassVar = "features"

    def __init__(self, settings: SegmentSettings, context: Context, encoder: SegmentSpec) -> None:
        super().__init__()
        self.settings: Any = settings
        self.context = context
        self.inputs = Inputs(features=feature_inputs(type(self), settings, context))
        self.encoder = encoder.build()
        self.dimensions = self.encoder.dimensions
        self.regressor = Regressor(self.dimensions, settings.hidden)

    @classmethod
    def consumes(cls, settings: SegmentSettings) -> tuple[str, ...]:
        """Return the kinds of features."""
        return settings.roles()

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' segments."""
        self.encoder.measure(train)

    def encode(self, values: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return f (N, D) of standardised features by role."""
        f: Tensor = self.encoder([(values, batch)])[0]
        return f

    def represent(self, batch: Batch) -> Tensor:
        """Return f; see :class:`stages.engine.method.Assessor`."""
        return self.encode(self.encoder.values(batch), batch)

    def forward(self, batch: Batch) -> Tensor:
        """Return the scores (N,)."""
        scores: Tensor = self.regressor(self.represent(batch))
        return scores

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score."""
        return {"value": self(batch)}
