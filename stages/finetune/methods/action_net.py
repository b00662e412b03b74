"""ACTION-NET: context-aware attention over the segments of a long video (Zeng et al., ACM Multimedia 2020, section 3).

A video is seen in two streams, the dynamic one in features of segments, the static one in those of single frames that are cut to the
performer.  Each has a context-aware attention module of its own, and a regressor reads the score from what they find, side by side.
S4AQA compares with the dynamic stream alone (table II), which is the default here, since it needs one set of features.

The score is a sigmoid times the highest score there can be, and the loss the squared error of its share of that, as in the authors' code
(there score / 25).  In training a clip shows 26 segments and 80 frames in a row, each from a random place of its own, at test those in its
middle.  A clip with fewer is taken as it is: segments beyond it are no neighbours and get no attention.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.standardise import Standardise
from stages.engine.batch import Batch, Clips, Features
from stages.engine.inputs import FeatureInput, Inputs
from stages.engine.method import Assessor, Context, MethodConfig, Phase, Step, feature_inputs
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.shares import highest_score

ROLES: Mapping[str, tuple[str, ...]] = {"dynamic": ("features",), "static": ("static",), "both": ("features", "static")}
"""Streams → the features that they look at."""


class Settings(MethodConfig):
    """Settings of the method; the defaults are those of the authors' code."""

    features: FeatureInput = FeatureInput()
    """Of segments, for the dynamic stream."""
    static: FeatureInput = FeatureInput()
    """Of single frames, for the static stream."""
    standardise: bool = False
    """Whether features are standardised by the training clips' segments; the authors take them as they are."""
    streams: Literal["dynamic", "static", "both"] = "dynamic"
    window: int = Field(26, ge=1)
    """Segments in a row that a clip shows; of clips with fewer, all."""
    static_window: int = Field(80, ge=1)
    """The same of the static stream's frames."""
    top: float | None = Field(None, gt=0)
    """The highest score there can be, in the units that training sees (25 in rhythmic gymnastics); None takes the highest in training."""
    embedding: int = Field(256, ge=1)
    """Numbers of a segment, with as many of its context."""
    attention: int = Field(128, ge=1)
    """Units of the attention unit."""
    hidden: int = Field(128, ge=1)
    """Units of the regressor."""
    dropout: float = Field(0.5, ge=0, lt=1)
    """In the regressor."""
    head_lr_factor: float = Field(5.0, gt=0)
    """Times the learning rate for the regressor."""


