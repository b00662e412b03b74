"""How an encoder is described in an artifact, built again, and read with its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from stages.arrays import Array
from stages.artifacts import store, tree
from stages.configuration import Config, Layer, resolve
from stages.encoders.registry import encoder_class
from stages.encoders.segments import SegmentEncoder, SegmentInputs, SegmentsConfig
from stages.engine.inputs import feature_size, skeletons_of
from stages.engine.records import Records
from stages.errors import ArtifactError, UsageError
from stages.skeletons.input import PoseInput, channels_of, skeleton_of
from stages.skeletons.layouts import layout_named

Sees = Literal["poses", "features", "images"]
"""What an encoder sees."""


@dataclass(frozen=True)
class PoseSpec:
    """Everything that is needed to build an encoder of poses again and to feed it.

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

    sees: ClassVar[Sees] = "poses"

    @classmethod
    def fresh(cls, name: str, settings: Mapping[str, Any], prepared: PoseInput, records: Records) -> PoseSpec:
        """Return the specification of a fresh encoder for ``records``.

        Raises:
            UsageError: the clips have several skeletons and none was chosen.
        """
        skeleton = skeleton_of(prepared, skeletons_of(records))
        sizes = encoder_config(name, settings).model_dump(mode="json")
        channels = channels_of(records[0].poses, prepared)
        return cls(name, sizes, skeleton, channels, prepared.model_copy(update={"skeleton": skeleton}))

    def check(self, records: Records) -> None:
        """Check that the encoder can see these clips.

        Raises:
            UsageError: their poses have another number of axes.
        """
        channels = channels_of(records[0].poses, self.input)
        if self.channels != channels:
            hint = "pretrain it with --set settings.input.flat=true, or --init none" if channels == 2 else "--init none"
            raise UsageError(f"The encoder sees {self.channels}-D poses, these clips are {channels}-D.", hint=hint)

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
    def from_json(cls, document: Mapping[str, Any]) -> PoseSpec:
        """Undo :meth:`to_json`."""
        return cls(
            document["name"], document["settings"], document["skeleton"], document["channels"], PoseInput.model_validate(document["input"])
        )


