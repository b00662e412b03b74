"""What a network sees: clips of one data set prepared once and kept in memory, and the batches drawn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from stages.arrays import Array


@dataclass(frozen=True)
class Features:
    """Features of N clips.

    Attributes:
        values: (N, V, S, D, …) V views, the clip itself first; S segments.
        mask: (N, S), true where a segment is real.
    """

    values: Tensor
    mask: Tensor

    @property
    def device(self) -> torch.device:
        """Where indices must lie."""
        return self.mask.device

    def take(self, index: Tensor) -> Features:
        """Return the clips at ``index``."""
        # index_select copies a clip at a time, two to four times as fast as indexing does.
        return Features(self.values.index_select(0, index), self.mask[index])

    def to(self, device: torch.device) -> Features:
        """Return the features on ``device``."""
        return Features(self.values.to(device), self.mask.to(device))

    def mean(self) -> Tensor:
        """Return the mean over the real segments of the clip itself, (N, D, …)."""
        own, real = self.values[:, 0], self.mask
        weight = real.to(own.dtype).view(*real.shape, *[1] * (own.ndim - 2))
        return (own * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


@dataclass(frozen=True)
class Images:
    """Frames of N clips, one clip behind the other, as they lie in their artifacts.

    Clips have different numbers of frames, and a network sees few of them at a time, so nothing is padded, and batches share the frames:
    :meth:`frames` fetches those that are asked for.

    Attributes:
        values: (F, V, C, H, W) uint8, all frames of all clips that were prepared together, of V views.
        first: (N,) where each clip's frames begin.
        count: (N,) how many there are.
        boxes: (F, P, 4) where P performers are in each frame, left, top, right, bottom as shares of its width and height, NaN where they
            are not seen; None for methods that take none.
    """

    values: Tensor
    first: Tensor
    count: Tensor
    boxes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.first)

    @property
    def device(self) -> torch.device:
        """Where indices must lie."""
        return self.first.device

    def take(self, index: Tensor) -> Images:
        """Return the clips at ``index``; the frames stay where they are."""
        return Images(self.values, self.first[index], self.count[index], self.boxes)

    def frames(self, numbers: Tensor, view: int | Tensor, device: torch.device) -> Tensor:
        """Return frames in [0, 1] on ``device``, (N, K, C, H, W).

        Args:
            numbers: (N, K), each counted from its clip's first frame.
            view: which view, of all or of each frame (N, K).
            device: where to.
        """
        where = self.values.device
        place = self.first[:, None].to(where) + numbers.to(where)
        chosen = self.values[place, view.to(where) if isinstance(view, Tensor) else view]
        return chosen.to(device).float() / 255

    def boxes_at(self, numbers: Tensor, device: torch.device) -> Tensor:
        """Return the boxes in frames ``numbers`` (N, K), each counted from its clip's first frame, on ``device``: (N, K, P, 4)."""
        assert self.boxes is not None
        where = self.boxes.device
        return self.boxes[self.first[:, None].to(where) + numbers.to(where)].to(device)


@dataclass(frozen=True)
class Batch:
    """N clips as tensors.

    Attributes:
        ids: the clips' ids.
        poses: (N, C, T, V, M), missing joints filled; without elements for methods that consume none.
        mask: (N, T), true where a frame is real; always there.
        target: (N,) transformed target (float score, or long class index); absent for unlabelled clips.
        group: (N,) long index of the clip's action, 0 where there is only one.
        features: by role.
        joints: (N, C, T, V, M), the poses before the last steps of their preparation; None where those are nothing.
        partner: a second batch of N clips, clip by clip the partner of this one (another view, an exemplar).
        images: None for methods that take none.
        annotations: what else is known of training clips, by column of the manifest (:mod:`stages.engine.annotations`): classes (N,) or
            sentences (N, W), long, or numbers (N,), float; of clips at test there is what the method is told of them (``Assessor.told``).
    """

    ids: tuple[str, ...]
    poses: Tensor
    mask: Tensor
    target: Tensor | None
    group: Tensor
    features: Mapping[str, Features] = field(default_factory=dict)
    joints: Tensor | None = None
    partner: Batch | None = None
    annotations: Mapping[str, Tensor] = field(default_factory=dict)
    images: Images | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to_change(self) -> Tensor:
        """Return the poses as random changes take them: joints, whose changed copy is finished afterwards."""
        return self.poses if self.joints is None else self.joints

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device``."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        moved: dict[str, Any] = {name: value.to(device) for name, value in values.items() if isinstance(value, Tensor | Batch)}
        features = {role: features.to(device) for role, features in self.features.items()}
        return replace(self, **moved, features=features, annotations={name: each.to(device) for name, each in self.annotations.items()})


