"""U-VI's downstream network: the canonical pose of every frame, a recurrent network over them, one layer (Sardari et al., section 4).

Recognition looks at 16 frames, one from each of 16 equal segments, at random in training and the middle one at test.  Quality looks at
every frame: a random clip of 16 frames in training, and the mean of the last layer's outputs over all clips of 16 that follow each other
at test.  Levels by cross-entropy over the score's range (``--task level``), as the paper predicts scores, or plain regression.  The
encoder is frozen ("unsupervised", ``settings.freeze``), fine-tuned, or starts from scratch; ``recurrent=lstm`` with the trunk ``resnet18``
is the paper's other variant.

Ours: the recurrent network's 512 units (both directions together), and that its last states count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.recurrent import both_directions
from stages.encoders.spec import ImageSpec
from stages.engine.batch import Batch, Images
from stages.engine.inputs import ImageInput, Inputs
from stages.engine.method import Context, MethodConfig, Phase, Sets, Step
from stages.engine.streams import Shuffled, Stream
from stages.engine.training import TrainingConfig
from stages.finetune.methods.around_encoder import EncoderAssessor, EncoderSettings


class Settings(EncoderSettings):
    """Settings of the method."""

    encoder: str = "posture"
    images: ImageInput = ImageInput()
    sampling: Literal["clips", "segments"] = "clips"
    """All frames, as quality is judged; or one of each segment, as actions are recognised."""
    frames: int = Field(16, ge=1)
    """Frames of a clip, or segments."""
    recurrent: Literal["gru", "lstm"] = "gru"
    layers: int = Field(2, ge=1)
    units: int = Field(512, ge=2)
    """Of both directions together."""
    flip: bool = False
    """Whether training clips are mirrored at random; a mirrored movement of one side is another movement."""


class UVIAssessor(EncoderAssessor):
    """Pose encoder, recurrent network, last layer."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=40, batch_size=16, optimiser="adam", lr=2e-4)
    uses_encoder: ClassVar = "images"

    def __init__(self, settings: Settings, context: Context, encoder: ImageSpec) -> None:
        super().__init__()
        self.settings: Settings = settings
        self.context, self.spec = context, encoder
        self.inputs = Inputs(images=settings.images)
        self.encoder = encoder.build()
        if settings.freeze:
            self.encoder.requires_grad_(False)
        kind = nn.GRU if settings.recurrent == "gru" else nn.LSTM
        size = int(self.encoder.dimensions)  # type: ignore[arg-type]
        self.recurrent = kind(size, settings.units // 2, settings.layers, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * (settings.units // 2), context.classes or 1)

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return that only pictures are taken."""
        return ("images",)

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the batches; batch norm cannot take a last batch of one clip."""
        return {"train": Shuffled(sets["train"], training.batch_size, least=2)}

    def represent(self, batch: Batch) -> Tensor:
        """Return what the last layer sees, (N, D): of several clips of frames their mean, since the layer is linear."""
        assert batch.images is not None
        images, settings = batch.images, self.settings
        if settings.sampling == "segments":
            return self._look(images, one_of_each_segment(images.count, settings.frames, anywhere=self.training))
        if self.training:
            return self._look(images, in_a_row(images.count, settings.frames, random_start(images.count, settings.frames)))
        clips = (images.count // settings.frames).clamp(min=1)
        total = torch.zeros(len(images), self.head.in_features, device=images.first.device)
        for number in range(int(clips.max())):
            start = torch.full_like(clips, number * settings.frames)
            found = self._look(images, in_a_row(images.count, settings.frames, start))
            total = total + found * (number < clips)[:, None]
        return total / clips[:, None]

    def _look(self, images: Images, numbers: Tensor) -> Tensor:
        """Return the recurrent network's last states (N, D) over some frames (N, K)."""
        pictures = images.frames(numbers, 0, images.first.device)
        if self.settings.flip and self.training:
            mirrored = (torch.rand(len(pictures), device=pictures.device) < 0.5)[:, None, None, None, None]
            pictures = torch.where(mirrored, pictures.flip(-1), pictures)
        poses = self.encoder(pictures.flatten(0, 1)).flatten(1).view(*numbers.shape, -1)
        last = self.recurrent(poses)[1]
        return both_directions(last[0] if isinstance(last, tuple) else last)[-1]

    def forward(self, batch: Batch) -> Tensor:
        """Return the score (N, 1), or the class scores (N, classes)."""
        output: Tensor = self.head(self.represent(batch))
        return output

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the regression or classification loss of one batch."""
        batch = batches["train"]
        assert batch.target is not None
        output = self(batch)
        return Step({"main": F.cross_entropy(output, batch.target) if self.context.classes else F.mse_loss(output[:, 0], batch.target)})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, or the class scores."""
        output = self(batch)
        return {"scores": output} if self.context.classes else {"value": output[:, 0]}


def one_of_each_segment(count: Tensor, segments: int, *, anywhere: bool) -> Tensor:
    """Return a frame of each of ``segments`` equal parts of clips of ``count`` (N,) frames, at random or in its middle; (N, S)."""
    shape, device = (len(count), segments), count.device
    within = torch.rand(shape, device=device) if anywhere else torch.full(shape, 0.5, device=device)
    place = (torch.arange(segments, device=device) + within) / segments * count[:, None]
    return torch.minimum(place.long(), count[:, None] - 1)


def random_start(count: Tensor, length: int) -> Tensor:
    """Return a random first frame (N,) of ``length`` frames in a row; the first one where there are fewer."""
    spare = (count - length).clamp(min=0)
    return (torch.rand(len(count), device=count.device) * (spare + 1)).long()


def in_a_row(count: Tensor, length: int, start: Tensor) -> Tensor:
    """Return ``length`` frames from ``start`` (N,) on, (N, K); beyond the end the last frame stays."""
    return torch.minimum(start[:, None] + torch.arange(length, device=count.device), count[:, None] - 1)
