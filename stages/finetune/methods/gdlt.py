"""GDLT: Likert scoring with grade decoupling for long videos (Xu et al., CVPR 2022, section 3), on segment features.

A transformer's encoder gives every segment its context.  Its decoder has one learned query per grade, each of which gathers what speaks for
its grade; a sigmoid makes a response of it.  The score is the mean of the grades' places from 0 to 1, weighted by the responses: a share
of the highest score.  The loss is the squared error of the share, and a triplet loss on what the queries gathered: of any clip it shall
be nearer to what the same query gathered of another clip, even the farthest, than to what another query gathered, even the nearest.
Distance is 1 - cosine.

In training a clip shows 68 segments in a row from a random place, at test all it has.  Ours: a clip with fewer is not filled up with
zeros, which the authors' network attends to, but taken as it is, and batch norm counts its own segments only.  The rate falls to 0,
in the authors' code to a hundredth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.standardise import Standardise
from stages.engine import ranks
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs
from stages.engine.method import Assessor, Context, MethodConfig, Phase, Sets, Step, feature_inputs
from stages.engine.streams import Shuffled, Stream
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.action_net import shown
from stages.finetune.methods.shares import highest_score

ROLE = "features"


class Settings(MethodConfig):
    """Settings of the method; the defaults are those of the authors' code."""

    features: FeatureInput = FeatureInput()
    standardise: bool = False
    """Whether features are standardised by the training clips' segments; the authors take them as they are."""
    window: int = Field(68, ge=1)
    """Segments in a row that a clip shows in training; of clips with fewer, all."""
    top: float | None = Field(None, gt=0)
    """The highest score there can be, in the units that training sees (25 in rhythmic gymnastics); None takes the highest in training."""
    grades: int = Field(4, ge=2)
    embedding: int = Field(256, ge=1)
    """Numbers of a segment, and of a query; a multiple of ``heads``."""
    heads: int = Field(1, ge=1)
    encoder_layers: int = Field(1, ge=1)
    decoder_layers: int = Field(2, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    triplet_weight: float = Field(1.0, ge=0)
    margin: float = Field(1.0, ge=0)
    """Of the triplet loss."""


class GDLT(Assessor):
    """Segment features → one vector per grade → the score's share of the highest."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(
        epochs=250, batch_size=32, optimiser="sgd", lr=0.01, momentum=0.9, nesterov=False, weight_decay=1e-4, schedule="cosine"
    )
    TARGET: ClassVar = TargetConfig(scaling="none")
    couples_batch: ClassVar = True
    top: Tensor
    places: Tensor

    def __init__(self, settings: Settings, context: Context) -> None:
        if context.classes:
            raise UsageError("GDLT predicts scores only.", hint="--task score")
        if settings.embedding % settings.heads:
            raise UsageError(
                f"{settings.embedding} numbers cannot be shared by {settings.heads} heads alike.", hint="settings.embedding, settings.heads"
            )
        super().__init__()
        self.settings, self.context = settings, context
        self.inputs = Inputs(features=feature_inputs(type(self), settings, context))
        size, width = int(np.prod(context.features[ROLE][1:])), settings.embedding
        half = max(size // 2, 1)
        self.standardise = Standardise(size)
        self.project = nn.Sequential(nn.Linear(size, half), nn.BatchNorm1d(half), nn.ReLU(), nn.Linear(half, width), nn.BatchNorm1d(width))
        sizes = (width, settings.heads, 3 * width, settings.dropout)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(*sizes, batch_first=True),
            settings.encoder_layers,
            norm=nn.LayerNorm(width),
            enable_nested_tensor=False,
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(*sizes, batch_first=True), settings.decoder_layers, norm=nn.LayerNorm(width)
        )
        for parameter in [*self.encoder.parameters(), *self.decoder.parameters()]:
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        self.queries = nn.Embedding(settings.grades, width)
        self.response = nn.Linear(width, settings.grades)
        self.register_buffer("places", torch.linspace(0, 1, settings.grades), persistent=False)
        self.register_buffer("top", torch.tensor(settings.top or 1.0))

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return that only features are taken."""
        return (ROLE,)

    def measure(self, train: Clips) -> None:
        """Take the highest training score, where none is given, and the segments' mean and deviation, where features are standardised.

        Raises:
            UsageError: there are scores that no share of the highest can be.
        """
        self.top.fill_(highest_score(train, self.settings.top, "GDLT"))
        if self.settings.standardise:
            features = train.features[ROLE]
            self.standardise.measure(features.values[:, 0][features.mask].flatten(1))

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the stream; batch norm and the triplets cannot take a last batch of one clip."""
        return {"train": Shuffled(sets["train"], training.batch_size, least=2)}

    def gathered(self, batch: Batch) -> Tensor:
        """Return what every grade's query gathers of each clip, (N, G, E)."""
        features = batch.features[ROLE]
        if self.training:
            features = shown(features, self.settings.window, anywhere=True)
        mask = features.mask
        # real segments only: batch norm would count padding
        projected = self.project(self.standardise(features.values[:, 0].flatten(2)[mask]))
        segments = projected.new_zeros(*mask.shape, projected.shape[1])
        segments[mask] = projected
        context = self.encoder(segments, src_key_padding_mask=~mask)
        queries = self.queries.weight.repeat(mask.shape[0], 1, 1)
        found: Tensor = self.decoder(queries, context, memory_key_padding_mask=~mask)
        return found

    def represent(self, batch: Batch) -> Tensor:
        """Return what the queries gather, side by side, (N, G E)."""
        return self.gathered(batch).flatten(1)

    def responses(self, gathered: Tensor) -> Tensor:
        """Return how much each grade counts (N, G), with sum 1, given what its query gathered (N, G, E)."""
        response = self.response(gathered).diagonal(dim1=1, dim2=2).sigmoid()
        return response / response.sum(dim=1, keepdim=True)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the squared error of the shares and the triplet loss."""
        batch = batches["train"]
        assert batch.target is not None
        gathered = self.gathered(batch)
        terms = {"score": F.mse_loss(self.responses(gathered) @ self.places, batch.target / self.top)}
        terms["triplet"] = grade_triplets(ranks.gathered(gathered), self.settings.margin)
        return Step({"main": terms["score"] + self.settings.triplet_weight * terms["triplet"]}, terms)

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, and how much each grade, from the lowest, counts in it."""
        responses = self.responses(self.gathered(batch))
        grades = {f"grade.{number}": responses[:, number - 1] for number in range(1, self.settings.grades + 1)}
        return {"value": self.top * (responses @ self.places), **grades}


def grade_triplets(gathered: Tensor, margin: float) -> Tensor:
    """Return the mean over all (clip, grade) of max(0, farthest of the same grade - nearest of another + margin), distance 1 - cosine.

    Args:
        gathered: (N, G, E).
        margin: of the loss.
    """
    grade = torch.arange(gathered.shape[1], device=gathered.device).repeat(len(gathered))
    unit = F.normalize(gathered.flatten(0, 1), dim=1)
    distance = 1 - unit @ unit.T
    same = grade[:, None] == grade
    farthest = distance.masked_fill(~same, 0).max(dim=1).values
    nearest = distance.masked_fill(same, torch.inf).min(dim=1).values
    return (farthest - nearest + margin).relu().mean()
