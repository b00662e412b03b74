"""The expert: a pose stream on the non-expert's representations and an appearance stream (Nekoui and Cheng, section 3.2).

The pose stream is the encoder that a pretraining left (``--init non-expert``), frame by frame, and a BiLSTM of one layer; the appearance
stream two assessment modules over the segment features of C3D or I3D (:mod:`stages.finetune.methods.appearance`).  Both together go
through batch norm, ReLU and a fully connected layer.  The ablations of tables 1 and 3 are settings:

=====================  ==============================================================================================
full model             ``--init ENCODER``; where there is no video ``--set settings.video=false``
only expert            ``--init none``
only non-expert (U)    ``--init ENCODER --set settings.video=false --set settings.head=linear --set settings.freeze=true``
only non-expert (S)    the same from scratch: ``--init none``, not frozen
only non-expert (U+S)  the same from the encoder, not frozen
C3D as expert          ``settings.appearance=plain``: the mean of the segments' features takes the modules' place
=====================  ==============================================================================================

What the paper leaves open, and ours: both directions of the BiLSTM together have 100 units, of which the last states count; modules of 128
channels with branches over 1, 3 and 5 segments; the encoder is trained along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.recurrent import both_directions, run
from stages.encoders.spec import PoseSpec
from stages.encoders.standardise import Standardise
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs
from stages.engine.method import Context, MethodConfig, Phase, Sets, Step, feature_inputs
from stages.engine.streams import Shuffled, Stream
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.appearance import AppearanceStream
from stages.finetune.methods.skeleton import SkeletonAssessor, SkeletonSettings
from stages.skeletons.input import PoseInput

ROLE = "features"


class Settings(SkeletonSettings):
    """Settings of the method; the defaults are the paper's."""

    encoder: str = "gru"
    input: PoseInput = PoseInput(frames=743, length="pad-front", scale="unit", centre="none", face_camera=False)
    features: FeatureInput = FeatureInput()
    video: bool = True
    """Whether there is an appearance stream; without, the expert looks at poses alone."""
    head: Literal["expert", "linear"] = "expert"
    """The expert's layers, or one linear layer on the mean of the encoder's representations (only the non-expert)."""
    appearance: Literal["modules", "plain"] = "modules"
    """Assessment modules on the segments' features, or their mean as it is."""
    units: int = Field(100, ge=2, multiple_of=2)
    """Of the BiLSTM, both directions together."""
    channels: int = Field(128, ge=1)
    """Of the assessment modules' branches."""
    modules: int = Field(2, ge=1)
    loss: Literal["mse", "mae", "mse+mae"] = "mse"


class Expert(SkeletonAssessor):
    """The two streams and their fusion."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(
        epochs=1000, batch_size=25, optimiser="adam", lr=3e-4, schedule="exponential", decay=0.9, decay_interval=100
    )

    def __init__(self, settings: Settings, context: Context, encoder: PoseSpec) -> None:
        super().__init__(settings, context, encoder)
        self.settings: Settings = settings
        if settings.head == "linear" and settings.video:
            raise UsageError("A linear layer on the encoder sees poses alone.", hint="--set settings.video=false")
        self.inputs = Inputs(encoder.input, feature_inputs(type(self), settings, context))
        self.lstm: nn.LSTM | None = None
        self.appearance: AppearanceStream | None = None
        self.standardise: Standardise | None = None
        size = self._pose_stream()
        if settings.video:
            size += self._appearance_stream(int(np.prod(context.features[ROLE][1:])))
        self.norm = nn.BatchNorm1d(size) if settings.head == "expert" else None
        self.dropout = nn.Dropout(settings.dropout)
        self.out = nn.Linear(size, context.classes or 1)

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return the artifacts of the streams."""
        return ("poses", ROLE) if settings.video else ("poses",)

    def _pose_stream(self) -> int:
        if self.settings.head == "linear":
            return self.dimensions
        if not hasattr(self.encoder, "frames"):
            raise UsageError(
                f"The expert reads a representation per frame; '{self.spec.name}' has none.", hint="--set settings.encoder=gru"
            )
        self.lstm = nn.LSTM(self.dimensions, self.settings.units // 2, batch_first=True, bidirectional=True)
        return self.settings.units

    def _appearance_stream(self, inputs: int) -> int:
        self.standardise = Standardise(inputs)
        if self.settings.appearance == "plain":
            return inputs
        self.appearance = AppearanceStream(inputs, self.settings.channels, self.settings.modules)
        return self.appearance.dimensions

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' features."""
        if self.standardise is not None:
            features = train.features[ROLE]
            self.standardise.measure(features.values[:, 0][features.mask].flatten(1))

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the batches; batch norm cannot take a last batch of one clip, which is then left out (another one in each epoch)."""
        return {"train": Shuffled(sets["train"], training.batch_size, least=2)}

    def represent(self, batch: Batch) -> Tensor:
        """Return what the streams make of each clip, side by side, (N, D)."""
        parts = [self._pose(batch)]
        if self.standardise is not None:
            features = batch.features[ROLE]
            values = self.standardise(features.values[:, 0].flatten(2))
            if self.appearance is None:
                real = features.mask[:, :, None].to(values.dtype)
                parts.append((values * real).sum(dim=1) / real.sum(dim=1).clamp(min=1))
            else:
                parts.append(self.appearance(values, features.mask))
        return torch.cat(parts, dim=1)

    def _pose(self, batch: Batch) -> Tensor:
        if self.lstm is None:
            return self.embed(batch)
        frames, mask = self.encoder.frames(batch.poses, batch.mask)  # type: ignore[operator]
        return both_directions(run(self.lstm, frames, mask)[1])[0]

    def forward(self, batch: Batch) -> Tensor:
        """Return the outputs (N, 1) or (N, classes)."""
        values = self.represent(batch)
        if self.norm is not None:
            values = self.norm(values).relu()
        outputs: Tensor = self.out(self.dropout(values))
        return outputs

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the mean squared error of scores, or the cross-entropy of risk levels."""
        batch = self.augmented(batches["train"])
        output = self(batch)
        assert batch.target is not None
        if self.context.classes:
            return Step({"main": F.cross_entropy(output, batch.target)})
        return Step({"main": self.regression_loss(output[:, 0], batch.target)})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, or the class scores."""
        output = self(batch)
        return {"scores": output} if self.context.classes else {"value": output[:, 0]}
