"""Masked segment feature recovery (S4AQA, section III-B): what is hidden of a clip, and the decoders that recover it.

One segment's feature is set to zero, and a decoder recovers it from the encoder's intermediate feature without being told which one it
was (equations 4 and 5; the mean over a feature's numbers is ours).  Table VI's other tasks: of several masked segments the mean of their
features is recovered; or all segments are recovered from those of their first frames standing still (the view ``still``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from stages.configuration import Config
from stages.encoders.segments import SegmentEncoder
from stages.engine import ranks
from stages.engine.batch import Batch
from stages.engine.inputs import FeatureInput
from stages.errors import UsageError

VIEWS = ("original", "still")


class RecoveryConfig(Config):
    """What is hidden, and what recovers it."""

    strategy: Literal["mask", "keep-first-frame"] = "mask"
    """Recover masked segments, or all segments from those of their first frames standing still (the view ``still``)."""
    masked_segments: int = Field(1, ge=1)
    """Masked segments of a clip; of several, the mean of their features is recovered."""
    hidden: int = Field(256, ge=1)
    """Units of the decoders."""


@dataclass(frozen=True)
class Hidden:
    """Clips of which something is hidden.

    Attributes:
        batch: the clips.
        segments: role → which segments are to be recovered, (N, S).
        seen: role → what is left, (N, S, D).
        whole: role → what was there, (N, S, D).
    """

    batch: Batch
    segments: Mapping[str, Tensor]
    seen: Mapping[str, Tensor]
    whole: Mapping[str, Tensor]


class SegmentRecovery(nn.Module):
    """A decoder Φ for each kind of features: two fully connected layers with a ReLU, on its own encoder's part of f.

    Raises:
        UsageError: masking would leave nothing of a clip, or the features lack the view ``still``.
    """

    def __init__(self, config: RecoveryConfig, encoder: SegmentEncoder, inputs: Mapping[str, FeatureInput]) -> None:
        super().__init__()
        self.config = config
        _check(config, encoder, inputs)
        whole = config.strategy == "keep-first-frame"
        outputs = {role: size * (encoder.segments[role] if whole else 1) for role, size in encoder.sizes.items()}
        self.decoders = nn.ModuleDict({role: _decoder(encoder.parts[role], config.hidden, size) for role, size in outputs.items()})

    def hide(self, encoder: SegmentEncoder, batch: Batch) -> Hidden:
        """Hide what the strategy hides."""
        whole = encoder.values(batch)
        if self.config.strategy == "keep-first-frame":
            return Hidden(batch, {role: batch.features[role].mask for role in encoder.roles}, encoder.values(batch, view=1), whole)
        segments = {role: masked_segments(batch.features[role].mask, self.config.masked_segments) for role in encoder.roles}
        return Hidden(batch, segments, {role: values * ~segments[role][:, :, None] for role, values in whole.items()}, whole)

    def loss(self, parts: Mapping[str, Tensor], hidden: Hidden) -> Tensor:
        """Return equation 5, averaged over kinds of features, given each kind's part of f (N, D) of the clips with segments hidden."""
        losses = []
        for role, part in parts.items():
            guess, values, weight = self.decoders[role](part), hidden.whole[role], hidden.segments[role][:, :, None].to(part.dtype)
            if self.config.strategy == "mask":
                target = (values * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
                losses.append((guess - target).abs().mean())
            else:
                apart = (guess.view_as(values) - values).abs() * weight
                losses.append(ranks.mean_of(apart.sum(), weight.sum() * values.shape[2]))
        return torch.stack(losses).mean()


def masked_segments(mask: Tensor, count: int) -> Tensor:
    """Return which segments (N, S) are masked: ``count`` random real ones of each clip, all but one where a clip has no more than that."""
    order = torch.rand(mask.shape, device=mask.device).masked_fill(~mask, 2.0).argsort(dim=1).argsort(dim=1)
    allowed = (mask.sum(dim=1, keepdim=True) - 1).clamp(max=count)
    return (order < allowed) & mask


def _decoder(inputs: int, hidden: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def _check(config: RecoveryConfig, encoder: SegmentEncoder, inputs: Mapping[str, FeatureInput]) -> None:
    fewest = min(encoder.segments.values())
    if config.strategy == "mask" and config.masked_segments >= fewest:
        raise UsageError(
            f"{config.masked_segments} masked segment(s) leave nothing of clips of {fewest} to recover them from.",
            hint="mask fewer, or leave the recovery out: finetune --set settings.recovery_weight=0",
        )
    if config.strategy == "keep-first-frame":
        for role in encoder.roles:
            if inputs[role].views != VIEWS:
                raise UsageError(
                    f"Keeping the first frame takes the views {', '.join(VIEWS)} of {role}, not {', '.join(inputs[role].views)}.",
                    hint=f'aqa extract-features --views original,still; then --set settings.{role}.views=["original","still"]',
                )
