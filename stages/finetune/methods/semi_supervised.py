"""What the semi-supervised methods share: a labelled and an unlabelled stream, and the loss of the labelled clips.

All have S4AQA's encoder and regressor, as in its comparison (section IV-A), and differ in what they do with unlabelled clips.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.engine.batch import Batch
from stages.engine.method import Phase, Sets, Step
from stages.engine.streams import Shuffled, Stream
from stages.engine.training import TrainingConfig
from stages.finetune.methods.segments import SegmentAssessor


class SemiSupervised(SegmentAssessor):
    """A method on labelled and unlabelled clips together."""

    uses_unlabelled: ClassVar = True

    def phases(self, sets: Sets) -> tuple[Phase, ...]:
        """Return one phase on both kinds of clips."""
        return (Phase(sets=("train", "unlabelled")),)

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return both streams; the more numerous kind makes the epoch, the other one goes round."""
        names = sorted(phase.sets, key=lambda name: -len(sets[name]))
        return {name: Shuffled(sets[name], training.batch_size, least=2) for name in names}

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the loss of a labelled and an unlabelled batch."""
        return self.semi_step(batches["train"], batches["unlabelled"])

    @abstractmethod
    def semi_step(self, labelled: Batch, unlabelled: Batch) -> Step:
        """Return the loss and its terms."""

    def regression_loss(self, f: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error (S4AQA, equation 3) of labelled clips with intermediate feature f (N, D)."""
        assert batch.target is not None
        return F.mse_loss(self.regressor(f), batch.target)


@contextmanager
def deterministic(network: nn.Module) -> Iterator[None]:
    """Drop nothing and leave running statistics alone, so that two passes of a batch differ by what they are given."""
    kinds: list[tuple[type[nn.Module], str]] = [(nn.BatchNorm1d, "track_running_stats"), (nn.Dropout, "training")]
    switched = [(module, name) for module in network.modules() for kind, name in kinds if isinstance(module, kind)]
    before = [getattr(module, name) for module, name in switched]
    for module, name in switched:
        setattr(module, name, False)
    try:
        yield
    finally:
        for (module, name), value in zip(switched, before, strict=True):
            setattr(module, name, value)


def unit(values: Tensor) -> Tensor:
    """Return each clip's perturbation with length 1; (N, …)."""
    length = values.flatten(1).norm(dim=1).clamp(min=torch.finfo(values.dtype).tiny)
    return values / length.view(-1, *[1] * (values.dim() - 1))
