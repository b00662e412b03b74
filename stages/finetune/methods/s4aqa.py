"""S4AQA: semi-supervised assessment with recovered segments and aligned representations (Zhang et al., sections III and IV).

Labelled clips train the regressor (equation 3).  In every unlabelled clip one segment's feature is set to zero, and a decoder recovers it
from the encoder's intermediate feature (equations 4 and 5), without being told which one it was.  A discriminator tells labelled clips from
unlabelled ones, whole and masked, and the encoder makes them alike by gradient reversal (equations 6 and 7).  Everything is trained
together (equation 8).

The switches of its tables: ``recovery_weight=0`` and ``alignment=none`` leave modules out (IV, V); ``masked_segments`` and
``strategy=keep-first-frame`` are other tasks of recovery (VI); ``flow`` adds a modality (VII); ``alignment`` chooses MMD and its kernel
(VIII); ``recover_labelled`` recovers segments of labelled clips, too, and ``--init`` with ``aqa pretrain --method msfr`` is the vanilla
order of self-supervision (IX).

What the paper leaves open, and ours: the sizes (:mod:`stages.finetune.methods.segments`), batches of 32 labelled and 32 unlabelled
clips, an epoch that is one pass over the more numerous kind, the bandwidth of MMD (the median distance), and the mean over a feature's
numbers in equation 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from stages.engine.batch import Batch
from stages.engine.method import Context, MethodConfig, Step
from stages.errors import UsageError
from stages.finetune.methods.alignment import Discriminator, domain_loss, mmd, reverse_gradient
from stages.finetune.methods.segments import SegmentSettings
from stages.finetune.methods.semi_supervised import SemiSupervised

Views = ("original", "still")


class Settings(SegmentSettings):
    """Settings of the method; weights are the paper's."""

    recovery_weight: float = Field(40.0, ge=0)
    """λ1 of equation 8; 0 leaves recovery out."""
    strategy: Literal["mask", "keep-first-frame"] = "mask"
    """Recover masked segments, or all segments from those of their first frames standing still (the view ``still``)."""
    masked_segments: int = Field(1, ge=1)
    """Masked segments of a clip; of several, the mean of their features is recovered."""
    recover_labelled: bool = False
    """Whether segments of labelled clips are recovered, too."""
    alignment: Literal["grl", "mmd-laplacian", "mmd-rbf", "none"] = "grl"
    alignment_weight: float = Field(0.1, ge=0)
    """λ2 of equation 8."""


@dataclass(frozen=True)
class Hidden:
    """Clips of which something is hidden.

    Attributes:
        batch: the clips.
        segments: role → which segments are to be recovered, (N, S).
        seen: role → what is left, (N, S, D).
    """

    batch: Batch
    segments: Mapping[str, Tensor]
    seen: Mapping[str, Tensor]

    @classmethod
    def of(cls, method: S4AQA, batch: Batch) -> Hidden:
        """Hide what the method's strategy hides."""
        if method.settings.strategy == "keep-first-frame":
            return cls(batch, {role: batch.features[role].mask for role in method.roles}, method.values(batch, view=1))
        hidden = {role: masked_segments(batch.features[role].mask, method.settings.masked_segments) for role in method.roles}
        return cls(batch, hidden, {role: values * ~hidden[role][:, :, None] for role, values in method.values(batch).items()})


