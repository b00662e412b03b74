"""2M-AF: a skeleton stream and an RGB stream, each with its regressor, and a fusion that picks or joins (2M-AF, section 3.2).

The skeleton stream is an encoder (SME-GCN with ``--init``), the RGB stream the mean of a clip's segment features, or a video network that
is trained along (``video=frames``).  With the preference fusion, the prediction says which stream it was taken from, how sure the choice
was, and what every stream says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from stages.encoders.spec import PoseSpec
from stages.encoders.standardise import Standardise
from stages.encoders.video import VideoConfig, VideoEncoder
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, ImageInput, Inputs
from stages.engine.method import Context, MethodConfig, Phase, Sets, Step, feature_inputs
from stages.engine.streams import Shuffled, Stream
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods import fusions
from stages.finetune.methods.skeleton import SkeletonAssessor, SkeletonSettings

ROLE = "features"
STREAMS = ("skeleton", "rgb", "both")
"""The candidates of the preference fusion, in order."""


class Settings(SkeletonSettings):
    """Settings of the framework."""

    video: Literal["features", "frames"] = "features"
    """What the RGB stream starts from: features that were extracted before, or frames (``aqa extract-maps --source frames``)."""
    features: FeatureInput = FeatureInput()
    images: ImageInput = ImageInput()
    backbone: VideoConfig = VideoConfig()
    """The video network that sees the frames."""
    backbone_lr: float = Field(0.1, gt=0)
    """Factor on its learning rate."""
    fusion: fusions.FusionName = "pfm"
    """How the streams become one score (tables 4 and 8); ``simple`` and ``mlp`` are the same."""
    fusion_size: int = Field(128, ge=2)
    """Inner width of the bilinear fusion and of that after FALCONS."""


class TwoModality(SkeletonAssessor):
    """The two streams and their fusion."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=60, batch_size=16, optimiser="adamw", lr=3e-3, weight_decay=1e-2, schedule="cosine")

    def __init__(self, settings: Settings, context: Context, encoder: PoseSpec) -> None:
        if context.classes:
            raise UsageError("2M-AF predicts scores only.", hint="--task score; or --method sme-gcn for levels and actions")
        super().__init__(settings, context, encoder)
        frames = settings.video == "frames"
        self.inputs = Inputs(encoder.input, feature_inputs(type(self), settings, context), settings.images if frames else None)
        self.video = VideoEncoder(settings.backbone) if frames else None
        size = self.video.dimensions if self.video is not None else int(np.prod(context.features[ROLE][1:]))
        self.standardise = Standardise(size)
        self.dropout = nn.Dropout(settings.dropout)
        self.fusion = fusions.build(settings.fusion, self.dimensions, size, settings.fusion_size)

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return that poses are taken, and features or frames."""
        return ("poses", ROLE if settings.video == "features" else "images")

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' features; or the weights that the video network starts from."""
        if self.video is not None:
            self.video.load()
        else:
            self.standardise.measure(train.features[ROLE].mean().flatten(1))

    def optimisers(self, phase: Phase) -> dict[str, Iterable[Any]]:
        """Return one optimiser with the learning rates of the encoder and of the video network apart."""
        groups = list(super().optimisers(phase)["main"])
        if self.video is None:
            return {"main": groups}
        inside = {id(parameter) for parameter in self.video.parameters()}
        rest = [parameter for parameter in groups[0]["params"] if id(parameter) not in inside]
        own = {"params": list(self.video.parameters()), "lr_factor": self.settings.backbone_lr}
        return {"main": [{"params": rest}, own, *groups[1:]]}

    def _rgb(self, batch: Batch) -> Tensor:
        """Return the RGB stream's representation (N, D)."""
        if self.video is None:
            return self.standardise(batch.features[ROLE].mean().flatten(1))
        assert batch.images is not None
        return self.video(batch.images)

    def represent(self, batch: Batch) -> Tensor:
        """Return both streams' features side by side."""
        return torch.cat([self.embed(batch), self._rgb(batch)], dim=1)

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the batches; the batch norms of the fusion after FALCONS cannot take a last batch of one clip."""
        return {"train": Shuffled(sets["train"], training.batch_size, least=2 if self.settings.fusion == "falcons" else 1)}

    def forward(self, batch: Batch) -> fusions.Candidates:
        """Return the candidates' scores (N, K) and the logits of the choice."""
        candidates: fusions.Candidates = self.fusion(self.dropout(self.embed(batch)), self.dropout(self._rgb(batch)))
        return candidates

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the sum of the candidates' regression losses and the loss of the choice (equation 9)."""
        batch = self.augmented(batches["train"])
        scores, logits = self(batch)
        terms = {name: self.regression_loss(scores[:, number], batch.target) for number, name in enumerate(self.names(scores))}
        if logits is not None:
            assert batch.target is not None
            terms["choice"] = fusions.preference_loss(scores, logits, batch.target)
        return Step({"main": torch.stack(list(terms.values())).sum()}, terms if len(terms) > 1 else {})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return ``value``; of the preference fusion also each candidate's ``value.NAME``, which was picked, and how sure that was."""
        scores, logits = self(batch)
        if logits is None:
            return {"value": scores[:, 0]}
        confidence, picked = logits.softmax(dim=1).max(dim=1)
        every = {f"value.{name}": scores[:, number] for number, name in enumerate(self.names(scores))}
        return {"value": scores.gather(1, picked[:, None])[:, 0], **every, "stream": picked.float(), "confidence": confidence}

    def names(self, scores: Tensor) -> tuple[str, ...]:
        """Return the names of the candidates; a fusion into one score has one, ``fused``."""
        return STREAMS[: scores.shape[1]] if scores.shape[1] > 1 else ("fused",)
