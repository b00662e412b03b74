"""A model or an encoder as one network from named tensors to named tensors: what a graph is made of.

A model's network ends in the data's own units: the target's scale is part of it, per class where classes have their own, and the factor
that scores are multiplied by (``target.times``) is an input.  N clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stages.arrays import Array
from stages.encoders.spec import PretrainedEncoder
from stages.engine.annotations import annotated
from stages.engine.batch import Clips
from stages.engine.inputs import to_clips
from stages.engine.method import Assessor
from stages.engine.records import Records
from stages.engine.targets import Target, factor, group_name
from stages.errors import UsageError
from stages.export import ports as inputs_of
from stages.export import regressors
from stages.export.tensors import MASK, TOLD, Port, batch_of, examples
from stages.finetune.model import Model

SCORE, SCORES, REPRESENTATION = "score", "scores", "representation"
_VALUE = "value"


@dataclass(frozen=True)
class Graph:
    """A network and its inputs.

    Attributes:
        module: takes the inputs in their order, returns the outputs in theirs.
        ports: the inputs.
        outputs: name → what is in it, for people.
        alone: whether it takes one clip at a time, whatever the network itself could do.
    """

    module: _Named
    ports: tuple[Port, ...]
    outputs: Mapping[str, str]
    alone: bool = False

    def without(self, names: Sequence[str]) -> Graph:
        """Return the same without inputs that nothing looks at."""
        kept = tuple(port for port in self.ports if port.name not in names)
        return replace(self, module=self.module.taking(kept), ports=kept)


class _Named(nn.Module):
    """A network whose inputs have names."""

    def __init__(self, ports: Sequence[Port], *made_of: Any) -> None:
        super().__init__()
        self.names, self.made_of = [port.name for port in ports], made_of

    def taking(self, ports: Sequence[Port]) -> _Named:
        """Return the same network with other inputs."""
        return type(self)(ports, *self.made_of).eval()


class _Scorer(_Named):
    """What a model says, in the data's own units."""

    shift: Tensor
    scale: Tensor

    def __init__(self, ports: Sequence[Port], model: Model) -> None:
        super().__init__(ports, model)
        self.model, target = model, model.target
        neural = isinstance(model.method, nn.Module)
        self.network: nn.Module = model.method if neural else regressors.network_of(model.method, _name(model))[0]  # type: ignore[assignment]
        # of a class that training did not see, the mean over the classes: the last place
        self.register_buffer("shift", torch.tensor([*target.shift, target.shift.mean()], dtype=torch.float64), persistent=False)
        self.register_buffer("scale", torch.tensor([*target.scale, target.scale.mean()], dtype=torch.float64), persistent=False)

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Return the score and what it is made of, or the scores of classes."""
        named = dict(zip(self.names, values, strict=True))
        said = self._say(named, values[0])
        if self.model.target.classes:
            return (said[SCORES].float(),)
        return tuple(self._decoded(said[name], named) for name in _values(said))

    def _say(self, named: Mapping[str, Tensor], like: Tensor) -> Mapping[str, Tensor]:
        """Return what the method says, in the units that it sees."""
        if isinstance(self.model.method, Assessor):
            return self.model.method.predict(batch_of(named, like), self.model.reference)
        output = self.network(*(named[name] for name in (regressors.TABLE, "poses", "mask") if name in named))
        return {SCORES if self.model.target.classes else _VALUE: output}

    def _decoded(self, values: Tensor, named: Mapping[str, Tensor]) -> Tensor:
        """Return values in the data's own units, as :meth:`stages.engine.targets.Target.decode` does."""
        last = len(self.shift) - 1
        if _by_class(self.model.target):
            group = named["group"]
            place = torch.where(group >= 0, group, torch.full_like(group, last))
            raw = values.double() * self.scale[place] + self.shift[place]
        else:
            raw = values.double() * self.scale[last] + self.shift[last]
        return (raw * named["factor"].double() if "factor" in named else raw).float()


