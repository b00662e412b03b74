"""The fusions of two modalities: their arithmetic, their loss, and what the preference fusion says of its picks."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from stages.finetune.methods import fusions

SKELETON, VIDEO, CLIPS = 5, 7, 6


@pytest.mark.parametrize("name", ["pfm", "pfm+mlp", "mlp", "simple", "bilinear", "falcons"])
def test_build__every_fusion_scores_and_learns_from_both_modalities(name: fusions.FusionName) -> None:
    torch.manual_seed(0)
    fusion = fusions.build(name, SKELETON, VIDEO, 8)
    skeleton, video = torch.randn(CLIPS, SKELETON, requires_grad=True), torch.randn(CLIPS, VIDEO, requires_grad=True)
    scores, logits = fusion(skeleton, video)
    candidates = {"pfm": 2, "pfm+mlp": 3}.get(name, 1)
    assert scores.shape == (CLIPS, candidates)
    assert (logits is None) == (candidates == 1)
    scores.square().sum().backward()
    assert skeleton.grad is not None
    assert video.grad is not None
    assert torch.isfinite(skeleton.grad).all()
    assert skeleton.grad.abs().sum() > 0
    assert video.grad.abs().sum() > 0


def test_preference__each_head_sees_its_own_modality_alone() -> None:
    fusion = fusions.build("pfm+mlp", SKELETON, VIDEO, 8)
    skeleton, video = torch.randn(CLIPS, SKELETON), torch.randn(CLIPS, VIDEO)
    scores, logits = fusion(skeleton, video)
    other, other_logits = fusion(skeleton, torch.randn(CLIPS, VIDEO))
    assert torch.equal(scores[:, 0], other[:, 0])
    assert not torch.equal(scores[:, 1], other[:, 1])
    assert not torch.equal(scores[:, 2], other[:, 2])
    assert not torch.equal(logits, other_logits)


def test_preference_loss__is_the_cross_entropy_of_the_nearer_stream() -> None:
    scores = torch.tensor([[1.0, 4.0], [5.0, 2.5], [0.0, 0.0]], requires_grad=True)
    logits = torch.tensor([[0.2, -0.1], [1.0, 0.3], [0.0, 2.0]], requires_grad=True)
    target = torch.tensor([1.5, 2.0, 3.0])  # the first, the second, and a tie that goes to the first
    loss = fusions.preference_loss(scores, logits, target)
    chosen = F.softmax(logits.detach().double(), dim=1)[torch.arange(3), torch.tensor([0, 1, 0])]
    assert loss.item() == pytest.approx(float(-chosen.log().mean()), abs=1e-6)
    loss.backward()
    assert scores.grad is None, "the label is no way for the choice to move the scores"


def test_bilinear__is_of_unit_length_and_finite_at_zero() -> None:
    fusion = fusions.Bilinear(SKELETON, VIDEO, 8)
    skeleton = torch.zeros(2, SKELETON, requires_grad=True)
    with torch.no_grad():
        fusion.skeleton.bias.zero_()
    fusion(skeleton, torch.zeros(2, VIDEO))[0].sum().backward()
    assert torch.isfinite(skeleton.grad).all()
