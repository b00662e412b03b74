"""AimCLR: contrast of normally and extremely augmented skeleton sequences (Guo et al., AAAI 2022, arXiv:2112.03590).

A query encoder, trained, and a key encoder that follows it with momentum see normally changed copies of a clip; the negatives are a
queue of former keys (MoCo v2).  An extremely changed copy goes through the query encoder once more, as it is and with its most
attended features dropped (energy-based attention-guided drop module, EADM); both are to spread over keys as the normal copy does
(dual distributional divergence minimisation, D3M).  From ``mining_epoch`` on, the nearest keys of the queue are positives too
(nearest neighbours mining, NNM).

Constants and the order of operations are those of the paper and its published settings.  What differs: clips have masks, a blur
keeps the body's size (:func:`stages.pretrain.methods.skeleton_changes.blur`), and the queue is never longer than the data set.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.spec import PoseSpec
from stages.engine import ranks
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import Inputs
from stages.engine.method import MethodConfig, Phase, Pretext, Sets, Step
from stages.engine.streams import Stream
from stages.engine.training import TrainingConfig
from stages.pretrain.methods.feature_maps import feature_map, pooled
from stages.pretrain.methods.skeleton_changes import Changes, Extreme, Normal, changed_view
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import layout_named


class Settings(MethodConfig):
    """Settings of the method."""

    encoder: str = "ctr-gcn"
    encoder_settings: dict[str, Any] = {}
    input: PoseInput = PoseInput()
    normal: Normal = Normal()
    """Changes of the query and of the key."""
    extreme: Extreme = Extreme()
    """Changes of the extreme query."""
    momentum: float = Field(0.999, ge=0, lt=1)
    """How much of the key encoder stays at each step.  Runs of few steps want less, 0.99; with much less (0.9) the keys drift along with
    the queries, and all representations become alike."""
    queue: int = Field(32768, ge=1)
    """Keys that are kept as negatives.  With fewer training clips than this, as many keys as there are clips: a longer queue would
    hold former keys of the same clips over and over."""
    temperature: float = Field(0.07, gt=0)
    """τ."""
    projection: int = Field(128, ge=1)
    """Outputs of the projection (two layers, the hidden one as wide as the representation)."""
    drop_threshold: float = Field(0.7, gt=0, lt=1)
    """EADM drops joints and features whose attention reaches this (a feature at the mean has .62)."""
    drop_lambda: float = Field(1e-4, gt=0)
    """λ of the energy."""
    mining_epoch: int = Field(150, ge=0)
    """Epochs before the nearest neighbours become positives; half of the training in the paper."""
    neighbours: int = Field(1, ge=1)
    """k: keys that each of the three queries adds to the positives."""


class AimCLR(Pretext):
    """Query and key encoders with their projections, and the queue of keys."""

    SETTINGS: ClassVar = Settings
    TRAINING: ClassVar = TrainingConfig(
        epochs=300,
        batch_size=128,
        optimiser="sgd",
        lr=0.1,
        momentum=0.9,
        nesterov=False,
        weight_decay=1e-4,
        schedule="step",
        step_epochs=(250,),
        decay=0.1,
    )
    couples_batch: ClassVar = True  # the queue moves on at every step, and batch normalisation sees whole batches
    queue: Tensor
    pointer: Tensor
    taken: Tensor

    def __init__(self, settings: Settings, encoder: PoseSpec) -> None:
        super().__init__()
        self.settings, self.spec = settings, encoder
        self.inputs = Inputs(poses=encoder.input)
        self.layout = layout_named(encoder.skeleton)
        self.encoder = encoder.build()
        width = int(self.encoder.dimensions)  # type: ignore[arg-type]
        self.projection = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, settings.projection))
        self.key_encoder, self.key_projection = copy.deepcopy(self.encoder), copy.deepcopy(self.projection)
        self.key_encoder.requires_grad_(False)
        self.key_projection.requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(settings.queue, settings.projection), dim=1))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))
        self.register_buffer("taken", torch.zeros((), dtype=torch.long))
        self.steps_per_epoch = 1

    def measure(self, train: Clips) -> None:
        """Shorten the queue to the number of clips, and let the key encoder begin as the query encoder (which ``--init`` may bring)."""
        self.queue = self.queue[: len(train)].clone()
        self.key_encoder.load_state_dict(self.encoder.state_dict())

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the batch source; its length tells which epoch a step belongs to."""
        streams = super().streams(sets, phase, training)
        self.steps_per_epoch = streams["train"].steps
        return streams

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the loss of one batch; in training also move the key encoder and the queue on."""
        batch = batches["train"]
        if self.training:
            self.follow()
        query = self._unit(self.projection(self.encoder(self._view(batch, self.settings.normal), batch.mask)))
        extreme, dropped = self._extreme(batch)
        with torch.no_grad():
            keys = self._unit(self.key_projection(self.key_encoder(self._view(batch, self.settings.normal), batch.mask)))
        queue = self.queue.clone()  # the queue moves on before the loss is differentiated
        logits, *others = (similarities(each, keys, queue) / self.settings.temperature for each in (query, extreme, dropped))
        positives = own_key(logits)
        if self.training and int(self.taken) >= self.settings.mining_epoch * self.steps_per_epoch:
            positives = mined([logits, *others], self.settings.neighbours)
        contrast = contrastive(logits, positives)
        divergence = torch.stack([d3m(other, logits) for other in others]).mean()
        if self.training:
            self.enqueue(ranks.gathered(keys))
            self.taken += 1
        terms = {"contrast": contrast, "divergence": divergence, "retrieval": (logits.argmax(dim=1) == 0).float().mean()}
        return Step({"main": contrast + divergence}, terms)

    @torch.no_grad()
    def follow(self) -> None:
        """Move the key encoder towards the query encoder: key ← m · key + (1 - m) · query, weights only.

        Called at the beginning of a step, when the optimiser's last step is done.
        """
        followed = [*self.encoder.parameters(), *self.projection.parameters()]
        following = [*self.key_encoder.parameters(), *self.key_projection.parameters()]
        for key, query in zip(following, followed, strict=True):
            key.mul_(self.settings.momentum).add_(query, alpha=1 - self.settings.momentum)

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Write keys (N, D) over the oldest of the queue; of more keys than it holds, the last ones."""
        size = len(self.queue)
        keys = keys[-size:]
        self.queue[(self.pointer + torch.arange(len(keys), device=keys.device)) % size] = keys
        self.pointer.copy_((self.pointer + len(keys)) % size)

    def _extreme(self, batch: Batch) -> tuple[Tensor, Tensor]:
        features, mask = feature_map(self.encoder, self._view(batch, self.settings.extreme), batch.mask)
        rest = without_attended(features, mask, self.settings.drop_threshold, self.settings.drop_lambda)
        return self._unit(self.projection(pooled(features, mask))), self._unit(self.projection(pooled(rest, mask)))

    def _view(self, batch: Batch, changes: Changes) -> Tensor:
        return changed_view(batch, changes, self.spec.input, self.layout)

    def _unit(self, features: Tensor) -> Tensor:
        return F.normalize(features.float(), dim=1)


