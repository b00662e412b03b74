"""Virtual adversarial training for regression (Miyato et al., TPAMI 2019; as S4AQA compares with it).

An unlabelled clip's features are moved a fixed length in the direction that changes the regressor's penultimate vector most, which stands
for a virtual label; the change is the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from stages.engine.batch import Batch
from stages.engine.method import MethodConfig, Step
from stages.finetune.methods.segments import SegmentSettings
from stages.finetune.methods.semi_supervised import SemiSupervised, deterministic, unit


class Settings(SegmentSettings):
    """Settings of the method; weight and length are S4AQA's."""

    weight: float = Field(1.0, ge=0)
    """Of the virtual adversarial loss."""
    length: float = Field(2.5, gt=0)
    """ε: the length of a clip's perturbation, in units of the standardised features."""
    probe: float = Field(0.1, gt=0)
    """ξ: the length of the small step with which the direction is found."""
    iterations: int = Field(1, ge=1)
    """Of the power method."""


class VAT(SemiSupervised):
    """S4AQA's encoder and regressor with a virtual adversarial loss."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings

    def semi_step(self, labelled: Batch, unlabelled: Batch) -> Step:
        """Return the regression loss and the virtual adversarial one."""
        regression = self.regression_loss(self.represent(labelled), labelled)
        adversarial = self.adversarial_loss(unlabelled)
        return Step({"main": regression + self.settings.weight * adversarial}, {"regression": regression, "adversarial": adversarial})

    def adversarial_loss(self, batch: Batch) -> Tensor:
        """Return the mean squared change of the virtual label under the worst small perturbation."""
        values = self.encoder.values(batch)
        with deterministic(self):
            with torch.no_grad():
                label = self._label(values, batch)
            direction = {role: unit(torch.randn_like(each)) for role, each in values.items()}
            for _ in range(self.settings.iterations):
                direction = self._steeper(values, direction, label, batch)
            moved = {role: values[role] + self.settings.length * direction[role] for role in values}
            return F.mse_loss(self._label(moved, batch), label)

    def _steeper(self, values: Mapping[str, Tensor], direction: Mapping[str, Tensor], label: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Take a step of the power method: the gradient of the change at a small step in the present direction."""
        probes = {role: (self.settings.probe * each).requires_grad_() for role, each in direction.items()}
        change = F.mse_loss(self._label({role: values[role] + probes[role] for role in values}, batch), label)
        gradients = torch.autograd.grad(change, list(probes.values()))
        return {role: unit(gradient) for role, gradient in zip(probes, gradients, strict=True)}

    def _label(self, values: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the regressor's penultimate vector (N, H)."""
        return self.regressor.penultimate(self.encode(values, batch))
