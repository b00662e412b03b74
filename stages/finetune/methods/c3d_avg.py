"""C3D-AVG: a dive's score, what it is made of, and a commentary on it (Parmar and Morris, CVPR 2019, sections 4.1 and 4.2).

The features of a clip's segments are averaged, a fully connected layer with ReLU makes the clip's representation of the average, and
linear heads read the score, and each attribute, from it.  The commentary is told from the segments in their order.  Without attributes
and commentary this is C3D-AVG-STL, with them C3D-AVG-MTL.  The loss is that of the authors' code: squared and absolute error of the
score, cross-entropy of each attribute, and .01 of the commentary's (the sum over its words, averaged over clips).

There C3D is trained along; here segment features are given and stay as they are, as in the starred rows of S4AQA's table I, so what is
trained begins with their layer ``fc6``.  Ours: the average is over a clip's real segments, and what is missing of a clip's annotations is
left out of the losses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.real_frames import mean_of_real
from stages.encoders.standardise import Standardise
from stages.engine import ranks
from stages.engine.annotations import MISSING, Kind
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs
from stages.engine.method import Assessor, Context, MethodConfig, Phase, Step, feature_inputs
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.captions import CaptionDecoder, caption_loss
from stages.finetune.methods.losses import regression_loss

ROLE = "features"


class Settings(MethodConfig):
    """Settings of the method; sizes and weights are those of the authors' code."""

    features: FeatureInput = FeatureInput()
    standardise: bool = False
    """Whether features are standardised by the training clips' segments; the authors take them as they are."""
    attributes: tuple[str, ...] = ()
    """Columns of the manifest to classify; MTL-AQA's are position, armstand, rotation_type, ss_no and tw_no."""
    caption: str | None = None
    """Column of the manifest with a sentence to be told; MTL-AQA's is caption."""
    hidden: int = Field(4096, ge=1)
    """Numbers of the representation."""
    attribute_weight: float = Field(1.0, ge=0)
    """Of each attribute's cross-entropy."""
    caption_weight: float = Field(0.01, ge=0)
    caption_units: int = Field(512, ge=1)
    """Of both networks of the decoder, and of its words."""
    caption_layers: int = Field(2, ge=1)
    caption_dropout: float = Field(0.5, ge=0, lt=1)
    """Between the decoder's layers."""
    caption_words: int = Field(100, ge=1)
    """No sentence is told or learned beyond as many words, its end among them."""


class C3DAVG(Assessor):
    """Mean segment feature → representation → score and attributes; segment features → commentary."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=100, batch_size=3, optimiser="adam", lr=1e-4)
    TARGET: ClassVar = TargetConfig(scaling="class-std")

    def __init__(self, settings: Settings, context: Context) -> None:
        if context.classes:
            raise UsageError("C3D-AVG predicts scores.", hint="--task score; classes beside it are --set settings.attributes=[COLUMN]")
        _check_columns(settings)
        super().__init__()
        self.settings, self.context = settings, context
        self.inputs = Inputs(features=feature_inputs(type(self), settings, context))
        size = int(np.prod(context.features[ROLE][1:]))
        self.standardise = Standardise(size)
        self.representation = nn.Linear(size, settings.hidden)
        self.score = nn.Linear(settings.hidden, 1)
        # a list, since a column may be called as no module can be
        self.attributes = nn.ModuleList(nn.Linear(settings.hidden, len(context.annotations[name])) for name in settings.attributes)
        self.decoder: CaptionDecoder | None = None
        if settings.caption is not None:
            vocabulary = len(context.annotations[settings.caption])
            self.decoder = CaptionDecoder(size, vocabulary, settings.caption_units, settings.caption_layers, settings.caption_dropout)

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return that only features are taken."""
        return (ROLE,)

    @classmethod
    def annotations(cls, settings: Settings) -> Mapping[str, Kind]:
        """Return the attributes and the commentary."""
        attributes: dict[str, Kind] = dict.fromkeys(settings.attributes, "class")
        return attributes if settings.caption is None else {**attributes, settings.caption: "words"}

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' segments, where features are standardised."""
        features = train.features[ROLE]
        if self.settings.standardise:
            self.standardise.measure(features.values[:, 0][features.mask].flatten(1))

    def segments(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the features of the segments (N, S, D), and their mask (N, S)."""
        features = batch.features[ROLE]
        return self.standardise(features.values[:, 0].flatten(2)), features.mask

    def represent(self, batch: Batch) -> Tensor:
        """Return the representation (N, D) of each clip."""
        representation: Tensor = self.representation(mean_of_real(*self.segments(batch))).relu()
        return representation

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the weighted sum of the tasks' losses, and each task's."""
        batch = batches["train"]
        assert batch.target is not None
        representation = self.represent(batch)
        loss = regression_loss(self.score(representation)[:, 0], batch.target, "mse+mae")
        terms = {"score": loss}
        for name, head in zip(self.settings.attributes, self.attributes, strict=True):
            terms[f"attribute.{name}"] = wrong = class_loss(head(representation), batch.annotations[name])
            loss = loss + self.settings.attribute_weight * wrong
        if self.decoder is not None and self.settings.caption is not None:
            sentences = batch.annotations[self.settings.caption][:, : self.settings.caption_words]
            terms["caption"] = caption_loss(self.decoder(*self.segments(batch), sentences), sentences)
            loss = loss + self.settings.caption_weight * terms["caption"]
        return Step({"main": loss}, terms)

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score."""
        return {"value": self.score(self.represent(batch))[:, 0]}

    @torch.no_grad()
    def annotate(self, batch: Batch) -> Mapping[str, Tensor]:
        """Return the most probable class (N,) of each attribute, and the commentary (N, W)."""
        representation = self.represent(batch)
        said = {name: head(representation).argmax(dim=1) for name, head in zip(self.settings.attributes, self.attributes, strict=True)}
        if self.decoder is not None and self.settings.caption is not None:
            said[self.settings.caption] = self.decoder.tell(*self.segments(batch), self.settings.caption_words)
        return said


def class_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the mean cross-entropy over the clips whose class is known, 0 where none is; (N, classes), (N,) → scalar."""
    total = F.cross_entropy(logits, classes, ignore_index=MISSING, reduction="sum")
    return ranks.mean_of(total, (classes != MISSING).sum())


def _check_columns(settings: Settings) -> None:
    columns = [*settings.attributes, *([settings.caption] if settings.caption is not None else [])]
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise UsageError(f"C3D-AVG is to learn {', '.join(twice)} twice.", hint="name each column once, in attributes or as the caption")
