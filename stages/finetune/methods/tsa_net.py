"""TSA-Net: a video network in whose middle the performer's places attend to each other (Wang et al., ACM Multimedia 2021).

The performer's boxes, here those of the poses, make a tube in the maps of I3D's first stage; tube self-attention lets all its cells, over
space and time, gather from each other; I3D's second stage goes on, and the mean over the segments is the clip's representation
(sections 3.1 and 3.2, :mod:`stages.encoders.tube_video`).  A perceptron of 256 and 128 units reads the answer from it, as a distribution
over scores with the Kullback-Leibler divergence (USDL's), as a score with the squared error, or as a class with the cross-entropy
(section 3.3).

``attention`` is the paper's comparison: the tube (TSA-Net), all cells (NL-Net), or none (the video network and the head alone).
N clips, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from stages.encoders.tube_attention import Similarity
from stages.encoders.tube_video import Attention, TubeVideo
from stages.encoders.video import VideoConfig
from stages.engine.batch import Batch, Clips
from stages.engine.boxes import BoxInput
from stages.engine.inputs import ImageInput, Inputs
from stages.engine.method import Assessor, Context, MethodConfig, Phase, Step
from stages.engine.records import IMAGES, POSES
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.features import perceptron
from stages.finetune.methods.usdl import TOP, score_distribution


class Settings(MethodConfig):
    """Settings of the method; the defaults are those of the authors' code where it has them."""

    attention: Attention = "tube"
    modules: int = Field(1, ge=1)
    """Attention modules, one behind the other."""
    similarity: Similarity = "softmax"
    """How cells are compared: by the softmax of the authors' code, or the inner product of the paper's equation (dot)."""
    threshold: float = Field(0.5, gt=0, le=1)
    """The share of a cell that a box has to cover."""
    backbone: VideoConfig = VideoConfig()
    """The video network: i3d or tiny, its weights and its segments."""
    backbone_lr: float = Field(1.0, gt=0)
    """Factor on its learning rate; the authors have one rate for all."""
    starts: tuple[int, ...] | None = None
    """First frames of the segments, such as [0,10,20,30,40,50,60,70,80,87] of 103; None takes them at even distances over the clip."""
    images: ImageInput = ImageInput()
    boxes: BoxInput = BoxInput()
    head: Literal["distribution", "regression"] = "distribution"
    """What is learned of a score: a distribution over ``bins``, or the score itself."""
    hidden: tuple[int, ...] = (256, 128)
    dropout: float = Field(0.0, ge=0, lt=1)
    """Before every layer of the head."""
    bins: int = Field(101, ge=2)
    """At even distances from 0 to 100, the lowest and the highest training score."""
    sigma: float = Field(5.0, gt=0)
    """Standard deviation of a score's Gaussian, in hundredths of the range."""
    predict: Literal["argmax", "mean"] = "argmax"
    """Of a distribution: the most probable score, or the mean."""


class TSANet(Assessor):
    """The network and its head."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=20, batch_size=4, optimiser="adam", lr=1e-4, weight_decay=1e-5)
    TARGET: ClassVar = TargetConfig(scaling="range-100")
    places: Tensor

    def __init__(self, settings: Settings, context: Context) -> None:
        super().__init__()
        self.settings, self.context = settings, context
        self.inputs = Inputs(images=settings.images, boxes=settings.boxes if settings.attention == "tube" else None)
        self.video = TubeVideo(
            settings.backbone, settings.attention, settings.modules, settings.similarity, settings.threshold, settings.starts
        )
        outputs = context.classes or (settings.bins if settings.head == "distribution" else 1)
        self.head = perceptron([self.video.dimensions, *settings.hidden], outputs, settings.dropout)
        self.register_buffer("places", torch.linspace(0, TOP, settings.bins), persistent=False)

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return that frames are taken, and poses where their boxes are needed."""
        return (IMAGES, POSES) if settings.attention == "tube" else (IMAGES,)

    def measure(self, train: Clips) -> None:
        """Take the weights that the video network starts from.

        Raises:
            UsageError: there are scores that no bin stands for.
        """
        self.video.load()
        if self.context.classes or self.settings.head == "regression":
            return
        assert train.target is not None
        low, high = float(train.target.min()), float(train.target.max())
        if low < 0 or high > TOP:
            raise UsageError(
                f"TSA-Net's distribution is over scores from 0 to {TOP:g}; those of training lie from {low:g} to {high:g}.",
                hint="--set target.scaling=range-100, or --set settings.head=regression",
            )

    def optimisers(self, phase: Phase) -> dict[str, Iterable[Any]]:
        """Return one optimiser, with the video network's learning rate apart from that of the attention and the head."""
        network = list(self.video.video.parameters())
        rest = [*self.video.attentions.parameters(), *self.head.parameters()]
        return {"main": [{"params": rest}, {"params": network, "lr_factor": self.settings.backbone_lr}]}

    def represent(self, batch: Batch) -> Tensor:
        """Return the representation (N, D) of each clip."""
        assert batch.images is not None
        seen: Tensor = self.video(batch.images)
        return seen

    def forward(self, batch: Batch) -> Tensor:
        """Return the head's outputs: logits (N, bins or classes), or the score in hundreds (N, 1)."""
        outputs: Tensor = self.head(self.represent(batch))
        return outputs

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the cross-entropy, the Kullback-Leibler divergence, or the squared error of one batch."""
        batch = batches["train"]
        assert batch.target is not None
        outputs = self(batch)
        if self.context.classes:
            return Step({"main": F.cross_entropy(outputs, batch.target)})
        if self.settings.head == "regression":
            return Step({"main": F.mse_loss(outputs[:, 0], batch.target / TOP)})
        wanted = score_distribution(batch.target, self.places, self.settings.sigma)
        return Step({"main": F.kl_div(outputs.log_softmax(dim=1), wanted, reduction="batchmean")})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, or the class scores."""
        outputs = self(batch)
        if self.context.classes:
            return {"scores": outputs}
        if self.settings.head == "regression":
            return {"value": TOP * outputs[:, 0]}
        probabilities = outputs.softmax(dim=1)
        if self.settings.predict == "argmax":
            return {"value": self.places[probabilities.argmax(dim=1)]}
        return {"value": probabilities @ self.places}
