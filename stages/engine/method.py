"""The contract of every method.  Two kinds carry them all.

* :class:`Estimator`: fitted in one call (kinematic baselines, SVR, k-NN, probes); its arrays go into the model artifact.
* :class:`TorchMethod`: a module trained by :mod:`stages.engine.loop`.  It says where its batches come from (``streams``), which
  parameters each optimiser owns (``optimisers``), what is trained in which order (``phases``) and what one step loses (``step``).
  :class:`Pretext` leaves an encoder behind; :class:`Assessor` predicts.

Both say which artifacts they take (``consumes``) and how these become tensors (``inputs``).

A loss reaches only the parameters of the optimiser that it is returned for: an adversarial loss returned for a discriminator never
moves an encoder, without any detaching.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from stages.arrays import Array
from stages.configuration import Config
from stages.engine.annotations import Kind
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs, PatchInput
from stages.engine.records import IMAGES, POSES, Records
from stages.engine.streams import Shuffled, Stream
from stages.engine.training import TrainingConfig

Sets = Mapping[str, Clips]
"""The parts a method may draw from: ``train``; ``unlabelled`` where there is one; or a pretraining's data sets by name, in order."""

DRAWS = 5
"""How often whatever is random in a pretext is drawn when a clip is examined."""


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


class MethodConfig(Config):
    """Base of every method's own settings."""


class Method(ABC):
    """What both kinds say of themselves."""

    SETTINGS: ClassVar[type[MethodConfig]]

    uses_encoder: ClassVar[Literal["", "poses", "features", "images"]] = ""
    """What the encoder sees that the method is built around, and that ``--init`` can bring; empty without one."""

    uses_unlabelled: ClassVar[bool] = False
    """Whether the method also learns from training clips without targets."""

    inputs: Inputs

    @classmethod
    def consumes(cls, settings: Any) -> tuple[str, ...]:
        """Return the roles of the artifacts that the method takes: ``poses``, ``images``, names of settings that are a ``FeatureInput``."""
        return ("poses",)

    @classmethod
    def annotations(cls, settings: Any) -> Mapping[str, Kind]:
        """Return the columns of the manifest that the method learns beside its target, and what each holds."""
        return {}


def wanted(cls: type[Method], settings: Any) -> dict[str, str | None]:
    """Return role → name of the features (None for poses and pictures), as :func:`stages.engine.opening.open_clips` takes it."""
    return {role: None if role in (POSES, IMAGES) else _feature_input(settings, role).backbone for role in cls.consumes(settings)}


def feature_inputs(cls: type[Method], settings: Any, context: Context) -> dict[str, FeatureInput]:
    """Return role → how features become tensors, with the number of segments that the training clips have."""
    chosen = {role: _feature_input(settings, role) for role in cls.consumes(settings) if role not in (POSES, IMAGES)}
    return {
        role: each.model_copy(
            update={"segments": context.features[role][0]} | ({"skeleton": context.skeleton} if isinstance(each, PatchInput) else {})
        )
        for role, each in chosen.items()
    }


def _feature_input(settings: Any, role: str) -> FeatureInput:
    chosen = getattr(settings, role)
    assert isinstance(chosen, FeatureInput)
    return chosen


class TorchMethod(nn.Module, Method):
    """A method that is trained step by step."""

    couples_batch: ClassVar[bool] = False
    """Whether the loss compares clips within a batch: then micro-batches would change it, and incomplete batches are dropped."""

    def measure(self, train: Clips) -> None:
        """Take statistics of the training clips into buffers; called once, before the training."""

    def phases(self, sets: Sets) -> tuple[Phase, ...]:
        """Return what is trained in which order, given the parts that there are."""
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
    """A pretraining method; afterwards its encoder is kept."""

    uses_encoder: ClassVar[Literal["", "poses", "features", "images"]] = "poses"

    encoder: nn.Module

    continues: ClassVar[bool] = False
    """Whether the artifact keeps the whole method, so that a later pretraining (``--init``) goes on with all of it."""

    def held_out(self, clips: Clips, size: int) -> Iterator[Batch]:
        """Yield held-out clips in batches of at most ``size``, as :meth:`validate` takes them, the same ones each time."""
        for start in range(0, len(clips), size):
            yield clips.take(list(range(start, min(start + size, len(clips)))))

    @torch.no_grad()
    def validate(self, batch: Batch) -> Step:
        """Return what held-out clips lose; the sum of the losses is the figure to follow (lower is better)."""
        return self.step({"train": batch}, Phase())

    @torch.no_grad()
    def examine(self, clips: Clips, advance: Callable[[int], None]) -> Mapping[str, Array]:
        """Return figures of held-out clips, name → (N,): by default the terms of the loss of each clip alone, means over a few draws.

        ``advance`` is told how many clips are done.
        """
        device, found = next(self.parameters()).device, list[dict[str, float]]()
        for number in range(len(clips)):
            batch = clips.take([number]).to(device)
            drawn = [self.validate(batch).terms for _ in range(DRAWS)]
            found.append({name: float(np.mean([float(terms[name]) for terms in drawn])) for name in drawn[0]})
            advance(1)
        return {name: np.array([each[name] for each in found]) for name in found[0]}

    def sheet(self, clips: Clips, number: int) -> Array | None:
        """Return a picture (H, W, 3) uint8, blue first, of what the method makes of one of the clips; None where it makes none."""
        return None


