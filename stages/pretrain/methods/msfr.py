"""Masked segment feature recovery alone (S4AQA, table IX, "vanilla SSL"): an encoder from unlabelled clips, before any score is seen.

S4AQA's own order trains recovery and regression together; this is what it is compared with.  ``aqa finetune --method s4aqa --init …
--set settings.recovery_weight=0 --set settings.alignment=none`` goes on from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from stages.encoders.segment_recovery import RecoveryConfig, SegmentRecovery
from stages.encoders.segments import SegmentEncoder, SegmentInputs
from stages.encoders.spec import SegmentSpec
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import Inputs
from stages.engine.method import MethodConfig, Phase, Pretext, Sets, Step
from stages.engine.streams import Shuffled, Stream
from stages.engine.training import TrainingConfig


class Settings(SegmentInputs, RecoveryConfig):
    """Settings of the method; S4AQA's."""


class MSFR(Pretext):
    """S4AQA's encoder, and decoders of hidden segments."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=1000, batch_size=32, optimiser="adam", lr=5e-4, weight_decay=1e-4)
    uses_encoder: ClassVar = "features"
    encoder: SegmentEncoder

    def __init__(self, settings: Settings, encoder: SegmentSpec) -> None:
        super().__init__()
        chosen = {role: getattr(settings, role) for role in settings.roles()}
        self.inputs = Inputs(features={role: each.model_copy(update={"segments": encoder.sizes[role][0]}) for role, each in chosen.items()})
        self.encoder = encoder.build()
        self.recovery = SegmentRecovery(settings, self.encoder, self.inputs.features)

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return the kinds of features."""
        return settings.roles()

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the clips' segments."""
        self.encoder.measure(train)

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the batches; batch norm cannot take a batch of one clip."""
        return {name: Shuffled(sets[name], training.batch_size, least=2) for name in phase.sets}

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the loss of recovering what is hidden (equation 5)."""
        hidden = self.recovery.hide(self.encoder, next(iter(batches.values())))
        f = self.encoder([(hidden.seen, hidden.batch)])[0]
        return Step({"main": self.recovery.loss(self.encoder.by_role(f), hidden)})