class S4AQA(SemiSupervised):
    """Encoders and regressor, a decoder for each kind of features, and a discriminator."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings

    def __init__(self, settings: Settings, context: Context) -> None:
        super().__init__(settings, context)
        self.settings: Settings = settings
        self._check()
        self.decoders: nn.ModuleDict | None = None
        if settings.recovery_weight > 0:
            whole = settings.strategy == "keep-first-frame"
            self.decoders = nn.ModuleDict(
                {role: self._decoder(role, self.sizes[role] * (self.segments[role] if whole else 1)) for role in self.roles}
            )
        self.discriminator = Discriminator(self.dimensions, settings.hidden) if settings.alignment == "grl" else None

    def _check(self) -> None:
        fewest = min(self.segments.values())
        if self.settings.recovery_weight > 0 and self.settings.strategy == "mask" and self.settings.masked_segments >= fewest:
            raise UsageError(
                f"{self.settings.masked_segments} masked segment(s) leave nothing of clips of {fewest} to recover them from.",
                hint="--set settings.recovery_weight=0 leaves the recovery out",
            )
        if self.settings.recovery_weight > 0 and self.settings.strategy == "keep-first-frame":
            for role in self.roles:
                views = getattr(self.settings, role).views
                if views != Views:
                    raise UsageError(
                        f"Keeping the first frame takes the views {', '.join(Views)} of {role}, not {', '.join(views)}.",
                        hint=f'aqa extract-features --views original,still; then --set settings.{role}.views=["original","still"]',
                    )

    def _decoder(self, role: str, outputs: int) -> nn.Module:
        """Φ: two fully connected layers with a ReLU; of its own encoder's part of f."""
        return nn.Sequential(nn.Linear(self.parts[role], self.settings.hidden), nn.ReLU(), nn.Linear(self.settings.hidden, outputs))

    def semi_step(self, labelled: Batch, unlabelled: Batch) -> Step:
        """Return equation 8 and its terms."""
        hidden = [Hidden.of(self, batch) for batch in self._to_recover(labelled, unlabelled)]
        whole = [(self.values(batch), batch) for batch in (labelled, unlabelled)]
        f_labelled, f_unlabelled, *f_hidden = self.encode_together([*whole, *((each.seen, each.batch) for each in hidden)])
        terms = {"regression": self.regression_loss(f_labelled, labelled)}
        loss = terms["regression"]
        if hidden:
            parts = [len(each.batch) * self.recovery_loss(f, each) for f, each in zip(f_hidden, hidden, strict=True)]
            terms["recovery"] = torch.stack(parts).sum() / sum(len(each.batch) for each in hidden)
            loss = loss + self.settings.recovery_weight * terms["recovery"]
        if self.settings.alignment != "none":
            alignment, further = self.alignment_loss(f_labelled, [f_unlabelled, *f_hidden[:1]])
            terms |= {"alignment": alignment} | further
            loss = loss + self.settings.alignment_weight * alignment
        return Step({"main": loss}, terms)

    def _to_recover(self, labelled: Batch, unlabelled: Batch) -> list[Batch]:
        if self.decoders is None:
            return []
        return [unlabelled, labelled] if self.settings.recover_labelled else [unlabelled]

    def recovery_loss(self, f: Tensor, hidden: Hidden) -> Tensor:
        """Return equation 5, averaged over kinds of features, of clips whose intermediate feature is f (N, D) with segments hidden."""
        assert self.decoders is not None
        values, losses = self.values(hidden.batch), []
        for role, part in self.by_role(f).items():
            guess, weight = self.decoders[role](part), hidden.segments[role][:, :, None].to(f.dtype)
            if self.settings.strategy == "mask":
                target = (values[role] * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
                losses.append((guess - target).abs().mean())
            else:
                apart = (guess.view_as(values[role]) - values[role]).abs() * weight
                losses.append(apart.sum() / (weight.sum() * values[role].shape[2]).clamp(min=1))
        return torch.stack(losses).mean()

    def alignment_loss(self, labelled: Tensor, unlabelled: list[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss that makes labelled and unlabelled f alike, and how well the discriminator tells them apart."""
        if self.discriminator is None:
            kernel: Literal["laplacian", "rbf"] = "laplacian" if self.settings.alignment == "mmd-laplacian" else "rbf"
            return mmd(labelled, torch.cat(unlabelled), kernel), {}
        ours = self.discriminator(reverse_gradient(labelled))
        theirs = [self.discriminator(reverse_gradient(f)) for f in unlabelled]
        right = ((ours > 0).float().mean() + torch.cat([logits <= 0 for logits in theirs]).float().mean()) / 2
        return domain_loss(ours, theirs), {"discriminator_accuracy": right.detach()}


def masked_segments(mask: Tensor, count: int) -> Tensor:
    """Return which segments (N, S) are masked: ``count`` random real ones of each clip, all but one where a clip has no more than that."""
    order = torch.rand(mask.shape, device=mask.device).masked_fill(~mask, 2.0).argsort(dim=1).argsort(dim=1)
    allowed = (mask.sum(dim=1, keepdim=True) - 1).clamp(max=count)
    return (order < allowed) & mask