class Assessor(TorchMethod):
    """A method that predicts targets."""

    reference_size: ClassVar[int] = 0
    """How many training clips the model keeps to compare with at test (exemplars); 0 for none."""

    def choose_exemplars(self, train: Clips, seed: int) -> Sequence[int] | None:
        """Return which training clips these are; None takes them at even distances in the order of their targets."""
        return None

    def told(self) -> Mapping[str, Kind]:
        """Return the columns among those of :meth:`annotations` that are known of a clip beforehand, so that ``predict`` has them."""
        return {}

    def represent(self, batch: Batch) -> Tensor | None:
        """Return what the method regresses on, (N, D), for pictures; None where there is no such thing."""
        return None

    def annotate(self, batch: Batch) -> Mapping[str, Tensor]:
        """Return what the method says of columns that it learned (:meth:`annotations`): classes (N,), numbers (N,), sentences (N, W)."""
        return {}

    @abstractmethod
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return ``value`` (N,) in transformed units, or ``scores`` (N, classes), and anything else worth keeping (N, …)."""


class Estimator(Method):
    """A method that is fitted in one call.  Values are in transformed units, like a :class:`TorchMethod`'s."""

    unlabelled: Records = ()
    """Training clips without targets, there before :meth:`fit` where the method uses them."""

    @abstractmethod
    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Fit on the training records; ``groups`` name whom inner cross-validation keeps together; ``classes`` is 0 for scores."""

    @abstractmethod
    def predict(self, records: Records) -> dict[str, Array]:
        """Return ``value`` (N,) or ``scores`` (N, classes)."""

    def represent(self, records: Records) -> Array | None:
        """Return what the method regresses on, (N, D); None where there is no such thing."""
        return None

    @abstractmethod
    def arrays(self) -> dict[str, Array]:
        """Return everything that :meth:`restore` needs."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what a model artifact holds."""


@dataclass(frozen=True)
class Context:
    """What a method is built for: decided by the data, not by the user.

    Attributes:
        skeleton: the layout of the poses, or of the joints that features are of squares around; empty without either.
        channels: C of the poses.
        people: M.
        classes: of levels and actions; 0 for scores.
        groups: actions (or whatever tells clips apart) that the targets know.
        features: role → sizes (S, D, …) of a clip's features.
        annotations: column of the manifest → the classes, or the vocabulary, that training clips have in it.
    """

    skeleton: str = ""
    channels: int = 0
    people: int = 1
    classes: int = 0
    groups: int = 1
    features: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    annotations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the context as a model artifact stores it."""
        stored = {"skeleton": self.skeleton, "channels": self.channels, "people": self.people, "classes": self.classes}
        sizes = {"features": {role: list(size) for role, size in self.features.items()}} if self.features else {}
        names = {"annotations": {column: list(each) for column, each in self.annotations.items()}} if self.annotations else {}
        return {**stored, "groups": self.groups, **sizes, **names}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Context:
        """Undo :meth:`to_json`."""
        sizes = {role: tuple(size) for role, size in document.get("features", {}).items()}
        names = {column: tuple(each) for column, each in document.get("annotations", {}).items()}
        return cls(**{**document, "features": sizes, "annotations": names})


def as_numpy(values: Tensor) -> Array:
    """Return a tensor as a float32 (or integer) numpy array on the CPU."""
    values = values.detach().cpu()
    return np.asarray(values.float() if values.is_floating_point() else values)