@dataclass(frozen=True)
class SegmentSpec:
    """The same of an encoder of segment features (:class:`stages.encoders.segments.SegmentEncoder`).

    Attributes:
        settings: the encoder's own configuration.
        sizes: role → sizes (S, D, …) of a clip's features.
    """

    settings: Mapping[str, Any]
    sizes: Mapping[str, tuple[int, ...]]

    name: ClassVar = "segments"
    sees: ClassVar[Sees] = "features"

    @classmethod
    def fresh(cls, settings: SegmentInputs, records: Records) -> SegmentSpec:
        """Return the specification of a fresh encoder for ``records``."""
        own = settings.model_dump(mode="json", include=set(SegmentsConfig.model_fields))
        return cls(own, {role: feature_size(records, role, getattr(settings, role)) for role in settings.roles()})

    def check(self, records: Records) -> None:
        """Check that the encoder can see these clips.

        Raises:
            UsageError: their features have another size.
        """
        for role, expected in self.sizes.items():
            found = records[0].features(role).values.shape[2:]
            if found != expected[1:]:
                raise UsageError(
                    f"The encoder sees {role} of {_times(expected[1:])} numbers, those of {records[0].clip} have {_times(found)}.",
                    hint="--backbone with the features that it was pretrained on, or --init none",
                )

    def build(self) -> SegmentEncoder:
        """Build the network with fresh weights."""
        return SegmentEncoder(SegmentsConfig.model_validate(dict(self.settings)), self.sizes)

    def to_json(self) -> dict[str, Any]:
        """Return the specification as an artifact stores it."""
        return {"name": self.name, "settings": dict(self.settings), "sizes": {role: list(size) for role, size in self.sizes.items()}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SegmentSpec:
        """Undo :meth:`to_json`."""
        return cls(document["settings"], {role: tuple(size) for role, size in document["sizes"].items()})


@dataclass(frozen=True)
class ImageSpec:
    """The same of an encoder of pictures.

    Attributes:
        name: in :data:`stages.encoders.registry.ENCODERS`, one that sees pictures.
        settings: the encoder's own configuration.
        channels: C of a picture.
        size: H and W.
    """

    name: str
    settings: Mapping[str, Any]
    channels: int
    size: tuple[int, int]

    sees: ClassVar[Sees] = "images"

    @classmethod
    def fresh(cls, name: str, settings: Mapping[str, Any], records: Records) -> ImageSpec:
        """Return the specification of a fresh encoder for ``records``."""
        channels, height, width = records[0].images.values.shape[2:]
        return cls(name, encoder_config(name, settings).model_dump(mode="json"), channels, (height, width))

    def check(self, records: Records) -> None:
        """Check that the encoder can see these clips.

        Raises:
            UsageError: their pictures have another size.
        """
        expected, found = (self.channels, *self.size), records[0].images.values.shape[2:]
        if found != expected:
            raise UsageError(
                f"The encoder sees pictures of {_times(expected)}, those of {records[0].clip} are {_times(found)}.",
                hint=f"aqa extract-maps --size {self.size[0]}, or --init none",
            )

    def build(self) -> nn.Module:
        """Build the network with fresh weights; it has ``forward(pictures) -> (N, …)`` and ``dimensions``."""
        module: nn.Module = encoder_class(self.name)(encoder_config(self.name, self.settings), self.channels, self.size)
        return module

    def to_json(self) -> dict[str, Any]:
        """Return the specification as an artifact stores it."""
        return {"name": self.name, "settings": dict(self.settings), "picture": [self.channels, *self.size]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ImageSpec:
        """Undo :meth:`to_json`."""
        channels, height, width = document["picture"]
        return cls(document["name"], document["settings"], channels, (height, width))


EncoderSpec = PoseSpec | SegmentSpec | ImageSpec


def spec_from_json(document: Mapping[str, Any]) -> EncoderSpec:
    """Return the specification that an artifact holds."""
    if "picture" in document:
        return ImageSpec.from_json(document)
    return SegmentSpec.from_json(document) if "sizes" in document else PoseSpec.from_json(document)


def fresh_spec(sees: str, settings: Any, records: Records) -> EncoderSpec:
    """Return the specification of a fresh encoder for ``records``, given the settings of the method around it."""
    if sees == "features":
        return SegmentSpec.fresh(settings, records)
    if sees == "images":
        return ImageSpec.fresh(settings.encoder, settings.encoder_settings, records)
    return PoseSpec.fresh(settings.encoder, settings.encoder_settings, settings.input, records)


def _times(size: Sequence[int]) -> str:
    return " × ".join(map(str, size))


@dataclass(frozen=True)
class PretrainedEncoder:
    """An encoder artifact: its specification, its weights, and the clips it was trained on."""

    spec: EncoderSpec
    weights: Mapping[str, Tensor]
    fingerprint: str
    provenance: Mapping[str, Any]
    config: Mapping[str, Any]
    """Of the training that it comes from."""
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
        spec = spec_from_json(artifact.documents["encoder"])
        arrays = artifact.arrays
        if artifact.kind == "model":
            prefix = "weights/encoder."
            arrays = {f"weights/{name.removeprefix(prefix)}": array for name, array in arrays.items() if name.startswith(prefix)}
        weights = tree.weights_from_arrays(arrays, spec.build().state_dict(), str(path))
        seen = frozenset(artifact.documents["training"].get("clips", []))
        pretext = {name.removeprefix("pretext/"): array for name, array in arrays.items() if name.startswith("pretext/")}
        return cls(
            spec, weights, artifact.header.fingerprint, artifact.documents["provenance"], artifact.documents["config"], seen, pretext
        )

    def check_sees(self, expected: str, path: Path, method: str) -> None:
        """Check that the encoder, which lies at ``path``, sees what ``method`` is built around.

        Raises:
            UsageError: it sees something else.
        """
        if self.spec.sees != expected:
            raise UsageError(
                f"The encoder in {path} ({self.spec.name}) sees {self.spec.sees}, {method} takes one that sees {expected}.",
                hint="choose another with --init, or --init none",
            )

    def load_into(self, method: nn.Module) -> None:
        """Give a pretraining method these weights: all of the method's where the artifact keeps them and they fit, else the encoder's."""
        state = method.state_dict()
        rest = {name for name in state if not name.startswith("encoder.")}
        fits = rest == set(self.pretext) and all(np.atleast_1d(state[name]).shape == self.pretext[name].shape for name in rest)
        if fits:
            state |= {name: torch.from_numpy(self.pretext[name]).reshape(state[name].shape) for name in rest}
        method.load_state_dict(state | {f"encoder.{name}": value for name, value in self.weights.items()})


def encoder_config(name: str, settings: Mapping[str, Any]) -> Config:
    """Return an encoder's validated configuration."""
    return resolve(encoder_class(name).SETTINGS, [Layer("encoder settings", dict(settings))]).config
