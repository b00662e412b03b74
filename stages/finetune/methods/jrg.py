"""JRG: action assessment by joint relation graphs (Pan, Gao and Zheng, ICCV 2019), on features of the scene and of squares around joints.

In every segment a network saw the whole scene and a square around each joint.  The *joint commonality module* takes the mean of the
joints' features, before and after a convolution on a spatial relation graph: the motion of body parts.  The *joint difference module*
compares every joint with its neighbours in the same segment and, on a temporal relation graph, with those in the segment before, and
takes the means of both: how joints coordinate.  The graphs are learned, are not negative and have edges only where the skeleton has.
The *regression module* encodes the scene and these four, adds them with learned weights, and reads a score from every segment; the
clip's score is made of those.  The loss is the squared error, with a term that makes the encoded features orthogonal and the squared
weights of the graphs.

The equations are those of a published summary of the paper, whose text was not at hand; sizes stand in the public code of its successor
(Pan et al., Adaptive Action Assessment, TPAMI 2021) and of a later work on the same network.  ``docs/supervised-baselines.md`` says which
is which, and what is ours.

Joints of a clip that were never seen are left out of every sum and mean.  J joints, E encoded dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.real_frames import mean_of_real
from stages.encoders.standardise import Standardise
from stages.engine import ranks
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs, PatchInput
from stages.engine.method import Assessor, Context, MethodConfig, Phase, Step, feature_inputs
from stages.engine.opening import PATCHES
from stages.engine.training import TrainingConfig
from stages.errors import ArtifactError, UsageError
from stages.skeletons.layouts import Layout, layout_named

MODALITIES: Mapping[str, str] = {"features": "patches", "flow": "flow_patches"}
"""Role of a modality's features of the whole scene → role of those of squares around joints."""
KINDS = ("scene", "joints", "commonality", "spatial-difference", "temporal-difference")
"""What the regression module encodes of every segment."""


class Settings(MethodConfig):
    """Settings of the method."""

    features: FeatureInput = FeatureInput()
    """Of the whole scene."""
    patches: PatchInput = PatchInput()
    """Of squares around joints; by default called like ``features``, with ``-patches``."""
    flow: FeatureInput | None = None
    """Features of optical flow as a second modality; None for one alone."""
    flow_patches: PatchInput | None = None
    """By default called like ``flow``, with ``-patches``."""
    standardise: bool = False
    """Whether features are standardised by the training clips' segments; the authors take them as they are."""
    embedding: int = Field(256, ge=2)
    """E: numbers of an encoded feature, those of all modalities together."""
    hidden: int = Field(256, ge=1)
    """Units of the regressor."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """In the encoders and the regressor."""
    orthogonal_weight: float = Field(0.8, ge=0)
    graph_weight: float = Field(0.1, ge=0)
    """Of the graphs' squared weights."""
    graph_lr_factor: float = Field(10.0, gt=0)
    """Times the learning rate for the graphs."""

    @model_validator(mode="before")
    @classmethod
    def _called_alike(cls, data: Any) -> Any:
        """Name the features of squares after those of the scene, where nothing else is said."""
        if not isinstance(data, Mapping):
            return data
        named = dict(data)
        for scene, squares in MODALITIES.items():
            backbone, given = _value(data.get(scene), "backbone"), data.get(squares)
            if backbone and _value(given, "backbone") is None:
                rest = given if isinstance(given, Mapping) else {} if given is None else given.model_dump()
                named[squares] = {**rest, "backbone": f"{backbone.removesuffix(PATCHES)}{PATCHES}"}
        return named

    @model_validator(mode="after")
    def _in_pairs(self) -> Settings:
        if (self.flow is None) != (self.flow_patches is None):
            raise ValueError("flow and flow_patches are given together or not at all")
        if self.flow is not None and self.embedding % 2:
            raise ValueError("embedding is shared by two modalities: an even number")
        return self

    def modalities(self) -> dict[str, str]:
        """Return the modalities that there are, as :data:`MODALITIES` has them."""
        return {scene: squares for scene, squares in MODALITIES.items() if getattr(self, scene) is not None}


def _value(part: Any, name: str) -> Any:
    return part.get(name) if isinstance(part, Mapping) else getattr(part, name, None)


def neighbours(layout: Layout) -> Tensor:
    """Return which joints are neighbours, (J, J) of ones and zeros: those that an edge connects, and every joint with itself."""
    found = torch.eye(len(layout.joints))
    for one, other in layout.edges:
        found[one, other] = found[other, one] = 1
    return found