class ContextAttention(nn.Module):
    """Segment features (N, S, D) and their mask (N, S) → one vector per clip (N, 2 E).

    A segment's embedding and its context, which two graph convolutions over the segments' neighbourhood (:func:`neighbourhood`) make of
    it, are weighted by an attention unit and summed.
    """

    def __init__(self, inputs: int, embedding: int, attention: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(inputs, inputs // 2), nn.ReLU(), nn.Linear(inputs // 2, embedding), nn.ReLU())
        self.graph = nn.ModuleList([nn.Linear(embedding, embedding), nn.Linear(embedding, embedding)])
        self.attend = nn.Sequential(nn.Linear(2 * embedding, attention), nn.ReLU(), nn.Linear(attention, 1))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return the vectors."""
        embedded = self.embed(values)
        context, near = embedded, neighbourhood(mask).to(embedded.dtype)
        for layer in self.graph:
            context = layer(near @ context).relu()
        both = torch.cat([embedded, context], dim=2)
        weights = self.attend(both)[..., 0].masked_fill(~mask, -torch.inf).softmax(dim=1)
        return torch.einsum("ns,nsd->nd", weights, both)


def neighbourhood(mask: Tensor) -> Tensor:
    """Return how near segments are, D^-½ A D^-½ with A_ij = exp(-|i - j|) and D its row sums, between real ones; (N, S) → (N, S, S)."""
    place = torch.arange(mask.shape[1], device=mask.device, dtype=torch.float32)
    near = torch.exp(-(place[:, None] - place).abs()) * (mask[:, :, None] & mask[:, None, :])
    scale = near.sum(dim=2).clamp(min=torch.finfo(near.dtype).tiny).rsqrt()
    return near * scale[:, :, None] * scale[:, None, :]


def shown(features: Features, window: int, *, anywhere: bool) -> Features:
    """Return ``window`` segments in a row of each clip itself (of those with fewer, all): from a random place, or from the middle.

    Args:
        features: of N clips, whose real segments lie in front.
        window: how many segments.
        anywhere: whether the place is random.
    """
    spare = (features.mask.sum(dim=1) - window).clamp(min=0)
    first = (torch.rand(len(spare), device=spare.device) * (spare + 1)).long() if anywhere else spare // 2
    width = min(window, features.mask.shape[1])
    index = first[:, None] + torch.arange(width, device=spare.device)
    row = torch.arange(spare.shape[0], device=spare.device)[:, None]
    return Features(features.values[row, :, index].transpose(1, 2), features.mask[row, index])


class ActionNet(Assessor):
    """The streams, side by side, and the regressor."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(
        epochs=400,
        batch_size=32,
        optimiser="sgd",
        lr=0.01,
        momentum=0.9,
        nesterov=False,
        weight_decay=1e-4,
        schedule="step",
        step_epochs=(300, 350),
        decay=0.1,
    )
    TARGET: ClassVar = TargetConfig(scaling="none")
    top: Tensor

    def __init__(self, settings: Settings, context: Context) -> None:
        if context.classes:
            raise UsageError("ACTION-NET predicts scores only.", hint="--task score")
        super().__init__()
        self.settings, self.context = settings, context
        self.inputs = Inputs(features=feature_inputs(type(self), settings, context))
        self.roles = self.consumes(settings)
        self.windows = {"features": settings.window, "static": settings.static_window}
        sizes = {role: int(np.prod(context.features[role][1:])) for role in self.roles}
        self.standardise = nn.ModuleDict({role: Standardise(size) for role, size in sizes.items()})
        self.attentions = nn.ModuleDict(
            {role: ContextAttention(size, settings.embedding, settings.attention) for role, size in sizes.items()}
        )
        self.regressor = nn.Sequential(
            nn.Linear(2 * settings.embedding * len(self.roles), settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, 1),
            nn.Sigmoid(),
        )
        self.register_buffer("top", torch.tensor(settings.top or 1.0))
        self.apply(_initialise)

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return the features that the streams look at."""
        return ROLES[settings.streams]

    def measure(self, train: Clips) -> None:
        """Take the highest training score, where none is given, and the segments' mean and deviation, where features are standardised.

        Raises:
            UsageError: there are scores that a sigmoid times the highest cannot reach.
        """
        self.top.fill_(highest_score(train, self.settings.top, "ACTION-NET"))
        for role, standardise in self.standardise.items():
            if self.settings.standardise:
                features = train.features[role]
                standardise.measure(features.values[:, 0][features.mask].flatten(1))  # type: ignore[operator]

    def optimisers(self, phase: Phase) -> dict[str, Iterable[Any]]:
        """Return both groups: the regressor learns faster."""
        head = {"params": list(self.regressor.parameters()), "lr_factor": self.settings.head_lr_factor}
        return {"main": [head, {"params": list(self.attentions.parameters())}]}

    def represent(self, batch: Batch) -> Tensor:
        """Return what the streams find in each clip, side by side, (N, streams · 2 E)."""
        found = []
        for role in self.roles:
            features = shown(batch.features[role], self.windows[role], anywhere=self.training)
            found.append(self.attentions[role](self.standardise[role](features.values[:, 0].flatten(2)), features.mask))
        return torch.cat(found, dim=1)

    def forward(self, batch: Batch) -> Tensor:
        """Return each clip's share of the highest score, (N,)."""
        share: Tensor = self.regressor(self.represent(batch))[:, 0]
        return share

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the mean squared error of the shares."""
        batch = batches["train"]
        assert batch.target is not None
        return Step({"main": F.mse_loss(self(batch), batch.target / self.top)})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score."""
        return {"value": self.top * self(batch)}


def _initialise(module: nn.Module) -> None:
    """Give a layer the weights that the authors start from (Glorot's uniform ones)."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
