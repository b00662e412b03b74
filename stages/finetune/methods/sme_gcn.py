"""SME-GCN for assessment: a skeleton encoder and a linear regressor (2M-AF, section 3.2).

From scratch (no ``--init``), fine-tuned (``--init ENCODER``) or frozen (``--init ENCODER --set settings.freeze=true``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.spec import EncoderSpec
from stages.engine.augment import Augmentation, augment
from stages.engine.batch import Batch
from stages.engine.inputs import Inputs
from stages.engine.method import Assessor, Context, MethodConfig, Phase, Step
from stages.engine.training import TrainingConfig
from stages.finetune.methods.losses import regression_loss
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import layout_named


class Settings(MethodConfig):
    """Settings of the method; the paper gives the loss, the rest is ours."""

    encoder: str = "ctr-gcn"
    encoder_settings: dict[str, Any] = {}
    input: PoseInput = PoseInput()
    freeze: bool = False
    """Keep the encoder as it was initialised and train the regressor alone."""
    encoder_lr: float = Field(1.0, gt=0)
    """Factor on the learning rate of the encoder (below 1 to fine-tune gently)."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Before the linear layer."""
    loss: Literal["mse", "mae", "mse+mae"] = "mse+mae"
    """Regression loss (table 9); ``mse+mae`` is the paper's choice."""
    mse_weight: float = Field(1.0, ge=0)
    """λ1 of equation 6."""
    mae_weight: float = Field(1.0, ge=0)
    """λ2 of equation 6."""
    augmentation: Augmentation = Augmentation()


class SMEGCN(Assessor):
    """Encoder + fully connected layer."""

    SETTINGS: ClassVar = Settings
    uses_encoder: ClassVar = True
    TRAINING: ClassVar = TrainingConfig(epochs=60, batch_size=16, optimiser="adamw", lr=3e-3, weight_decay=1e-2, schedule="cosine")

    def __init__(self, settings: Settings, context: Context, encoder: EncoderSpec) -> None:
        super().__init__()
        self.settings, self.context, self.spec = settings, context, encoder
        self.inputs = Inputs(poses=encoder.input)
        self.layout = layout_named(encoder.skeleton)
        self.encoder = encoder.build()
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(int(self.encoder.dimensions), context.classes or 1)  # type: ignore[arg-type]
        if settings.freeze:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> SMEGCN:
        """Switch to training; a frozen encoder's batch norms stay as they are."""
        super().train(mode)
        if self.settings.freeze:
            self.encoder.eval()
        return self

    def optimisers(self, phase: Phase) -> dict[str, Iterable[Any]]:
        """Return one optimiser with the encoder's learning rate apart."""
        groups: list[dict[str, Any]] = [{"params": list(self.head.parameters())}]
        if not self.settings.freeze:
            groups.append({"params": list(self.encoder.parameters()), "lr_factor": self.settings.encoder_lr})
        return {"main": groups}

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the regression (equation 6) or classification loss of one batch."""
        batch = augment(batches["train"], self.settings.augmentation, self.layout)
        output = self.head(self.dropout(self.encoder(batch.poses, batch.mask)))
        assert batch.target is not None
        if self.context.classes:
            return Step({"main": F.cross_entropy(output, batch.target)})
        settings = self.settings
        return Step({"main": regression_loss(output[:, 0], batch.target, settings.loss, settings.mse_weight, settings.mae_weight)})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, or the class scores."""
        output = self.head(self.encoder(batch.poses, batch.mask))
        return {"scores": output} if self.context.classes else {"value": output[:, 0]}
