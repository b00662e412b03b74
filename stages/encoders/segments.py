"""S4AQA's encoder of segment features (Zhang et al., equation 1): three temporal convolutions with ReLU, batch norm and dropout.

Each kind of features (RGB, optical flow) goes through convolutions of its own, standardised by the training clips first, and what comes out
of them is concatenated (section IV-D).  The paper gives neither widths nor kernels: ours are three segments, and 512, 256 and 128
channels.  The intermediate feature f is the last convolution's output over all segments, laid out flat, so that the place of a segment
is not lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from stages.configuration import Config
from stages.encoders.real_frames import as_factor
from stages.encoders.standardise import Standardise
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput
from stages.engine.method import MethodConfig

ROLES = ("features", "flow")

Values = Mapping[str, Tensor]
"""Role → standardised features (N, S, D); segments beyond a clip are zero."""


class SegmentsConfig(Config):
    """Sizes of the encoder."""

    channels: tuple[int, ...] = Field((512, 256, 128), min_length=1)
    """Of the convolutions."""
    kernel: int = Field(3, ge=1)
    """Segments that a convolution spans, an odd number."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Behind every convolution."""


class SegmentInputs(MethodConfig, SegmentsConfig):
    """What the settings of every method around this encoder hold."""

    features: FeatureInput = FeatureInput()
    flow: FeatureInput | None = None
    """A second set of features, such as those of optical flow, with convolutions of its own; None for one alone."""

    def roles(self) -> tuple[str, ...]:
        """Return the kinds of features."""
        return ROLES if self.flow is not None else ROLES[:1]


class SegmentConvolutions(nn.Module):
    """Segment features (N, S, D) and their mask (N, S) → (N, S × C).

    Segments beyond the clip are zero before every convolution and in the result.
    """

    def __init__(self, inputs: int, config: SegmentsConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(before, after, config.kernel, padding=config.kernel // 2),
                nn.ReLU(),
                nn.BatchNorm1d(after),
                nn.Dropout(config.dropout),
            )
            for before, after in pairwise([inputs, *config.channels])
        )

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return this kind's part of f."""
        x = values.transpose(1, 2)
        for layer in self.layers:
            x = layer(x * as_factor(mask, x))
        return (x * as_factor(mask, x)).transpose(1, 2).flatten(1)


class SegmentEncoder(nn.Module):
    """Features by role → f (N, D).

    Attributes:
        roles: the kinds of features, in the order of their parts of f.
        segments: role → S.
        sizes: role → D of a segment.
        parts: role → numbers of f.
        dimensions: D of f.
    """

    SETTINGS: ClassVar = SegmentsConfig

    def __init__(self, config: SegmentsConfig, sizes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.roles = tuple(sizes)
        self.segments = {role: size[0] for role, size in sizes.items()}
        self.sizes = {role: int(np.prod(size[1:])) for role, size in sizes.items()}
        self.parts = {role: count * config.channels[-1] for role, count in self.segments.items()}
        self.dimensions = sum(self.parts.values())
        self.standardise = nn.ModuleDict({role: Standardise(size) for role, size in self.sizes.items()})
        self.convolutions = nn.ModuleDict({role: SegmentConvolutions(size, config) for role, size in self.sizes.items()})

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' segments."""
        for role, standardise in self.standardise.items():
            features = train.features[role]
            standardise.measure(features.values[:, 0][features.mask].flatten(1))  # type: ignore[operator]

    def values(self, batch: Batch, view: int = 0) -> dict[str, Tensor]:
        """Return the standardised features of a view."""
        found = {}
        for role in self.roles:
            features = batch.features[role]
            found[role] = self.standardise[role](features.values[:, view].flatten(2)) * features.mask[:, :, None]
        return found

    def forward(self, parts: Sequence[tuple[Values, Batch]]) -> list[Tensor]:
        """Return f (N, D) of each part, which is standardised features and the batch that they are of.

        All go through the convolutions as one batch: batch norm, were it to see each part by itself, would take away what they differ in.
        """
        found = []
        for role in self.roles:
            mask = torch.cat([batch.features[role].mask for _, batch in parts])
            found.append(self.convolutions[role](torch.cat([values[role] for values, _ in parts]), mask))
        return list(torch.split(torch.cat(found, dim=1), [len(batch) for _, batch in parts]))

    def by_role(self, f: Tensor) -> dict[str, Tensor]:
        """Return each kind's part of f."""
        return dict(zip(self.roles, torch.split(f, list(self.parts.values()), dim=1), strict=True))