class JointRelations(nn.Module):
    """The commonality and the difference module on graphs of their own: squares (N, S, J, D) → four means over the joints (N, S, D)."""

    connected: Tensor

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        count = len(layout.joints)
        self.register_buffer("connected", neighbours(layout), persistent=False)
        self.spatial, self.temporal = nn.Parameter(torch.rand(count, count)), nn.Parameter(torch.rand(count, count))
        bound = count**-0.5
        self.spatial_weights = nn.Parameter(torch.empty(count).uniform_(-bound, bound))
        self.temporal_weights = nn.Parameter(torch.empty(count).uniform_(-bound, bound))

    def graphs(self) -> tuple[Tensor, Tensor]:
        """Return the spatial and the temporal relation graph (J, J); row i says how much each joint counts for joint i."""
        return self.spatial.abs() * self.connected, self.temporal.abs() * self.connected

    def size(self) -> Tensor:
        """Return the mean squared weight of both graphs' edges."""
        return torch.stack([graph.square().sum() for graph in self.graphs()]).sum() / (2 * self.connected.sum())

    def forward(self, squares: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what all but the first of :data:`KINDS` are made of.

        Args:
            squares: (N, S, J, D), finite.
            known: (N, J) ones and zeros; which joints a clip has.
        """
        spatial, temporal = self.graphs()
        own = squares * known[:, None, :, None]
        before = torch.cat([own[:, :1], own[:, :-1]], dim=1)
        found = (
            own,
            torch.einsum("ij,nsjd->nsid", spatial, own),
            differences(own, own, spatial * self.spatial_weights, known),
            differences(own, before, temporal * self.temporal_weights, known),
        )
        share = known / known.sum(dim=1, keepdim=True).clamp(min=1)
        common, convolved, within, since = (torch.einsum("nj,nsjd->nsd", share, each) for each in found)
        return common, convolved, within, since


def differences(own: Tensor, other: Tensor, weights: Tensor, known: Tensor) -> Tensor:
    """Return, of every joint i, the sum over joints j of weights_ij (own_i - other_j), (N, S, J, D).

    Args:
        own: (N, S, J, D).
        other: the same of other segments; joints that are not known are zero in both.
        weights: (J, J).
        known: (N, J) ones and zeros.
    """
    total = known @ weights.T
    return total[:, None, :, None] * own - torch.einsum("ij,nsjd->nsid", weights, other)


def alikeness(encoded: Tensor, mask: Tensor) -> Tensor:
    """Return how far features of different kinds are from orthogonal: |cosine|, the mean over pairs of kinds and real segments.

    Args:
        encoded: (N, S, K, E).
        mask: (N, S), true where a segment is real.
    """
    unit = F.normalize(encoded[mask], dim=-1)
    cosines = unit @ unit.transpose(1, 2)
    pairs = torch.tensor(list(combinations(range(encoded.shape[2]), 2)), device=encoded.device)
    found = cosines[:, pairs[:, 0], pairs[:, 1]].abs()
    return ranks.mean_of(found.sum(), torch.tensor(found.numel()))


class JRG(Assessor):
    """Scene and squares → five encoded features of every segment → their weighted sum → a score of every segment → their mean."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=400, batch_size=32, optimiser="adam", lr=1e-3, weight_decay=1e-5)

    def __init__(self, settings: Settings, context: Context) -> None:
        if context.classes:
            raise UsageError("JRG predicts scores only.", hint="--task score")
        super().__init__()
        self.settings, self.context, self.modalities = settings, context, settings.modalities()
        self.inputs = Inputs(features=feature_inputs(type(self), settings, context))
        _check(self.modalities, context.features)
        self.relations = JointRelations(layout_named(context.skeleton))
        share = settings.embedding // len(self.modalities)
        sizes = {role: size[1] for role, size in context.features.items()}
        self.standardise = nn.ModuleDict({role: Standardise(size) for role, size in sizes.items()})
        self.encoders = nn.ModuleDict(
            {
                scene: nn.ModuleList(_encoder(sizes[scene if kind == "scene" else squares], share, settings.dropout) for kind in KINDS)
                for scene, squares in self.modalities.items()
            }
        )
        self.kind_weights = nn.Parameter(torch.full((len(KINDS),), 1 / len(KINDS)))
        self.bias = nn.Parameter(torch.zeros(1))
        width = share * len(self.modalities)
        self.regressor = nn.Sequential(
            nn.Linear(width, settings.hidden), nn.ReLU(), nn.Dropout(settings.dropout), nn.Linear(settings.hidden, 1)
        )

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return the kinds of features."""
        return tuple(role for pair in settings.modalities().items() for role in pair)

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' segments, where features are standardised; squares' over all joints."""
        if not self.settings.standardise:
            return
        for role, standardise in self.standardise.items():
            features = train.features[role]
            rows = features.values[:, 0][features.mask]
            rows = rows.transpose(1, 2).flatten(0, 1) if rows.ndim == 3 else rows
            standardise.measure(rows[rows.isfinite().all(dim=1)])  # type: ignore[operator]

    def optimisers(self, phase: Phase) -> dict[str, Iterable[Any]]:
        """Return both groups: the graphs learn faster, and have a decay of their own in the loss."""
        graphs = [self.relations.spatial, self.relations.temporal]
        rest = [parameter for parameter in self.parameters() if not any(parameter is graph for graph in graphs)]
        return {"main": [{"params": graphs, "lr_factor": self.settings.graph_lr_factor, "weight_decay": 0.0}, {"params": rest}]}

    def encoded(self, batch: Batch) -> Tensor:
        """Return the five encoded features of every segment, (N, S, K, E); segments beyond a clip hold nothing of use."""
        found = []
        for scene, squares in self.modalities.items():
            patches = batch.features[squares].values[:, 0]
            # The never-seen joints of a clip are NaN in all of its segments.
            known = patches.isfinite().all(dim=2).all(dim=1).to(patches.dtype)
            patches = self.standardise[squares](patches.transpose(2, 3)).nan_to_num(nan=0.0)
            seen = (self.standardise[scene](batch.features[scene].values[:, 0]), *self.relations(patches, known))
            encoders: Any = self.encoders[scene]
            found.append(torch.stack([encode(each) for encode, each in zip(encoders, seen, strict=True)], dim=2))
        return torch.cat(found, dim=3)

    def pooled(self, encoded: Tensor) -> Tensor:
        """Return the sum of the five encoded features with learned weights, (N, S, E)."""
        return torch.einsum("k,nske->nse", self.kind_weights, encoded) + self.bias

    def real(self, batch: Batch) -> Tensor:
        """Return which segments every role has, (N, S)."""
        return torch.stack([batch.features[role].mask for pair in self.modalities.items() for role in pair]).all(dim=0)

    def represent(self, batch: Batch) -> Tensor:
        """Return the mean over real segments of what scores are read from, (N, E)."""
        return mean_of_real(self.pooled(self.encoded(batch)), self.real(batch))

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the squared error and both regularisers."""
        batch = batches["train"]
        assert batch.target is not None
        encoded, mask = self.encoded(batch), self.real(batch)
        scores = mean_of_real(self.regressor(self.pooled(encoded)), mask)[:, 0]
        terms = {
            "score": F.mse_loss(scores, batch.target),
            "orthogonal": alikeness(encoded, mask),
            "graphs": self.relations.size(),
        }
        own = self.settings
        return Step({"main": terms["score"] + own.orthogonal_weight * terms["orthogonal"] + own.graph_weight * terms["graphs"]}, terms)

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, and ``value.segment-K``, what segment K alone says (NaN beyond the clip): the score is their mean."""
        mask = self.real(batch)
        scores = self.regressor(self.pooled(self.encoded(batch)))
        alone = scores[..., 0].masked_fill(~mask, torch.nan)
        segments = {f"value.segment-{number + 1}": alone[:, number] for number in range(alone.shape[1])}
        return {"value": mean_of_real(scores, mask)[:, 0], **segments}


def _encoder(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.Dropout(dropout), nn.ReLU())


def _check(modalities: Mapping[str, str], sizes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise where features are not of the whole scene, or those of the scene and of squares are not of the same segments."""
    for scene in modalities:
        if len(sizes[scene]) != 2:
            raise ArtifactError(
                f"JRG takes {scene} of the whole scene, a vector per segment; these have {' × '.join(map(str, sizes[scene][1:]))} numbers.",
                hint="--backbone NAME names them; those of squares around joints are then called NAME-patches",
            )
    if len({size[0] for size in sizes.values()}) > 1:
        told = ", ".join(f"{size[0]} of {role}" for role, size in sizes.items())
        raise ArtifactError(
            f"JRG sees the scene and the squares in the same segments, and there are {told}.",
            hint="aqa extract-features, all with the same --sampling and --segments",
        )