class _Encoder(_Named):
    """An encoder's representation (N, …)."""

    def __init__(self, ports: Sequence[Port], encoder: PretrainedEncoder) -> None:
        super().__init__(ports, encoder)
        self.network, self.sees = encoder.spec.build(), encoder.spec.sees
        self.network.load_state_dict(dict(encoder.weights))

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Return the representation."""
        named: Any = dict(zip(self.names, values, strict=True))
        network: Any = self.network
        if self.sees == "features":
            batch = batch_of(named, values[0])
            return (network([(network.values(batch), batch)])[0],)
        return (network(named["pictures"]) if self.sees == "images" else network(named["poses"], named["mask"]),)


def of_model(model: Model, frames: int | None) -> Graph:
    """Return a model's graph.

    Args:
        model: the model.
        frames: of models that see pictures, the longest clip; None takes the longest of training.

    Raises:
        UsageError: the method cannot be exported, or nothing says how long clips are.
        ArtifactError: nothing says how large pictures are.
    """
    ports, target = inputs_of.of_model(model, frames), model.target
    if target.classes:
        outputs = {SCORES: f"of the classes {', '.join(target.classes)}; the highest is the prediction"}
    else:
        outputs = {SCORE: f"'{target.config.resolved_column}' in the data's own units"}
        outputs |= dict.fromkeys(_parts(model, ports), "what else the method says of the score, in the same units")
    return Graph(_Scorer(ports, model).eval(), ports, outputs, alone=any(port.name == "images" for port in ports))


def of_encoder(encoder: PretrainedEncoder) -> Graph:
    """Return an encoder's graph."""
    ports = inputs_of.of_encoder(encoder.spec)
    return Graph(_Encoder(ports, encoder).eval(), ports, {REPRESENTATION: "what the encoder makes of a clip (of a picture: 3 × points)"})


def prepared(model: Model, records: Records, frames: int | None = None) -> dict[str, Array]:
    """Return clips as the graph of a model takes them: what ``preparation.json`` describes, done.

    All inputs that the method could look at are there; a graph leaves out those that it does not look at.

    Raises:
        UsageError: a clip has more frames than the graph takes.
    """
    rows, target, method = [record.row for record in records], model.target, model.method
    known = {name: number for number, name in enumerate(target.groups)}
    ports = inputs_of.of_model(model, frames)
    found: dict[str, Array] = {
        "group": np.array([known.get(group_name(row, target.config), -1) for row in rows], dtype=np.int64),
        "factor": np.array([factor(row, target.config) for row in rows], dtype=np.float32),
    }
    if isinstance(method, regressors.TableRegressor):
        return _chosen(found | {regressors.TABLE: method.table(records)}, ports)
    clips = to_clips(records, method.inputs)
    if isinstance(method, Assessor):
        clips = annotated(clips, rows, method.told(), inputs_of.context_of(model).annotations)
    found |= {"poses": clips.poses.numpy(), "mask": clips.mask.numpy()}
    for role, features in clips.features.items():
        found |= {role: features.values.numpy(), f"{role}{MASK}": features.mask.numpy()}
    found |= {f"{TOLD}{column}": values.numpy() for column, values in clips.annotations.items()}
    if clips.images is not None:
        found |= _pictures(clips, next(port for port in ports if port.name == "images").shape[0])
    return _chosen(found, ports)


def _chosen(found: Mapping[str, Array], ports: Sequence[Port]) -> dict[str, Array]:
    return {port.name: found[port.name].astype(port.dtype) for port in ports}


def _pictures(clips: Clips, frames: int) -> dict[str, Array]:
    """Return pictures of clips one beside the other, the last frame again behind."""
    images = clips.images
    assert images is not None
    if (longest := int(images.count.max())) > frames:
        raise UsageError(f"A clip has {longest} frames, the graph takes at most {frames}.", hint=f"aqa export --frames {longest}")
    numbers = torch.minimum(torch.arange(frames), images.count[:, None] - 1) + images.first[:, None]
    found = {"images": images.values[numbers].numpy(), "frames": images.count.numpy()}
    return found if images.boxes is None else found | {"boxes": images.boxes[numbers].numpy()}


def _name(model: Model) -> str:
    return str(model.documents["method"]["name"])


def _values(said: Mapping[str, Any]) -> list[str]:
    return [name for name in said if name.partition(".")[0] == _VALUE]


def _parts(model: Model, ports: Sequence[Port]) -> list[str]:
    """Return the names of the scores that a method says beside the one that counts, by asking it about an example."""
    if not isinstance(model.method, Assessor):
        return []
    named = {name: torch.from_numpy(values) for name, values in examples(ports, 1).items()}
    said = model.method.predict(batch_of(named, next(iter(named.values()))), model.reference)
    return [name.replace(_VALUE, SCORE, 1) for name in _values(said) if name != _VALUE]


def _by_class(target: Target) -> bool:
    """Say whether classes have units of their own."""
    return len(set(zip(target.shift.tolist(), target.scale.tolist(), strict=True))) > 1
