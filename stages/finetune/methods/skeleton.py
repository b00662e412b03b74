"""What methods with a skeleton encoder share: the encoder, whether it is trained and how fast, and the loss of a score."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal, Self

from pydantic import Field
from torch import Tensor

from stages.encoders.spec import EncoderSpec
from stages.engine.augment import Augmentation, augment
from stages.engine.batch import Batch
from stages.engine.inputs import Inputs
from stages.engine.method import Assessor, Context, MethodConfig, Phase
from stages.finetune.methods.losses import regression_loss
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import layout_named


class SkeletonSettings(MethodConfig):
    """Settings of the skeleton stream."""

    encoder: str = "ctr-gcn"
    encoder_settings: dict[str, Any] = {}
    input: PoseInput = PoseInput()
    freeze: bool = False
    """Keep the encoder as it was initialised and train the rest alone."""
    encoder_lr: float = Field(1.0, gt=0)
    """Factor on the learning rate of the encoder (below 1 to fine-tune gently)."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Before the last linear layer."""
    loss: Literal["mse", "mae", "mse+mae"] = "mse+mae"
    """Regression loss (table 9 of 2M-AF); ``mse+mae`` is the paper's choice."""
    mse_weight: float = Field(1.0, ge=0)
    """λ1 of equation 6."""
    mae_weight: float = Field(1.0, ge=0)
    """λ2 of equation 6."""
    augmentation: Augmentation = Augmentation()


class SkeletonAssessor(Assessor):
    """An assessor around a skeleton encoder: from scratch (no ``--init``), fine-tuned, or frozen (``settings.freeze``)."""

    uses_encoder: ClassVar = True

    def __init__(self, settings: SkeletonSettings, context: Context, encoder: EncoderSpec) -> None:
        super().__init__()
        self.settings: Any = settings
        self.context, self.spec = context, encoder
        self.inputs = Inputs(poses=encoder.input)
        self.layout = layout_named(encoder.skeleton)
        self.encoder = encoder.build()
        self.dimensions = int(self.encoder.dimensions)  # type: ignore[arg-type]
        if settings.freeze:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Switch to training; a frozen encoder's batch norms stay as they are."""
        super().train(mode)
        if self.settings.freeze:
            self.encoder.eval()
        return self

    def optimisers(self, phase: Phase) -> dict[str, Iterable[Any]]:
        """Return one optimiser with the encoder's learning rate apart."""
        inside = {id(parameter) for parameter in self.encoder.parameters()}
        groups: list[dict[str, Any]] = [{"params": [parameter for parameter in self.parameters() if id(parameter) not in inside]}]
        if not self.settings.freeze:
            groups.append({"params": list(self.encoder.parameters()), "lr_factor": self.settings.encoder_lr})
        return {"main": groups}

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
