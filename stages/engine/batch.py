"""What a network sees: clips of one data set prepared once and kept in memory, and the batches drawn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from stages.arrays import Array
from stages.skeletons.layouts import Layout


@dataclass(frozen=True)
class Batch:
    """N clips as tensors.

    Attributes:
        ids: the clips' ids.
        poses: (N, C, T, V, M), missing joints filled.
        mask: (N, T), true where a frame is real; always there.
        target: (N,) transformed target (float score, or long class index); absent for unlabelled clips.
        group: (N,) long index of the clip's action, 0 where there is only one.
        partner: a second batch of N clips, clip by clip the partner of this one (another view, an exemplar).
    """

    ids: tuple[str, ...]
    poses: Tensor
    mask: Tensor
    target: Tensor | None
    group: Tensor
    partner: Batch | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device``."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {name: value.to(device) for name, value in values.items() if isinstance(value, Tensor | Batch)}
        return replace(self, **moved)


@dataclass(frozen=True)
class Clips:
    """All clips of a part (train, validation …), stacked in memory so that a batch is one index operation.

    Attributes:
        as in :class:`Batch`, with N the number of clips; ``layout`` says which joint is where.
    """

    ids: tuple[str, ...]
    poses: Tensor
    mask: Tensor
    target: Tensor | None
    group: Tensor
    layout: Layout

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Sequence[int] | Array) -> Batch:
        """Return the clips at ``indices`` as a batch."""
        index = torch.as_tensor(indices, dtype=torch.long)
        target = None if self.target is None else self.target[index]
        ids = tuple(self.ids[i] for i in index.tolist())
        return Batch(ids, self.poses[index], self.mask[index], target, self.group[index])
