"""What methods share that score a clip beside exemplars, training clips whose scores are known (CoRe, Yu et al., ICCV 2021, section 3).

A clip and its exemplar belong to one kind: the same class, or the same value in a column of the manifest that is known beforehand (a
dive's difficulty, its number).  In training every clip gets another random exemplar of its kind in every epoch, and each of the two is
the other's exemplar.  At test a clip is compared with M exemplars, each votes, and the votes are averaged.

The authors draw these M anew for every test clip.  Ours are drawn once per kind, by the seed of the training, and kept with the model:
training clips all of them, so that a clip has the same score wherever and whenever it is scored.  Of a kind with fewer clips all are taken;
a clip of a kind that training did not see is compared with M clips of any kind, at even distances over their scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from stages.engine.annotations import MISSING, Kind
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput
from stages.engine.method import Context, MethodConfig, Phase, Sets
from stages.engine.seeding import generator
from stages.engine.streams import Shuffled, Stream, same_group
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.features import MeanFeatureAssessor


class ExemplarSettings(MethodConfig):
    """Settings of the exemplars."""

    features: FeatureInput = FeatureInput()
    same: str | None = None
    """Column of the manifest in which a clip and its exemplars agree, such as difficulty or dive_number; None: clips of the same class."""
    voters: int = Field(10, ge=1)
    """M, exemplars that a clip is compared with at test."""


class ExemplarAssessor(MeanFeatureAssessor):
    """Pairs of mean features in training, votes of exemplars at test."""

    SETTINGS: ClassVar[type[MethodConfig]] = ExemplarSettings
    NAME: ClassVar[str]
    reference_size: ClassVar = 10
    top: ClassVar[float] = 1.0
    """What an exemplar's score is divided by where the network sees it."""

    def __init__(self, settings: Any, context: Context) -> None:
        if context.classes:
            raise UsageError(f"{self.NAME} predicts scores only.", hint="--task score")
        super().__init__(settings, context)

    @property
    def pair_size(self) -> int:
        """Numbers of a pair: both features and the exemplar's score."""
        return 2 * self.size + 1

    @classmethod
    def annotations(cls, settings: ExemplarSettings) -> Mapping[str, Kind]:
        """Return the column that tells kinds apart."""
        return {} if settings.same is None else {settings.same: "class"}

    def told(self) -> Mapping[str, Kind]:
        """Return that a clip's kind is known beforehand."""
        return self.annotations(self.settings)

    def kind_of(self, clips: Clips | Batch) -> Tensor:
        """Return the number of each clip's kind (N,), :data:`MISSING` where it is none that training saw."""
        if self.settings.same is None:
            return clips.group
        return clips.annotations.get(self.settings.same, torch.full_like(clips.group, MISSING))

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the stream of clips with another of their kind as partner (itself where there is no other)."""
        train = sets["train"]
        partner = same_group(replace(train, group=self.kind_of(train)))
        return {"train": Shuffled(train, training.batch_size, partner=partner)}

    def choose_exemplars(self, train: Clips, seed: int) -> Sequence[int]:
        """Return M random training clips of every kind; of views of one clip, the clip itself alone."""
        random = generator("exemplars", seed)
        first = np.sort(np.unique(np.array(train.ids), return_index=True)[1])
        kinds = self.kind_of(train).numpy()[first]
        chosen = [random.permutation(first[kinds == kind])[: self.settings.voters] for kind in np.unique(kinds)]
        return [int(index) for index in np.concatenate(chosen)]

    def pairs(self, exemplar: Tensor, score: Tensor, query: Tensor) -> Tensor:
        """Return what the network sees of pairs (N, 2 D + 1): the exemplar's feature, the clip's, the exemplar's score."""
        return torch.cat([exemplar, query, score[:, None] / self.top], dim=1)

    def both_ways(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return every pair of a batch and its reverse (2 N, 2 D + 1), and how much higher the second one's score is (2 N,)."""
        partner = batch.partner
        assert partner is not None
        assert partner.target is not None
        assert batch.target is not None
        clip, other = self.seen(batch), self.seen(partner)
        pairs = torch.cat([self.pairs(other, partner.target, clip), self.pairs(clip, batch.target, other)])
        difference = batch.target - partner.target
        return pairs, torch.cat([difference, -difference])

    def comparisons(self, batch: Batch, reference: Batch | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the pairs of every clip and its exemplars (N · M, 2 D + 1), the exemplars' scores and how much each counts, (N, M)."""
        assert reference is not None
        assert reference.target is not None
        table, counts = voters(self.kind_of(reference), reference.target, self.settings.voters)
        kinds = self.kind_of(batch)
        # a kind that training did not see has the table's last row
        known = (kinds >= 0) & (kinds < len(table) - 1)
        row = torch.where(known, kinds, len(table) - 1)
        row = torch.where(counts[row].sum(dim=1) > 0, row, len(table) - 1)
        chosen, weights = table[row], counts[row]
        exemplar = self.seen(reference)[chosen.flatten()]
        score = reference.target[chosen]
        query = self.seen(batch).repeat_interleave(chosen.shape[1], dim=0)
        return self.pairs(exemplar, score.flatten(), query), score, weights / weights.sum(dim=1, keepdim=True)


def voters(kinds: Tensor, scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return which of K exemplars clips of each kind are compared with, and how much each counts, both (kinds + 1, M).

    The last row is for clips of no known kind.  A kind with fewer than M exemplars has places that count nothing.

    Args:
        kinds: (K,) of the exemplars.
        scores: (K,) of the exemplars.
        count: M.
    """
    rows = max(int(kinds.max()) + 1, 0) + 1
    table = torch.zeros(rows, count, dtype=torch.long, device=kinds.device)
    counts = torch.zeros(rows, count, device=kinds.device)
    order = torch.argsort(scores, stable=True)
    anyone = order[torch.linspace(0, len(order) - 1, min(count, len(order))).round().long().to(order.device)]
    for row in range(rows):
        members = torch.nonzero(kinds == row)[:count, 0] if row < rows - 1 else anyone
        table[row, : len(members)] = members
        counts[row, : len(members)] = 1
    return table, counts