@dataclass(frozen=True)
class Clips:
    """All clips of a part (train, validation …), stacked in memory so that a batch is one index operation.

    Attributes:
        as in :class:`Batch`, with N the number of clips.
    """

    ids: tuple[str, ...]
    poses: Tensor
    mask: Tensor
    target: Tensor | None
    group: Tensor
    features: Mapping[str, Features] = field(default_factory=dict)
    joints: Tensor | None = None
    annotations: Mapping[str, Tensor] = field(default_factory=dict)
    images: Images | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Sequence[int] | Array | Tensor) -> Batch:
        """Return the clips at ``indices`` as a batch."""
        index = torch.as_tensor(indices, dtype=torch.long)
        target = None if self.target is None else self.target[index]
        ids = tuple(self.ids[i] for i in index.tolist())
        features = {role: features.take(index) for role, features in self.features.items()}
        joints = None if self.joints is None else self.joints.index_select(0, index)
        annotations = {name: values[index] for name, values in self.annotations.items()}
        poses = self.poses.index_select(0, index)
        images = None if self.images is None else self.images.take(index)
        group = self.group[index]
        return Batch(ids, poses, self.mask[index], target, group, features, joints, annotations=annotations, images=images)

    def chosen(self, indices: Sequence[int]) -> Clips:
        """Return the clips at ``indices``."""
        batch = self.take(indices)
        return Clips(**{each.name: getattr(batch, each.name) for each in fields(self)})


def joined(parts: Sequence[Clips]) -> Clips:
    """Return the clips of all parts, which one method's inputs prepared, one behind the other."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    targets = [part.target for part in parts if part.target is not None]
    joints = [part.joints for part in parts if part.joints is not None]
    return Clips(
        ids=tuple(clip for part in parts for clip in part.ids),
        poses=torch.cat([part.poses for part in parts]),
        mask=torch.cat([part.mask for part in parts]),
        target=torch.cat(targets) if targets else None,
        group=torch.cat([part.group for part in parts]),
        features={
            role: Features(*(torch.cat([getattr(part.features[role], name) for part in parts]) for name in ("values", "mask")))
            for role in first.features
        },
        joints=torch.cat(joints) if joints else None,
        annotations={name: torch.cat([part.annotations[name] for part in parts]) for name in first.annotations},
        images=_joined_images([part.images for part in parts if part.images is not None]),
    )


def _joined_images(parts: Sequence[Images]) -> Images | None:
    if not parts:
        return None
    if all(part.values is parts[0].values for part in parts):
        values, boxes, starts = parts[0].values, parts[0].boxes, [0] * len(parts)
    else:
        values = torch.cat([part.values for part in parts])
        boxes = None if parts[0].boxes is None else torch.cat([part.boxes for part in parts if part.boxes is not None])
        starts = [sum(len(part.values) for part in parts[:number]) for number in range(len(parts))]
    first = torch.cat([part.first + start for part, start in zip(parts, starts, strict=True)])
    return Images(values, first, torch.cat([part.count for part in parts]), boxes)
