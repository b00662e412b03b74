"""PSTL: partial spatio-temporal learning (Zhou et al., AAAI 2023, arXiv:2302.09018).

Three differently changed copies of a clip go through one encoder and one projection: the anchor as it is, one without its most
central joints (central spatial masking, CSM), one without its fastest frames (motion attention temporal masking, MATM).  The
features of the anchor and of each masked copy are to be correlated one to one and not otherwise (Barlow Twins); there are no negatives.

Constants and the order of operations are those of the published settings.  There 8 of 25 joints and twice 10 of 50 frames are
masked; here they are shares, which hold for other skeletons and lengths.  The published encoder is cut down to the joints that are
left; here any encoder sees the masked ones as zeros, and they do not count in the mean over the joints.  Each clip draws its own
changes and joints, not each batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from stages.encoders.spec import PoseSpec
from stages.engine import ranks
from stages.engine.batch import Batch
from stages.engine.inputs import Inputs
from stages.engine.method import MethodConfig, Phase, Pretext, Step
from stages.engine.training import TrainingConfig
from stages.pretrain.methods.feature_maps import feature_map, pooled
from stages.pretrain.methods.pstl_masks import central_joints, closed_up, degrees, kept_frames
from stages.pretrain.methods.skeleton_changes import Amount, Chance, Normal, changed_view
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import layout_named


class Partial(Normal):
    """PSTL's changes of each copy, before it is masked."""

    shear: Amount = 1.0
    swap_sides: Chance = 0.5
    rotate: Amount = 30.0
    rotate_others: Amount = 1.0


class Settings(MethodConfig):
    """Settings of the method."""

    encoder: str = "ctr-gcn"
    encoder_settings: dict[str, Any] = {}
    input: PoseInput = PoseInput()
    changes: Partial = Partial()
    mask_joints: float = Field(0.32, ge=0, lt=1)
    """Share of the joints that CSM masks."""
    mask_frames: float = Field(0.2, ge=0, lt=0.5)
    """Share of the valid frames that MATM masks for their speed; as many more go at random."""
    projection: int = Field(6144, ge=2)
    """Width of the three layers of the projection.  The paper's has 77 million weights; 512 learns much faster on a CPU."""
    balance: float = Field(2e-4, ge=0)
    """λ, the weight of the features' correlations with each other; a narrower projection wants more (λ · projection ≈ 1.2)."""


class PSTL(Pretext):
    """Encoder and projection."""

    SETTINGS: ClassVar = Settings
    TRAINING: ClassVar = TrainingConfig(
        epochs=150, batch_size=128, optimiser="adam", lr=5e-3, weight_decay=1e-5, schedule="cosine", warmup_epochs=10
    )
    couples_batch: ClassVar = True
    degree: Tensor

    def __init__(self, settings: Settings, encoder: PoseSpec) -> None:
        super().__init__()
        self.settings, self.spec = settings, encoder
        self.inputs = Inputs(poses=encoder.input)
        self.layout = layout_named(encoder.skeleton)
        self.encoder = encoder.build()
        self.projection = _projection(int(self.encoder.dimensions), settings.projection)  # type: ignore[arg-type]
        self.register_buffer("degree", degrees(self.layout), persistent=False)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the loss of one batch: that of anchor and spatially masked copy, plus that of anchor and temporally masked copy."""
        batch = batches["train"]
        anchor = self.projection(self.encoder(self._changed(batch), batch.mask))
        spatial, temporal = (barlow_twins(anchor, self.projection(masked), self.settings.balance) for masked in self._masked(batch))
        return Step({"main": spatial + temporal}, {"spatial": spatial, "temporal": temporal})

    def _masked(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the representations (N, D) of the spatially and of the temporally masked copy."""
        rest = ~central_joints(len(batch), self.degree, self.settings.mask_joints)
        features, mask = feature_map(self.encoder, self._changed(batch) * rest[:, None, None, :, None], batch.mask)
        spatial = pooled(features, mask, rest)
        copied = self._changed(batch)
        return spatial, self.encoder(*closed_up(copied, kept_frames(copied, batch.mask, self.settings.mask_frames)))

    def _changed(self, batch: Batch) -> Tensor:
        return changed_view(batch, self.settings.changes, self.spec.input, self.layout)


def barlow_twins(one: Tensor, two: Tensor, balance: float) -> Tensor:
    """Return Σ_i (1 - C_ii)² + λ Σ_i Σ_{j≠i} C_ij², where C is the cross-correlation of two batches' features.

    Args:
        one: (N, D).
        two: (N, D), row by row of the same clips.
        balance: λ.
    """
    one, two = ranks.gathered(one.float()), ranks.gathered(two.float())
    correlation = _standardised(one).T @ _standardised(two) / len(one)
    agreement = correlation.diagonal()
    others = correlation.square().sum() - agreement.square().sum()
    return (1 - agreement).square().sum() + balance * others


def _standardised(features: Tensor) -> Tensor:
    """Return each column with mean 0 and variance 1 over the batch; the constant is that of batch normalisation."""
    variance, mean = torch.var_mean(features, dim=0, correction=0)
    return (features - mean) / (variance + 1e-5).sqrt()


def _projection(inputs: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in (inputs, width):
        layers += [nn.Linear(size, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, width, bias=False))
