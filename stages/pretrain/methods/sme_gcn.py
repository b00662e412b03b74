"""SME-GCN: self-supervised mask encoder graph convolution network (2M-AF, section 3.1).

Two copies of a clip, each with other frames set to zero, go through one encoder; their representations should agree, those of
different clips should not (NT-Xent over the 2N views).  The paper gives neither the reach k of the variance mask nor the temperature
τ; ours are k = 2 and τ = 0.1.  Its fully connected layer is the projection that the loss compares, and is left behind afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.spec import PoseSpec
from stages.engine import ranks
from stages.engine.augment import Augmentation, augment
from stages.engine.batch import Batch
from stages.engine.inputs import Inputs
from stages.engine.method import MethodConfig, Phase, Pretext, Step
from stages.engine.training import TrainingConfig
from stages.pretrain.methods.masks import MaskName, masked_frames
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import Layout, layout_named


class Settings(MethodConfig):
    """Settings of the method."""

    encoder: str = "ctr-gcn"
    encoder_settings: dict[str, Any] = {}
    input: PoseInput = PoseInput()
    masks: tuple[MaskName, MaskName] = ("variance", "temporal")
    """The masks of the two copies; the paper's choice, ``random`` is its ablation (table 7)."""
    mask_rate: float = Field(0.38, ge=0, lt=1)
    """r_m, the masked share of the valid frames; the paper compares .38, .69 and .84."""
    reach: int = Field(2, ge=1)
    """k of equation 2."""
    temperature: float = Field(0.1, gt=0)
    """τ of equation 4."""
    projection: int = Field(128, ge=1)
    """Outputs of the fully connected layer."""
    augmentation: Augmentation = Augmentation()
    """Random changes of each copy before it is masked; the paper has none."""


class SMEGCN(Pretext):
    """Encoder, projection, two masks and the contrastive loss."""

    SETTINGS: ClassVar = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=60, batch_size=64, optimiser="adam", lr=1e-3, schedule="cosine", warmup_epochs=2)
    couples_batch: ClassVar = True

    def __init__(self, settings: Settings, encoder: PoseSpec) -> None:
        super().__init__()
        self.settings, self.spec = settings, encoder
        self.inputs = Inputs(poses=encoder.input)
        self.layout = layout_named(encoder.skeleton)
        self.encoder = encoder.build()
        self.projection = nn.Linear(int(self.encoder.dimensions), settings.projection)  # type: ignore[arg-type]

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the contrastive loss of one batch, and how often a view's nearest view is its partner."""
        batch = batches["train"]
        views = [self.view(batch, name) for name in self.settings.masks]
        features = self.projection(self.encoder(torch.cat(views), torch.cat([batch.mask, batch.mask])))
        features = torch.cat([ranks.gathered(each) for each in features.chunk(2)])
        return Step({"main": nt_xent(features, self.settings.temperature)}, {"retrieval": retrieval(features)})

    def view(self, batch: Batch, mask: MaskName) -> Tensor:
        """Return one masked copy of the poses, (N, C, T, V, M)."""
        poses = augment(batch, self.settings.augmentation, self.spec.input, self.layout).poses
        masked = masked_frames(mask, centred(poses, self.layout), batch.mask, self.settings.mask_rate, self.settings.reach)
        return poses * ~masked[:, None, :, None, None]


def centred(poses: Tensor, layout: Layout) -> Tensor:
    """Subtract the body's centre from every joint in every frame (equation 1); (N, C, T, V, M)."""
    return poses - poses[:, :, :, layout.numbers(layout.centre)].mean(dim=3, keepdim=True)


def nt_xent(features: Tensor, temperature: float) -> Tensor:
    """Return the normalised temperature-scaled cross-entropy over 2N views (equation 4, as SimCLR defines it).

    The paper's formula repeats the positive pair in the denominator; the sum over all other views is meant.

    Args:
        features: (2N, D); views i and N + i are of one clip.
        temperature: τ.
    """
    count = len(features) // 2
    unit = F.normalize(features.float(), dim=1)
    similarity = unit @ unit.T / temperature
    similarity = similarity.masked_fill(torch.eye(2 * count, dtype=torch.bool, device=features.device), -torch.inf)
    partner = torch.arange(2 * count, device=features.device).roll(count)
    return F.cross_entropy(similarity, partner)


@torch.no_grad()
def retrieval(features: Tensor) -> Tensor:
    """Return the share of views whose most similar view is their partner; features (2N, D)."""
    count = len(features) // 2
    unit = F.normalize(features.float(), dim=1)
    similarity = (unit @ unit.T).fill_diagonal_(-torch.inf)
    return (similarity.argmax(dim=1) == torch.arange(2 * count, device=features.device).roll(count)).float().mean()
