"""CoRe: how much better is a clip than an exemplar?  Group-aware contrastive regression (Yu et al., ICCV 2021, sections 3.2 to 3.4).

Of a clip, an exemplar and the exemplar's score a binary tree tells in which interval the difference of both scores lies, each inner node
by a choice between its two halves, and where in the interval, by a regression in every leaf.  The intervals lie alike on both sides of
zero and hold equal numbers of the training clips' differences.  The loss is the cross-entropy of the leaf and the squared error in the
leaf that is right (for each leaf its mean over the pairs in it), of the pair and of its reverse.  How exemplars are chosen and vote stands
in :mod:`stages.finetune.methods.exemplars`.

Scores lie between 0 and 100, the lowest and the highest of the *training* clips.  The authors' ranges on AQA-7 are those of all clips,
test clips among them.  There I3D is trained along with a tenth of the rate; here segment features are given and stay as they are,
standardised by the training clips.  Two more things are ours: the largest difference belongs to the outermost interval (in the authors'
code to none), and intervals are of the pairs that can occur, those of one kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.engine import ranks
from stages.engine.batch import Batch, Clips
from stages.engine.method import Context, MethodConfig, Phase, Step
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.exemplars import ExemplarAssessor, ExemplarSettings

TOP = 100.0
"""Scores lie from 0 to here."""


class Settings(ExemplarSettings):
    """Settings of the method; sizes are those of the authors' code."""

    depth: int = Field(5, ge=2, le=10)
    """Of the tree, which has 2 ** (depth - 1) leaves."""
    hidden: int = Field(256, ge=1)
    """Numbers of a node."""


