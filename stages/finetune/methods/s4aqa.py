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
clips, an epoch that is one pass over the more numerous kind, and the bandwidth of MMD (the median distance).
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from stages.encoders.segment_recovery import Hidden, RecoveryConfig, SegmentRecovery
from stages.encoders.spec import SegmentSpec
from stages.engine.batch import Batch
from stages.engine.method import Context, MethodConfig, Step
from stages.finetune.methods.alignment import Discriminator, domain_loss, mmd, reverse_gradient
from stages.finetune.methods.segments import SegmentSettings
from stages.finetune.methods.semi_supervised import SemiSupervised


class Settings(SegmentSettings, RecoveryConfig):
    """Settings of the method; weights are the paper's."""

    recovery_weight: float = Field(40.0, ge=0)
    """λ1 of equation 8; 0 leaves recovery out."""
    recover_labelled: bool = False
    """Whether segments of labelled clips are recovered, too."""
    alignment: Literal["grl", "mmd-laplacian", "mmd-rbf", "none"] = "grl"
    alignment_weight: float = Field(0.1, ge=0)
    """λ2 of equation 8."""


class S4AQA(SemiSupervised):
    """Encoder and regressor, decoders of hidden segments, and a discriminator."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings

    def __init__(self, settings: Settings, context: Context, encoder: SegmentSpec) -> None:
        super().__init__(settings, context, encoder)
        self.settings: Settings = settings
        self.recovery = SegmentRecovery(settings, self.encoder, self.inputs.features) if settings.recovery_weight > 0 else None
        self.discriminator = Discriminator(self.dimensions, settings.hidden) if settings.alignment == "grl" else None

    def semi_step(self, labelled: Batch, unlabelled: Batch) -> Step:
        """Return equation 8 and its terms."""
        hidden = self._hidden(labelled, unlabelled)
        aligned = [unlabelled] if self.settings.alignment != "none" else []
        whole = [(self.encoder.values(batch), batch) for batch in (labelled, *aligned)]
        f_labelled, *f_others = self.encoder([*whole, *((each.seen, each.batch) for each in hidden)])
        f_hidden = f_others[len(aligned) :]
        terms = {"regression": self.regression_loss(f_labelled, labelled)}
        loss = terms["regression"]
        if self.recovery is not None:
            parts = [len(each.batch) * self.recovery.loss(self.encoder.by_role(f), each) for f, each in zip(f_hidden, hidden, strict=True)]
            terms["recovery"] = torch.stack(parts).sum() / sum(len(each.batch) for each in hidden)
            loss = loss + self.settings.recovery_weight * terms["recovery"]
        if aligned:
            alignment, further = self.alignment_loss(f_labelled, f_others[:2])  # unlabelled clips, whole and with segments hidden
            terms |= {"alignment": alignment} | further
            loss = loss + self.settings.alignment_weight * alignment
        return Step({"main": loss}, terms)

    def _hidden(self, labelled: Batch, unlabelled: Batch) -> list[Hidden]:
        if self.recovery is None:
            return []
        batches = [unlabelled, labelled] if self.settings.recover_labelled else [unlabelled]
        return [self.recovery.hide(self.encoder, batch) for batch in batches]

    def alignment_loss(self, labelled: Tensor, unlabelled: list[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss that makes labelled and unlabelled f alike, and how well the discriminator tells them apart.

        Args:
            labelled: f (N, D).
            unlabelled: f of unlabelled clips, and of the same with segments hidden where there are such; the accuracy is told for each,
                since what is hidden can give a clip away.
        """
        if self.discriminator is None:
            kernel: Literal["laplacian", "rbf"] = "laplacian" if self.settings.alignment == "mmd-laplacian" else "rbf"
            return mmd(labelled, torch.cat(unlabelled), kernel), {}
        ours = self.discriminator(reverse_gradient(labelled))
        theirs = [self.discriminator(reverse_gradient(f)) for f in unlabelled]
        named = zip(("discriminator_accuracy", "discriminator_accuracy_hidden"), theirs, strict=False)
        right = {name: ((ours > 0).float().mean() + (logits <= 0).float().mean()) / 2 for name, logits in named}
        return domain_loss(ours, theirs), {name: value.detach() for name, value in right.items()}
