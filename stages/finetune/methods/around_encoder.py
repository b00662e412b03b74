"""What assessors around an encoder share, whatever it sees: whether it is trained, and how fast."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from pydantic import Field
from torch import nn

from stages.engine.method import Assessor, MethodConfig, Phase


class EncoderSettings(MethodConfig):
    """Settings of the encoder."""

    encoder: str
    """Architecture of a fresh encoder; a pretrained one (``--init``) brings its own, and its settings."""
    encoder_settings: dict[str, Any] = {}
    freeze: bool = False
    """Keep the encoder as it was initialised and train the rest alone."""
    encoder_lr: float = Field(1.0, gt=0)
    """Factor on the learning rate of the encoder (below 1 to fine-tune gently)."""


class EncoderAssessor(Assessor):
    """An assessor around an encoder: from scratch (no ``--init``), fine-tuned, or frozen (``settings.freeze``)."""

    SETTINGS: ClassVar[type[MethodConfig]] = EncoderSettings

    settings: Any
    encoder: nn.Module

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
