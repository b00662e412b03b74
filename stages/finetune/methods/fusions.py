"""How a skeleton's and a video's features become a score: 2M-AF's preference fusion and what tables 4 and 8 compare it with.

Every fusion maps the features (N, D1) and (N, D2) to the scores of K candidates (N, K); the preference fusions also say which
candidate they would pick (logits, (N, K)), the others have one candidate.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FusionName = Literal["pfm", "pfm+mlp", "mlp", "simple", "bilinear", "falcons"]

Candidates = tuple[Tensor, Tensor | None]
"""Scores (N, K), and the logits of the choice among them, None where there is nothing to choose."""


class Preference(nn.Module):
    """Preference fusion module (section 3.2): one regression head per modality, and a selection head on both features.

    Args:
        skeleton: D1.
        video: D2.
        both: a third head on both features is a candidate too (setting D of table 8).
    """

    def __init__(self, skeleton: int, video: int, *, both: bool) -> None:
        super().__init__()
        self.skeleton, self.video = nn.Linear(skeleton, 1), nn.Linear(video, 1)
        self.both = nn.Linear(skeleton + video, 1) if both else None
        self.choice = nn.Linear(skeleton + video, 3 if both else 2)

    def forward(self, skeleton: Tensor, video: Tensor) -> Candidates:
        """Return the heads' scores, and the logits of the choice."""
        together = torch.cat([skeleton, video], dim=1)
        scores = [self.skeleton(skeleton), self.video(video), *([self.both(together)] if self.both is not None else [])]
        return torch.cat(scores, dim=1), self.choice(together)


class Concatenation(nn.Module):
    """Simple fusion of table 4, which table 8 calls MLP: one fully connected layer on both features."""

    def __init__(self, skeleton: int, video: int) -> None:
        super().__init__()
        self.head = nn.Linear(skeleton + video, 1)

    def forward(self, skeleton: Tensor, video: Tensor) -> Candidates:
        """Return the score."""
        return self.head(torch.cat([skeleton, video], dim=1)), None


class Bilinear(nn.Module):
    """Low-rank bilinear pooling of both features, attention over its channels, and a perceptron of three layers.

    After the bilinear pooling and attention networks (BPAN) that the paper compares with: both features are compressed into one
    space, multiplied there, and brought to unit length after a signed root.
    """

    def __init__(self, skeleton: int, video: int, size: int) -> None:
        super().__init__()
        self.skeleton, self.video = nn.Linear(skeleton, size), nn.Linear(video, size)
        self.attention = nn.Sequential(nn.Linear(size, max(size // 4, 1)), nn.ReLU(), nn.Linear(max(size // 4, 1), size), nn.Sigmoid())
        self.head = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, size // 2), nn.ReLU(), nn.Linear(size // 2, 1))

    def forward(self, skeleton: Tensor, video: Tensor) -> Candidates:
        """Return the score."""
        product = torch.tanh(self.skeleton(skeleton)) * torch.tanh(self.video(video))
        # The derivative of a root at zero is infinite, hence the small number.
        pooled = F.normalize(product.sign() * ((product.abs() + 1e-6).sqrt() - 1e-3), dim=1)
        return self.head(pooled * self.attention(pooled)), None


class Falcons(nn.Module):
    """Each modality through batch norm, ReLU and a layer of its own, then both through a fully connected one.

    After the learner-grader (FALCONS, CVPR workshops 2020), whose grader joins visual clues and the sequence of joints; difficulty is the
    business of the target (``target.column=score.execution``).
    """

    def __init__(self, skeleton: int, video: int, size: int) -> None:
        super().__init__()
        self.skeleton = nn.Sequential(nn.BatchNorm1d(skeleton), nn.ReLU(), nn.Linear(skeleton, size))
        self.video = nn.Sequential(nn.BatchNorm1d(video), nn.ReLU(), nn.Linear(video, size))
        self.head = nn.Sequential(nn.BatchNorm1d(2 * size), nn.ReLU(), nn.Linear(2 * size, 1))

    def forward(self, skeleton: Tensor, video: Tensor) -> Candidates:
        """Return the score."""
        return self.head(torch.cat([self.skeleton(skeleton), self.video(video)], dim=1)), None


def build(name: FusionName, skeleton: int, video: int, size: int) -> nn.Module:
    """Return the fusion called ``name``; ``size`` is the inner width of those that have one."""
    if name in ("pfm", "pfm+mlp"):
        return Preference(skeleton, video, both=name == "pfm+mlp")
    if name in ("mlp", "simple"):
        return Concatenation(skeleton, video)
    return Bilinear(skeleton, video, size) if name == "bilinear" else Falcons(skeleton, video, size)


def preference_loss(scores: Tensor, logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of the choice; the label is the candidate with the smaller absolute error (equations 5 and 8).

    Args:
        scores: (N, K).
        logits: (N, K).
        target: (N,).
    """
    label = (scores.detach() - target[:, None]).abs().argmin(dim=1)
    return F.cross_entropy(logits, label)
