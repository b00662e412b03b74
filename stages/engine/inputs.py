"""How the records of a method become its tensors; the settings are stored in every encoder and model, and applied alike later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from pydantic import Field

from stages.arrays import Array
from stages.configuration import Config
from stages.engine.batch import Clips, Features, Images
from stages.engine.boxes import BoxInput, in_pictures
from stages.engine.records import FeatureClip, Records
from stages.errors import ArtifactError, UsageError
from stages.skeletons import finish
from stages.skeletons.input import PoseInput, channels_of, joints, layout_of, skeleton_of
from stages.video.sampling import at_rate


class FeatureInput(Config):
    """Which features a method takes, and in what shape."""

    backbone: str | None = None
    """Name of the features in their set; None takes the only ones."""
    segments: int | None = Field(None, ge=1)
    """S: clips with fewer are filled up with zeros behind, of clips with more as many are taken at even distances; None takes as
    many as the longest training clip has."""
    views: tuple[str, ...] = ("original",)
    """Views to take, the clip itself first."""
    copies: tuple[str, ...] = ()
    """Views that are further training clips with their clip's score, such as ``flip``; each stands where the clip itself stands."""


class PatchInput(FeatureInput):
    """Which features of squares around joints a method takes, and in what shape."""

    skeleton: str | None = None
    """Layout that the joints must have; None takes that of the training clips."""


class ImageInput(Config):
    """Which pictures a method takes."""

    views: tuple[str, ...] = ("original",)
    """Views to take, that of the clip's own camera first; none takes all there are."""
    fps: float | None = Field(None, gt=0)
    """Take frames at this rate, each the nearest in time; None takes all."""


@dataclass(frozen=True)
class Inputs:
    """What a method consumes.

    Attributes:
        poses: how pose sequences become tensors; None for methods without, and for estimators that take the sequences themselves.
        features: the same of features, by role; ``segments`` is a number here.
        images: the same of pictures; None for methods without.
        boxes: whose boxes in the pictures; None for methods without.
    """

    poses: PoseInput | None = None
    features: Mapping[str, FeatureInput] = field(default_factory=dict)
    images: ImageInput | None = None
    boxes: BoxInput | None = None

    def key(self) -> str:
        """Return a text that is equal for equal inputs."""
        return repr([self.poses, sorted(self.features.items()), self.images, self.boxes])

    def with_copies(self) -> list[Inputs]:
        """Return what training clips are prepared by: this, and the same once for every copy.

        Raises:
            UsageError: several kinds of features have different numbers of copies.
        """
        counts = {role: len(each.copies) for role, each in self.features.items()}
        if len(set(counts.values())) > 1:
            told = " and ".join(f"{count} of {role}" for role, count in counts.items())
            raise UsageError(f"All features must have as many copies, not {told}.", hint="--set settings.flow.copies=[…]")
        copies = [
            {role: each.model_copy(update={"views": (each.copies[number], *each.views[1:])}) for role, each in self.features.items()}
            for number in range(next(iter(counts.values()), 0))
        ]
        return [self, *(Inputs(self.poses, features, self.images, self.boxes) for features in copies)]


def skeletons_of(records: Records) -> set[str]:
    """Return the names of the layouts that occur."""
    return {record.poses.layout.name for record in records}


def feature_size(records: Records, role: str, settings: FeatureInput) -> tuple[int, ...]:
    """Return the sizes (S, D, …) of a kind of features, as the method whose training clips these are sees them."""
    shapes = [record.features(role).values.shape[1:] for record in records]
    return (settings.segments or max(shape[0] for shape in shapes), *shapes[0][1:])


def skeleton_of_patches(records: Records, role: str, settings: PatchInput) -> str:
    """Return the layout whose joints the squares are around.

    Raises:
        ArtifactError: a clip's features are none of squares around joints, or around another skeleton's.
    """
    chosen = settings.skeleton or records[0].features(role).skeleton
    for record in records:
        _check_squares(record.features(role), chosen)
    return chosen


def _check_squares(clip: FeatureClip, skeleton: str | None) -> None:
    if not clip.skeleton:
        sizes = " × ".join(map(str, clip.values.shape[2:]))
        raise ArtifactError(
            f"{clip.clip}: expected features of squares around joints (dimensions × joints), found {sizes} without joints that are known.",
            hint="aqa extract-pose VIDEOS, then aqa extract-features VIDEOS --patches",
        )
    if skeleton and clip.skeleton != skeleton:
        raise ArtifactError(
            f"{clip.clip}: expected squares around the joints of {skeleton}, found those of {clip.skeleton}.",
            hint="aqa extract-features VIDEOS --patches --poses SET, with the poses of one estimator for all",
        )


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
    images = None if inputs.images is None else _images(records, inputs.images, inputs.boxes)
    return Clips(tuple(record.clip for record in records), poses, mask, target, groups, features, before, images=images)


def segments(clip: FeatureClip, settings: FeatureInput) -> tuple[Array, Array]:
    """Return a clip's features (V, S, D, …) with the number of segments that the settings say, and the mask (S,) of real ones.

    Raises:
        ArtifactError: the clip lacks a view, or has no squares around the joints that are wanted.
    """
    if isinstance(settings, PatchInput):
        _check_squares(clip, settings.skeleton)
    values = np.stack([_view(clip, name) for name in settings.views])
    have, want = values.shape[1], settings.segments or values.shape[1]
    if have >= want:
        return values[:, np.linspace(0, have - 1, want).round().astype(int)], np.ones(want, dtype=bool)
    padding = [(0, 0), (0, want - have)] + [(0, 0)] * (values.ndim - 2)
    return np.pad(values, padding), np.arange(want) < have


def _view(clip: FeatureClip, name: str) -> Array:
    # Whatever other people called their first view, it is the clip itself.
    return clip.values[0] if name == "original" else clip.view(name)


def _images(records: Records, settings: ImageInput, wanted: BoxInput | None) -> Images:
    """Return the pictures of all clips, one clip behind the other, and the boxes in them."""
    parts, boxes = [], []
    for record in records:
        clip = record.images
        numbers = np.arange(len(clip.timestamps)) if settings.fps is None else at_rate(clip.timestamps, settings.fps)
        parts.append(np.stack([clip.view(name)[numbers] for name in settings.views or records[0].images.views], axis=1))
        if wanted is not None:
            boxes.append(in_pictures(record, numbers, wanted))
    count = torch.tensor([len(part) for part in parts])
    found = torch.from_numpy(np.concatenate(boxes)) if boxes else None
    return Images(torch.from_numpy(np.concatenate(parts)), count.cumsum(0) - count, count, found)


def _joints(records: Records, settings: PoseInput) -> tuple[torch.Tensor, torch.Tensor]:
    axes = {channels_of(record.poses, settings) for record in records}
    if len(axes) > 1:
        raise ArtifactError("The clips mix 2-D and 3-D poses.", hint="select one kind with --where, or --set settings.input.flat=true")
    skeleton_of(settings, skeletons_of(records))
    return _stacked([joints(record.poses, settings) for record in records])


def _stacked(prepared: list[tuple[Array, Array]]) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.from_numpy(np.stack(column)) for column in zip(*prepared, strict=True))  # type: ignore[return-value]
