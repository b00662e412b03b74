"""What methods with a skeleton encoder share: its input, its augmentation, and the loss of a score."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from stages.encoders.spec import PoseSpec
from stages.engine.augment import Augmentation, augment
from stages.engine.batch import Batch
from stages.engine.inputs import Inputs
from stages.engine.method import Context
from stages.finetune.methods.around_encoder import EncoderAssessor, EncoderSettings
from stages.finetune.methods.losses import regression_loss
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import layout_named


class SkeletonSettings(EncoderSettings):
    """Settings of the skeleton stream."""

    encoder: str = "ctr-gcn"
    input: PoseInput = PoseInput()
    dropout: float = Field(0.0, ge=0, lt=1)
    """Before the last linear layer."""
    loss: Literal["mse", "mae", "mse+mae"] = "mse+mae"
    """Regression loss (table 9 of 2M-AF); ``mse+mae`` is the paper's choice."""
    mse_weight: float = Field(1.0, ge=0)
    """λ1 of equation 6."""
    mae_weight: float = Field(1.0, ge=0)
    """λ2 of equation 6."""
    augmentation: Augmentation = Augmentation()


class SkeletonAssessor(EncoderAssessor):
    """An assessor around a skeleton encoder."""

    uses_encoder: ClassVar = "poses"

    def __init__(self, settings: SkeletonSettings, context: Context, encoder: PoseSpec) -> None:
        super().__init__()
        self.settings = settings
        self.context, self.spec = context, encoder
        self.inputs = Inputs(poses=encoder.input)
        self.layout = layout_named(encoder.skeleton)
        self.encoder = encoder.build()
        self.dimensions = int(self.encoder.dimensions)  # type: ignore[arg-type]
        if settings.freeze:
            self.encoder.requires_grad_(False)

    def augmented(self, batch: Batch) -> Batch:
        """Return a randomly changed copy of a training batch."""
        return augment(batch, self.settings.augmentation, self.spec.input, self.layout)

    def embed(self, batch: Batch) -> Tensor:
        """Return the encoder's representation of each clip, (N, D)."""
        features: Tensor = self.encoder(batch.poses, batch.mask)
        return features

    def represent(self, batch: Batch) -> Tensor:
        """Return the encoder's representation; see :class:`stages.engine.method.Assessor`."""
        return self.embed(batch)

    def regression_loss(self, predicted: Tensor, target: Tensor | None) -> Tensor:
        """Return the loss of scores (N,) as the settings choose it (equation 6)."""
        assert target is not None
        return regression_loss(predicted, target, self.settings.loss, self.settings.mse_weight, self.settings.mae_weight)
