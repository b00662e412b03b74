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
from stages.errors import UsageError
from stages.finetune.methods.segments import SegmentAssessor


class SemiSupervised(SegmentAssessor):
    """A method on labelled and unlabelled clips together."""

    uses_unlabelled: ClassVar = True

    def phases(self, sets: Sets) -> tuple[Phase, ...]:
        """Return one phase on both kinds of clips."""
        return (Phase(sets=("train", "unlabelled")),)

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return both streams; the more numerous kind makes the epoch, the other one goes round.

        Raises:
            UsageError: there are no unlabelled clips.
        """
        if not len(sets.get("unlabelled", ())):
            raise UsageError(
                "There are no unlabelled clips to learn from.",
                hint="a protocol with a share of the labels, such as 5-fold/40-percent-labels/seed-0",
            )
        names = sorted(phase.sets, key=lambda name: -len(sets[name]))
        # Batch norm cannot take a last batch of one clip.
        return {name: Shuffled(sets[name], training.batch_size, drop_last=len(sets[name]) % training.batch_size == 1) for name in names}

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
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """Let batch norms use the batch's statistics without adding them to their running ones."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d)]
    before = [norm.track_running_stats for norm in norms]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm, value in zip(norms, before, strict=True):
            norm.track_running_stats = value


@contextmanager
def dropout_off(network: nn.Module) -> Iterator[None]:
    """Let nothing be dropped, so that two passes differ by what they are given alone."""
    layers = [module for module in network.modules() if isinstance(module, nn.Dropout)]
    before = [layer.training for layer in layers]
    for layer in layers:
        layer.training = False
    try:
        yield
    finally:
        for layer, value in zip(layers, before, strict=True):
            layer.training = value


def unit(values: Tensor) -> Tensor:
    """Return each clip's perturbation with length 1; (N, …)."""
    length = values.flatten(1).norm(dim=1).clamp(min=torch.finfo(values.dtype).tiny)
    return values / length.view(-1, *[1] * (values.dim() - 1))
