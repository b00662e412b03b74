"""Batch sources.  What a stream yields is a function of (seed, epoch, step) alone, so a resumed run sees the same batches.

Whole data sets lie in memory, so there are no worker processes: drawing a batch is one index operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from stages.arrays import Array
from stages.engine.batch import Batch, Clips
from stages.engine.seeding import generator

Choose = Callable[[Array, np.random.Generator], Array]
"""Indices of a batch's clips → indices of their partners."""


class Stream(Protocol):
    """A named source of batches."""

    @property
    def steps(self) -> int:
        """Batches in one epoch."""

    def batch(self, seed: int, epoch: int, step: int) -> Batch:
        """Return the batch at ``step`` of ``epoch``; a step beyond :attr:`steps` goes on into the next epoch's order."""


class Shuffled:
    """Every clip once per epoch, in random order.

    Args:
        clips: what to draw from.
        size: clips per batch (N); the last batch of an epoch is smaller unless ``drop_last``.
        drop_last: leave out an epoch's incomplete last batch (contrastive losses compare within a batch).
        least: leave out a last batch of fewer clips than this (batch norm cannot take one of a single clip).
        partner: chooses each clip's partner (another view, an exemplar), which comes as ``Batch.partner``.
    """

    def __init__(self, clips: Clips, size: int, *, drop_last: bool = False, least: int = 1, partner: Choose | None = None) -> None:
        self.clips, self.partner = clips, partner
        self.size = min(size, len(clips))
        whole, rest = divmod(len(clips), self.size)
        self.steps = max(1, whole + (rest >= least and rest > 0 and not drop_last))

    def batch(self, seed: int, epoch: int, step: int) -> Batch:
        """Return a batch; see :class:`Stream`."""
        epoch, step = epoch + step // self.steps, step % self.steps
        order = generator("order", seed, epoch).permutation(len(self.clips))
        indices = order[step * self.size : (step + 1) * self.size]
        batch = self.clips.take(indices)
        if self.partner is None:
            return batch
        chosen = self.partner(indices, generator("partner", seed, epoch, step))
        return replace(batch, partner=self.clips.take(chosen))


def same_group(clips: Clips) -> Choose:
    """Return a chooser of partners: another random clip of the same group (itself where there is no other)."""
    groups = clips.group.numpy()
    members = {group: np.flatnonzero(groups == group) for group in np.unique(groups)}

    def choose(indices: Array, random: np.random.Generator) -> Array:
        partners = []
        for index in indices:
            others = members[groups[index]]
            others = others[others != index]
            partners.append(random.choice(others) if others.size else index)
        return np.asarray(partners, dtype=np.int64)

    return choose
