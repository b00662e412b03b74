"""How the records of a method become its tensors; the settings are stored in every encoder and model, and applied alike later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from pydantic import Field

from stages.arrays import Array
from stages.configuration import Config
from stages.engine.batch import Clips, Features
from stages.engine.records import FeatureClip, Records
from stages.errors import ArtifactError
from stages.skeletons import finish
from stages.skeletons.input import PoseInput, channels_of, joints, layout_of, skeleton_of


class FeatureInput(Config):
    """Which features a method takes, and in what shape."""

    backbone: str | None = None
    """Name of the features in their set; None takes the only ones."""
    segments: int | None = Field(None, ge=1)
    """S: clips with fewer are filled up with zeros behind, of clips with more as many are taken at even distances; None takes as
    many as the longest training clip has."""
    views: tuple[str, ...] = ("original",)
    """Views to take, the clip itself first."""


@dataclass(frozen=True)
class Inputs:
    """What a method consumes.

    Attributes:
        poses: how pose sequences become tensors; None for methods without, and for estimators that take the sequences themselves.
        features: the same of features, by role; ``segments`` is a number here.
    """

    poses: PoseInput | None = None
    features: Mapping[str, FeatureInput] = field(default_factory=dict)

    def key(self) -> str:
        """Return a text that is equal for equal inputs."""
        return repr([self.poses, sorted(self.features.items())])


def skeletons_of(records: Records) -> set[str]:
    """Return the names of the layouts that occur."""
    return {record.poses.layout.name for record in records}


def to_clips(records: Records, inputs: Inputs, target: torch.Tensor | None = None, group: torch.Tensor | None = None) -> Clips:
    """Prepare every record and stack them; see :class:`stages.engine.batch.Clips`.

    Raises:
        ArtifactError: 2-D and 3-D poses are mixed, or a clip lacks a view.
        UsageError: several skeletons are mixed, and none was chosen to convert to.
    """
    count = len(records)
    poses, mask, before = torch.zeros(count, 0, 0, 0, 0), torch.zeros(count, 0, dtype=torch.bool), None
    if inputs.poses is not None:
        poses, mask = _joints(records, inputs.poses)
        if finish.needed(inputs.poses):
            before, poses = poses, finish.finish(poses, mask, inputs.poses, layout_of(records[0].poses, inputs.poses))
    features = {
        role: Features(*_stacked([segments(record.features(role), settings) for record in records]))
        for role, settings in inputs.features.items()
    }
    groups = torch.zeros(count, dtype=torch.long) if group is None else group
    return Clips(tuple(record.clip for record in records), poses, mask, target, groups, features, before)


def segments(clip: FeatureClip, settings: FeatureInput) -> tuple[Array, Array]:
    """Return a clip's features (V, S, D, …) with the number of segments that the settings say, and the mask (S,) of real ones."""
    values = np.stack([_view(clip, name) for name in settings.views])
    have, want = values.shape[1], settings.segments or values.shape[1]
    if have >= want:
        return values[:, np.linspace(0, have - 1, want).round().astype(int)], np.ones(want, dtype=bool)
    padding = [(0, 0), (0, want - have)] + [(0, 0)] * (values.ndim - 2)
    return np.pad(values, padding), np.arange(want) < have


def _view(clip: FeatureClip, name: str) -> Array:
    # Whatever other people called their first view, it is the clip itself.
    return clip.values[0] if name == "original" else clip.view(name)


def _joints(records: Records, settings: PoseInput) -> tuple[torch.Tensor, torch.Tensor]:
    axes = {channels_of(record.poses, settings) for record in records}
    if len(axes) > 1:
        raise ArtifactError("The clips mix 2-D and 3-D poses.", hint="select one kind with --where, or --set settings.input.flat=true")
    skeleton_of(settings, skeletons_of(records))
    return _stacked([joints(record.poses, settings) for record in records])


def _stacked(prepared: list[tuple[Array, Array]]) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.from_numpy(np.stack(column)) for column in zip(*prepared, strict=True))  # type: ignore[return-value]
