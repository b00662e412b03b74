"""What methods on segment features share: S4AQA's encoder and regressor, which the methods it is compared with have as well.

The encoder is three temporal convolutions with ReLU, batch norm and dropout (S4AQA, equation 1), the regressor two fully connected layers
with a ReLU (equation 2).  RGB and optical flow have an encoder each, whose outputs are concatenated (section IV-D).  The paper gives
neither widths nor kernels: ours are three segments, 512, 256 and 128 channels, and 256 units in the regressor.  The intermediate
feature f is the last convolution's output over all segments, laid out flat, so that the place of a segment is not lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from stages.encoders.real_frames import as_factor
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs
from stages.engine.method import Assessor, Context, MethodConfig, feature_inputs
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.finetune.methods.layers import Standardise

ROLES = ("features", "flow")


class SegmentSettings(MethodConfig):
    """Settings of the encoder and the regressor."""

    features: FeatureInput = FeatureInput()
    flow: FeatureInput | None = None
    """A second set of features, such as those of optical flow, with an encoder of its own; None for one alone."""
    channels: tuple[int, ...] = Field((512, 256, 128), min_length=1)
    """Of the encoder's convolutions."""
    kernel: int = Field(3, ge=1)
    """Segments that a convolution spans, an odd number."""
    hidden: int = Field(256, ge=1)
    """Units of the regressor, and of the other heads."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Behind every convolution."""


class SegmentEncoder(nn.Module):
    """Segment features (N, S, D) and their mask (N, S) → the intermediate feature f (N, S × C).

    Segments beyond the clip are zero before every convolution and in the result.
    """

    def __init__(self, inputs: int, settings: SegmentSettings) -> None:
        super().__init__()
        sizes = [inputs, *settings.channels]
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(before, after, settings.kernel, padding=settings.kernel // 2),
                nn.ReLU(),
                nn.BatchNorm1d(after),
                nn.Dropout(settings.dropout),
            )
            for before, after in pairwise(sizes)
        )

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return f."""
        x = values.transpose(1, 2)
        for layer in self.layers:
            x = layer(x * as_factor(mask, x))
        return (x * as_factor(mask, x)).transpose(1, 2).flatten(1)


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
    """Segment features, standardised by the training clips → an encoder each → f → the regressor."""

    SETTINGS: ClassVar[type[MethodConfig]] = SegmentSettings
    TRAINING: ClassVar = TrainingConfig(epochs=1000, batch_size=32, optimiser="adam", lr=5e-4, weight_decay=1e-4)
    TARGET: ClassVar = TargetConfig(scaling="range-5")

    def __init__(self, settings: SegmentSettings, context: Context) -> None:
        super().__init__()
        self.settings: Any = settings
        self.context = context
        self.inputs = Inputs(features=feature_inputs(type(self), settings, context))
        self.roles = self.consumes(settings)
        sizes = {role: int(np.prod(context.features[role][1:])) for role in self.roles}
        self.segments = {role: context.features[role][0] for role in self.roles}
        self.standardise = nn.ModuleDict({role: Standardise(size) for role, size in sizes.items()})
        self.encoders = nn.ModuleDict({role: SegmentEncoder(sizes[role], settings) for role in self.roles})
        self.sizes = sizes
        self.parts = {role: self.segments[role] * settings.channels[-1] for role in self.roles}
        self.dimensions = sum(self.parts.values())
        self.regressor = Regressor(self.dimensions, settings.hidden)

    @classmethod
    def consumes(cls, settings: SegmentSettings) -> tuple[str, ...]:
        """Return the sets of features."""
        return ROLES if settings.flow is not None else ROLES[:1]

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' segments."""
        for role, standardise in self.standardise.items():
            features = train.features[role]
            standardise.measure(features.values[:, 0][features.mask].flatten(1))  # type: ignore[operator]

    def values(self, batch: Batch, view: int = 0) -> dict[str, Tensor]:
        """Return the standardised features of a view by role, (N, S, D); segments beyond the clip are zero."""
        found = {}
        for role in self.roles:
            features = batch.features[role]
            found[role] = self.standardise[role](features.values[:, view].flatten(2)) * features.mask[:, :, None]
        return found

    def encode(self, values: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return f (N, D) of features by role."""
        return self.encode_together([(values, batch)])[0]

    def encode_together(self, parts: Sequence[tuple[Mapping[str, Tensor], Batch]]) -> list[Tensor]:
        """Return f (N, D) of each part.

        All go through the encoder as one batch: batch norm, were it to see each part by itself, would take away what they differ in.
        """
        found = []
        for role in self.roles:
            mask = torch.cat([batch.features[role].mask for _, batch in parts])
            found.append(self.encoders[role](torch.cat([values[role] for values, _ in parts]), mask))
        return list(torch.split(torch.cat(found, dim=1), [len(batch) for _, batch in parts]))

    def by_role(self, f: Tensor) -> dict[str, Tensor]:
        """Return what each encoder contributed to f."""
        return dict(zip(self.roles, torch.split(f, list(self.parts.values()), dim=1), strict=True))

    def represent(self, batch: Batch) -> Tensor:
        """Return f; see :class:`stages.engine.method.Assessor`."""
        return self.encode(self.values(batch), batch)

    def forward(self, batch: Batch) -> Tensor:
        """Return the scores (N,)."""
        scores: Tensor = self.regressor(self.represent(batch))
        return scores

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score."""
        return {"value": self(batch)}
