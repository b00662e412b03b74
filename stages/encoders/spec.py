"""How an encoder is described in an artifact, built again, and read with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stages.arrays import Array
from stages.artifacts import store, tree
from stages.configuration import Config, Layer, resolve
from stages.encoders.registry import encoder_class
from stages.engine.inputs import skeletons_of
from stages.engine.records import Records
from stages.errors import ArtifactError, UsageError
from stages.skeletons.input import PoseInput, channels_of, skeleton_of
from stages.skeletons.layouts import layout_named


@dataclass(frozen=True)
class EncoderSpec:
    """Everything that is needed to build an encoder again and to feed it.

    Attributes:
        name: in :data:`stages.encoders.registry.ENCODERS`.
        settings: the encoder's own configuration.
        skeleton: the layout it sees.
        channels: C of its input.
        input: how a pose sequence becomes its input.
    """

    name: str
    settings: Mapping[str, Any]
    skeleton: str
    channels: int
    input: PoseInput

    def build(self) -> nn.Module:
        """Build the network with fresh weights; it has ``forward(poses, mask) -> (N, D)`` and ``dimensions`` (D)."""
        config = encoder_config(self.name, self.settings)
        module: nn.Module = encoder_class(self.name)(config, layout_named(self.skeleton), self.channels, self.input.people)
        return module

    def to_json(self) -> dict[str, Any]:
        """Return the specification as an artifact stores it."""
        return {
            "name": self.name,
            "settings": dict(self.settings),
            "skeleton": self.skeleton,
            "channels": self.channels,
            "input": self.input.model_dump(mode="json"),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> EncoderSpec:
        """Undo :meth:`to_json`."""
        return cls(
            document["name"], document["settings"], document["skeleton"], document["channels"], PoseInput.model_validate(document["input"])
        )


@dataclass(frozen=True)
class PretrainedEncoder:
    """An encoder artifact: its specification, its weights, and the clips it was trained on."""

    spec: EncoderSpec
    weights: Mapping[str, Tensor]
    fingerprint: str
    provenance: Mapping[str, Any]
    seen: frozenset[str]
    pretext: Mapping[str, Array]
    """The rest of the method that trained it, where the artifact keeps that."""

    @classmethod
    def read(cls, path: Path) -> PretrainedEncoder:
        """Read an artifact of kind ``encoder``, or the encoder inside a model.

        Raises:
            ArtifactError: damaged, of another kind, or its weights do not fit its network.
        """
        artifact = store.read(path)
        if artifact.kind not in ("encoder", "model") or "encoder" not in artifact.documents:
            raise ArtifactError(f"{path} is of kind '{artifact.kind}' and holds no encoder.", hint="give an encoder artifact to --init")
        spec = EncoderSpec.from_json(artifact.documents["encoder"])
        arrays = artifact.arrays
        if artifact.kind == "model":
            prefix = "weights/encoder."
            arrays = {f"weights/{name.removeprefix(prefix)}": array for name, array in arrays.items() if name.startswith(prefix)}
        weights = tree.weights_from_arrays(arrays, spec.build().state_dict(), str(path))
        seen = frozenset(artifact.documents["training"].get("clips", []))
        pretext = {name.removeprefix("pretext/"): array for name, array in arrays.items() if name.startswith("pretext/")}
        return cls(spec, weights, artifact.header.fingerprint, artifact.documents["provenance"], seen, pretext)

    def spec_for(self, records: Records) -> EncoderSpec:
        """Return the specification, for clips that the encoder can see.

        Raises:
            UsageError: their poses have another number of axes.
        """
        channels = channels_of(records[0].poses, self.spec.input)
        if self.spec.channels != channels:
            hint = "pretrain it with --set settings.input.flat=true, or --init none" if channels == 2 else "--init none"
            raise UsageError(f"The encoder sees {self.spec.channels}-D poses, these clips are {channels}-D.", hint=hint)
        return self.spec

    def load_into(self, method: nn.Module) -> None:
        """Give a pretraining method these weights: all of the method's where the artifact keeps them and they fit, else the encoder's."""
        state = method.state_dict()
        rest = {name for name in state if not name.startswith("encoder.")}
        fits = rest == set(self.pretext) and all(np.atleast_1d(state[name]).shape == self.pretext[name].shape for name in rest)
        if fits:
            state |= {name: torch.from_numpy(self.pretext[name]).reshape(state[name].shape) for name in rest}
        method.load_state_dict(state | {f"encoder.{name}": value for name, value in self.weights.items()})


def spec_for(name: str, settings: Mapping[str, Any], prepared: PoseInput, records: Records) -> EncoderSpec:
    """Return the specification of a fresh encoder for ``records``.

    Raises:
        UsageError: the clips have several skeletons and none was chosen.
    """
    skeleton = skeleton_of(prepared, skeletons_of(records))
    sizes = encoder_config(name, settings).model_dump(mode="json")
    channels = channels_of(records[0].poses, prepared)
    return EncoderSpec(name, sizes, skeleton, channels, prepared.model_copy(update={"skeleton": skeleton}))


def encoder_config(name: str, settings: Mapping[str, Any]) -> Config:
    """Return an encoder's validated configuration."""
    return resolve(encoder_class(name).SETTINGS, [Layer("encoder settings", dict(settings))]).config
