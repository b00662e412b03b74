"""Self-supervised semi-supervised learning with rotations (Zhai et al., ICCV 2019; as S4AQA compares with it).

Which of four ways a clip's video was turned is told from the intermediate feature, of labelled and unlabelled clips, beside the regression.
The turned videos' features are views of the clip: ``aqa extract-features --views original,rotate-90,rotate-180,rotate-270``.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from stages.encoders.spec import SegmentSpec
from stages.engine.batch import Batch
from stages.engine.inputs import FeatureInput
from stages.engine.method import Context, MethodConfig, Step
from stages.errors import UsageError
from stages.finetune.methods.segments import SegmentSettings
from stages.finetune.methods.semi_supervised import SemiSupervised

VIEWS = ("original", "rotate-90", "rotate-180", "rotate-270")


class Settings(SegmentSettings):
    """Settings of the method."""

    features: FeatureInput = FeatureInput(views=VIEWS)
    weight: float = Field(1.0, ge=0)
    """Of the rotation loss, as in the paper."""


class S4L(SemiSupervised):
    """S4AQA's encoder and regressor, and a classifier of rotations."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings

    def __init__(self, settings: Settings, context: Context, encoder: SegmentSpec) -> None:
        super().__init__(settings, context, encoder)
        for role in self.encoder.roles[1:]:
            if getattr(settings, role).views != settings.features.views:
                views = ", ".join(settings.features.views)
                raise UsageError(f"All features must have the same views, here {views}.", hint=f"--set settings.{role}.views=[{views}]")
        self.rotation = nn.Linear(self.dimensions, len(settings.features.views))

    def semi_step(self, labelled: Batch, unlabelled: Batch) -> Step:
        """Return the regression loss and the rotation loss of all clips."""
        views = range(len(self.settings.features.views))
        turned = [(view, batch) for view in views for batch in (labelled, unlabelled)]
        found = self.encoder([(self.encoder.values(batch, view), batch) for view, batch in turned])
        regression = self.regression_loss(found[0], labelled)
        logits = self.rotation(torch.cat(found))
        truth = torch.cat([torch.full((len(batch),), view, device=logits.device) for view, batch in turned])
        rotation = F.cross_entropy(logits, truth)
        right = (logits.argmax(dim=1) == truth).float().mean()
        loss = regression + self.settings.weight * rotation
        return Step({"main": loss}, {"regression": regression, "rotation": rotation, "rotation_accuracy": right})
