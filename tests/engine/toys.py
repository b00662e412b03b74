"""Ten-line toy methods, one per pattern that real methods need, and the clips they run on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from stages.engine.batch import Batch, Clips
from stages.engine.method import Assessor, Phase, Sets, Step, TorchMethod
from stages.engine.streams import Shuffled, Stream, same_group
from stages.engine.training import TrainingConfig

FRAMES = 6


def clips(count: int = 24, seed: int = 0, *, labelled: bool = True) -> Clips:
    """Clips whose score is the mean height of the body, in three groups."""
    generator = torch.Generator().manual_seed(seed)
    poses = torch.randn(count, 2, FRAMES, 17, 1, generator=generator)
    height = torch.randn(count, generator=generator)
    poses[:, 1] += height[:, None, None, None]
    target = poses[:, 1].mean(dim=(1, 2, 3)) if labelled else None
    ids = tuple(f"clip-{seed}-{number}" for number in range(count))
    return Clips(ids, poses, torch.ones(count, FRAMES, dtype=torch.bool), target, torch.arange(count) % 3)


def mean_pose(batch: Batch) -> Tensor:
    """Return (N, 34): each joint's mean position over time."""
    return batch.poses.mean(dim=2).flatten(1)


class Regressor(Assessor):
    """The plain pattern: one stream, one optimiser, one phase."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(34, 1)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        error = self.head(mean_pose(batches["train"]))[:, 0] - batches["train"].target
        return Step({"main": error.square().mean()})

    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        return {"value": self.head(mean_pose(batch))[:, 0]}


class Adversarial(TorchMethod):
    """Two optimisers: an encoder that reconstructs, a discriminator that no other loss touches."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.discriminator = nn.Linear(34, 34), nn.Linear(34, 1)

    def optimisers(self, phase: Phase) -> dict[str, Iterable[Any]]:
        return {"encoder": self.encoder.parameters(), "discriminator": self.discriminator.parameters()}

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        real = mean_pose(batches["train"])
        fake = self.encoder(real)
        judged = self.discriminator(fake) - self.discriminator(real)
        return Step({"encoder": (fake - real).square().mean(), "discriminator": 1e6 * judged.mean()})


class SemiSupervised(Regressor):
    """Two streams of different length: labelled and unlabelled."""

    def phases(self, sets: Sets) -> tuple[Phase, ...]:
        return (Phase(sets=("train", "unlabelled")),)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        self.seen = {name: batch.ids for name, batch in batches.items()}
        consistency = self.head(mean_pose(batches["unlabelled"])).var(unbiased=False)
        supervised = super().step(batches, phase).losses["main"]
        return Step({"main": supervised + 0.01 * consistency}, {"consistency": consistency})


class Pairs(TorchMethod):
    """Pairs: every clip comes with another of its group."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(34, 4)
        self.pairs: list[tuple[str, str]] = []

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        return {"pairs": Shuffled(sets["train"], training.batch_size, partner=same_group(sets["train"]))}

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        batch = batches["pairs"]
        assert batch.partner is not None
        self.pairs += list(zip(batch.ids, batch.partner.ids, strict=True))
        distance = self.encoder(mean_pose(batch)) - self.encoder(mean_pose(batch.partner))
        return Step({"main": distance.square().mean()})


class Exemplars(Regressor):
    """Exemplars: the score is predicted as a difference to clips of known score, which the model keeps."""

    reference_size: ClassVar = 4

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        return {"train": Shuffled(sets["train"], training.batch_size, partner=same_group(sets["train"]))}

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        batch, partner = batches["train"], batches["train"].partner
        assert partner is not None
        difference = self.head(mean_pose(batch) - mean_pose(partner))[:, 0]
        return Step({"main": (difference - (batch.target - partner.target)).square().mean()})

    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        assert reference is not None
        difference = self.head(mean_pose(batch)[:, None] - mean_pose(reference)[None])[..., 0]
        return {"value": (difference + reference.target[None]).mean(dim=1)}


class Phases(Regressor):
    """Phases: a pretext on one data set, then on another, then the task, each with its own epochs and parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(34, 34)
        self.order: list[tuple[str, str]] = []

    def phases(self, sets: Sets) -> tuple[Phase, ...]:
        return (Phase("pretext-a", 2, ("a",)), Phase("pretext-b", 1, ("b",)), Phase("task"))

    def optimisers(self, phase: Phase) -> dict[str, Iterable[Any]]:
        return {"main": self.head.parameters() if phase.name == "task" else self.encoder.parameters()}

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        (name, batch), *_ = batches.items()
        self.order.append((phase.name, name))
        encoded = self.encoder(mean_pose(batch))
        if phase.name != "task":
            return Step({"main": (encoded - mean_pose(batch)).square().mean()})
        return Step({"main": (self.head(encoded)[:, 0] - batch.target).square().mean()})
