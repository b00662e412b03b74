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

    def take(self, index: Tensor) -> Features:
        """Return the clips at ``index``."""
        return Features(self.values[index], self.mask[index])

    def to(self, device: torch.device) -> Features:
        """Return the features on ``device``."""
        return Features(self.values.to(device), self.mask.to(device))

    def mean(self) -> Tensor:
        """Return the mean over the real segments of the clip itself, (N, D, …)."""
        own, real = self.values[:, 0], self.mask
        weight = real.to(own.dtype).view(*real.shape, *[1] * (own.ndim - 2))
        return (own * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


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
    """

    ids: tuple[str, ...]
    poses: Tensor
    mask: Tensor
    target: Tensor | None
    group: Tensor
    features: Mapping[str, Features] = field(default_factory=dict)
    joints: Tensor | None = None
    partner: Batch | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to_change(self) -> Tensor:
        """Return the poses as random changes take them: joints, whose changed copy is finished afterwards."""
        return self.poses if self.joints is None else self.joints

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device``."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        moved: dict[str, Any] = {name: value.to(device) for name, value in values.items() if isinstance(value, Tensor | Batch)}
        return replace(self, **moved, features={role: features.to(device) for role, features in self.features.items()})


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

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Sequence[int] | Array | Tensor) -> Batch:
        """Return the clips at ``indices`` as a batch."""
        index = torch.as_tensor(indices, dtype=torch.long)
        target = None if self.target is None else self.target[index]
        ids = tuple(self.ids[i] for i in index.tolist())
        features = {role: features.take(index) for role, features in self.features.items()}
        joints = None if self.joints is None else self.joints[index]
        return Batch(ids, self.poses[index], self.mask[index], target, self.group[index], features, joints)

    def chosen(self, indices: Sequence[int]) -> Clips:
        """Return the clips at ``indices``."""
        batch = self.take(indices)
        return Clips(batch.ids, batch.poses, batch.mask, batch.target, batch.group, batch.features, batch.joints)