def similarities(query: Tensor, keys: Tensor, queue: Tensor) -> Tensor:
    """Return (N, 1 + K): the cosine of each query (N, D) with its own key (N, D), then with the K keys of the queue (K, D)."""
    return torch.cat([(query * keys).sum(dim=1, keepdim=True), query @ queue.T], dim=1)


def own_key(logits: Tensor) -> Tensor:
    """Return the positives (N, 1 + K) of the first stage: each clip's own key."""
    positives = torch.zeros_like(logits, dtype=torch.bool)
    positives[:, 0] = True
    return positives


@torch.no_grad()
def mined(logits: list[Tensor], neighbours: int) -> Tensor:
    """Return the positives (N, 1 + K) of the second stage (NNM): the own key, and the nearest of the queue to each of the queries."""
    positives = own_key(logits[0])
    for each in logits:
        nearest = each[:, 1:].topk(min(neighbours, each.shape[1] - 1), dim=1).indices
        positives.scatter_(1, nearest + 1, True)
    return positives


def contrastive(logits: Tensor, positives: Tensor) -> Tensor:
    """Return the contrastive loss: minus the mean log-probability of a clip's positives, averaged over the clips.

    With the own key alone this is InfoNCE.

    Args:
        logits: (N, 1 + K), similarities divided by τ.
        positives: (N, 1 + K).
    """
    chosen = torch.where(positives, F.log_softmax(logits, dim=1), 0.0).sum(dim=1)
    return -(chosen / positives.sum(dim=1)).mean()


def d3m(logits: Tensor, normal: Tensor) -> Tensor:
    """Return -Σ p log q averaged over the clips: q over the keys is to be what the normal query's p is, through which nothing is trained.

    Args:
        logits: (N, 1 + K) of an extreme query.
        normal: (N, 1 + K) of the normal query.
    """
    return -(F.softmax(normal.detach(), dim=1) * F.log_softmax(logits, dim=1)).sum(dim=1).mean()


@torch.no_grad()
def attention(features: Tensor, mask: Tensor, regularisation: float) -> Tensor:
    """Return each feature's attention, the logistic function of its inverse energy: (x - μ)² / (4 (σ² + λ)) + 1/2.

    Args:
        features: (N, M, D, T, V); μ and σ² (with n - 1) are those of one person's channel over its real frames and joints.
        mask: (N, T).
        regularisation: λ.
    """
    real = mask[:, None, None, :, None]
    count = (mask.sum(dim=1) * features.shape[4])[:, None, None, None, None]
    mean = (features * real).sum(dim=(3, 4), keepdim=True) / count.clamp(min=1)
    squares = (features - mean).square() * real
    variance = squares.sum(dim=(3, 4), keepdim=True) / (count - 1).clamp(min=1)
    return torch.sigmoid(squares / (4 * (variance + regularisation)) + 0.5)


def without_attended(features: Tensor, mask: Tensor, threshold: float, regularisation: float) -> Tensor:
    """Return the feature map without its most attended parts (EADM), the rest scaled up as dropout does.

    First whole joints go, whose attention reaches the threshold on average over channels and frames, then single features.

    Args:
        features: (N, M, D, T, V).
        mask: (N, T); padded frames count nowhere.
        threshold: of the attention, between 0 and 1.
        regularisation: λ, see :func:`attention`.
    """
    degree = attention(features.float(), mask, regularisation)
    real = mask[:, None, None, :, None].expand_as(degree)
    frames = (degree * real).sum(dim=3, keepdim=True) / mask.sum(dim=1).clamp(min=1)[:, None, None, None, None]
    joints = (frames.mean(dim=2, keepdim=True) < threshold).to(features.dtype)
    single = ((degree < threshold) & real).to(features.dtype)
    scale = joints.numel() / joints.sum().clamp(min=1) * (real.sum() / single.sum().clamp(min=1))
    return features * joints * single * scale