class NodeLinear(nn.Module):
    """A linear layer for every node by itself, (N, nodes, inputs) → (N, nodes, outputs)."""

    def __init__(self, nodes: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(nodes, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(nodes, 1, outputs).uniform_(-bound, bound))

    def forward(self, values: Tensor) -> Tensor:
        """Return the outputs."""
        return torch.baddbmm(self.bias, values.transpose(0, 1), self.weight).transpose(0, 1)


class RegressionTree(nn.Module):
    """Pairs (N, D) → log-probability of every leaf, and the place in its interval that every leaf says, both (N, leaves).

    A node's numbers choose between its children, and make theirs; a leaf's probability is the product of the choices on its way.
    """

    def __init__(self, inputs: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.root = nn.Linear(inputs, hidden)
        levels = [2**level for level in range(depth - 1)]
        self.choices = nn.ModuleList(NodeLinear(nodes, hidden, 2) for nodes in levels)
        self.divisions = nn.ModuleList(NodeLinear(nodes, hidden, 2 * hidden) for nodes in levels)
        self.leaves = NodeLinear(2 ** (depth - 1), hidden, 1)

    def forward(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Return both."""
        nodes = self.root(pairs).relu()[:, None]
        probability = nodes.new_zeros(pairs.shape[0], 1)
        for choose, divide in zip(self.choices, self.divisions, strict=True):
            probability = (probability[:, :, None] + choose(nodes).log_softmax(dim=2)).flatten(1)
            nodes = divide(nodes).relu().reshape(pairs.shape[0], probability.shape[1], -1)
        return probability, self.leaves(nodes)[:, :, 0]


class CoRe(ExemplarAssessor):
    """The tree on pairs of mean features."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=200, batch_size=4, optimiser="adam", lr=1e-3)
    TARGET: ClassVar = TargetConfig(scaling="range-100")
    NAME: ClassVar = "CoRe"
    couples_batch: ClassVar = True  # a leaf's error is a mean over the pairs of a batch
    top: ClassVar = TOP
    low: Tensor
    width: Tensor

    def __init__(self, settings: Settings, context: Context) -> None:
        super().__init__(settings, context)
        self.tree = RegressionTree(self.pair_size, settings.hidden, settings.depth)
        leaves = 2 ** (settings.depth - 1)
        self.register_buffer("low", torch.zeros(leaves))
        self.register_buffer("width", torch.ones(leaves))

    def measure(self, train: Clips) -> None:
        """Divide the differences of training scores into intervals, too.

        Raises:
            UsageError: no two training clips could be compared.
        """
        super().measure(train)
        assert train.target is not None
        whole = float(train.target.max() - train.target.min())
        differences = _differences(train.target, self.kind_of(train))
        if not len(differences):
            raise UsageError(
                f"CoRe compares training clips of the same {self.settings.same or 'class'}, and no two have the same.",
                hint="--set settings.same=COLUMN, one in which several clips agree",
            )
        edges = interval_edges(differences, len(self.low) // 2, whole)
        self.low.copy_(torch.cat([-edges[1:].flip(0), edges[:-1]]))
        self.width.copy_(torch.cat([edges.diff().flip(0), edges.diff()]))

    def leaf_of(self, difference: Tensor) -> Tensor:
        """Return in which leaf's interval each difference (N,) lies; [low, high) above zero, (low, high] below."""
        half = len(self.low) // 2
        place = torch.searchsorted(self.low[half + 1 :].contiguous(), difference.abs().contiguous(), right=True)
        return torch.where(difference >= 0, half + place, half - 1 - place)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the losses of the pairs and of their reverses."""
        pairs, difference = self.both_ways(batches["train"])
        probability, place = self.tree(pairs)
        leaf = self.leaf_of(difference)
        # each way by itself, since a leaf's error is a mean over the pairs of one way
        parts = ([ranks.gathered(way) for way in part.chunk(2)] for part in (probability, place, leaf, difference))
        ways = list(zip(*parts, strict=True))
        terms = {
            "leaf": torch.stack([F.nll_loss(probability, leaf) for probability, _, leaf, _ in ways]).sum(),
            "place": torch.stack([self._place_loss(place, leaf, difference) for _, place, leaf, difference in ways]).sum(),
        }
        return Step({"main": terms["leaf"] + terms["place"]}, terms)

    def _place_loss(self, place: Tensor, leaf: Tensor, difference: Tensor) -> Tensor:
        """Return the sum over leaves of the mean squared error in each; (N, leaves), (N,), (N,)."""
        wanted = (difference - self.low[leaf]) / self._unit()[leaf]
        said = place.gather(1, leaf[:, None])[:, 0]
        share = torch.bincount(leaf, minlength=len(self.low))[leaf]
        return ((said - wanted).square() / share).sum()

    def _unit(self) -> Tensor:
        return torch.where(self.width > 0, self.width, 1.0)

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the mean of the votes, each the exemplar's score and the difference that the most probable leaf says."""
        pairs, score, weights = self.comparisons(batch, reference)
        probability, place = self.tree(pairs)
        leaf = probability.argmax(dim=1, keepdim=True)
        difference = self.low[leaf] + self._unit()[leaf] * place.gather(1, leaf)
        votes = score + difference.view(score.shape)
        return {"value": (weights * votes).sum(dim=1)}


def _differences(scores: Tensor, kinds: Tensor) -> Tensor:
    """Return how far the scores of every two clips of a kind lie apart, in ascending order, (P,)."""
    found = [torch.pdist(scores[kinds == kind, None]) for kind in sorted(set(kinds.tolist()))]
    return torch.cat(found).sort().values


def interval_edges(differences: Tensor, intervals: int, whole: float) -> Tensor:
    """Return the edges (intervals + 1,) between which equal numbers of the differences lie; the outer ones are 0 and the whole range.

    Args:
        differences: (P,), in ascending order.
        intervals: how many.
        whole: range of the scores.
    """
    places = [number * (len(differences) - 1) // intervals for number in range(1, intervals)]
    return torch.cat([differences.new_zeros(1), differences[places], differences.new_full((1,), whole)])
