"""The contract of every method.  Two kinds carry them all.

* :class:`Estimator`: fitted in one call (kinematic baselines, SVR, k-NN, probes); its arrays go into the model artifact.
* :class:`TorchMethod`: a module trained by :mod:`stages.engine.loop`.  It says what it consumes (``inputs``), where its batches
  come from (``streams``), which parameters each optimiser owns (``optimisers``), what is trained in which order (``phases``) and
  what one step loses (``step``).  :class:`Pretext` leaves an encoder behind; :class:`Assessor` predicts.

A loss reaches only the parameters of the optimiser that it is returned for: an adversarial loss returned for a discriminator never
moves an encoder, without any detaching.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from stages.arrays import Array
from stages.configuration import Config
from stages.engine.batch import Batch, Clips
from stages.engine.records import Records
from stages.engine.streams import Shuffled, Stream
from stages.engine.training import TrainingConfig
from stages.skeletons.input import PoseInput

Sets = Mapping[str, Clips]
"""The parts a method may draw from: ``train``, ``unlabelled`` where there is one, or the data sets of a pretraining by name."""


@dataclass(frozen=True)
class Inputs:
    """What a method consumes.

    Attributes:
        poses: how pose sequences become tensors; None for estimators that take the sequences themselves.
    """

    poses: PoseInput | None = None


@dataclass(frozen=True)
class Phase:
    """One stretch of training: which parts it draws from, and for how many epochs (None: the training configuration's)."""

    name: str = "main"
    epochs: int | None = None
    sets: tuple[str, ...] = ("train",)


@dataclass(frozen=True)
class Step:
    """What one step lost: a scalar per optimiser, and the terms to draw as curves."""

    losses: Mapping[str, Tensor]
    terms: Mapping[str, Tensor] = field(default_factory=dict)


class TorchMethod(nn.Module, ABC):
    """A method that is trained step by step."""

    couples_batch: ClassVar[bool] = False
    """Whether the loss compares clips within a batch: then micro-batches would change it, and incomplete batches are dropped."""

    uses_encoder: ClassVar[bool] = False
    """Whether the method is built around an encoder, which ``--init`` can bring."""

    inputs: Inputs

    def phases(self) -> tuple[Phase, ...]:
        """Return what is trained in which order."""
        return (Phase(),)

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the phase's batch sources by name; the first one's length is the epoch's, the others go round."""
        return {name: Shuffled(sets[name], training.batch_size, drop_last=self.couples_batch) for name in phase.sets}

    def optimisers(self, phase: Phase) -> dict[str, Iterable[Any]]:
        """Return what each named optimiser owns: parameters, or groups ``{"params": …, "lr_factor": …}``."""
        return {"main": (parameter for parameter in self.parameters() if parameter.requires_grad)}

    @abstractmethod
    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the losses of one step."""


class Pretext(TorchMethod):
    """A pretraining method; afterwards only its encoder is kept."""

    encoder: nn.Module

    @torch.no_grad()
    def validate(self, batch: Batch) -> Tensor:
        """Return the pretext loss on held-out clips (lower is better)."""
        losses = self.step({"train": batch}, Phase()).losses
        return torch.stack(list(losses.values())).sum()


class Assessor(TorchMethod):
    """A method that predicts targets."""

    reference_size: ClassVar[int] = 0
    """How many training clips the model keeps to compare with at test (exemplars); 0 for none."""

    @abstractmethod
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return ``value`` (N,) in transformed units, or ``scores`` (N, classes), and anything else worth keeping (N, …)."""


class Estimator(Protocol):
    """A method that is fitted in one call.  Values are in transformed units, like a :class:`TorchMethod`'s."""

    uses_encoder: ClassVar[bool]
    inputs: Inputs

    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Fit on the training records; ``groups`` name whom inner cross-validation keeps together; ``classes`` is 0 for scores."""

    def predict(self, records: Records) -> dict[str, Array]:
        """Return ``value`` (N,) or ``scores`` (N, classes)."""

    def arrays(self) -> dict[str, Array]:
        """Return everything that :meth:`restore` needs."""

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what a model artifact holds."""


class MethodConfig(Config):
    """Base of every method's own settings."""


@dataclass(frozen=True)
class Context:
    """What a method is built for: decided by the data, not by the user."""

    skeleton: str
    channels: int
    people: int
    classes: int = 0
    groups: int = 1


def as_numpy(values: Tensor) -> Array:
    """Return a tensor as a float32 (or integer) numpy array on the CPU."""
    values = values.detach().cpu()
    return np.asarray(values.float() if values.is_floating_point() else values)
