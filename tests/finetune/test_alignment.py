"""Gradient reversal, the discriminator's loss, and MMD against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from stages.finetune.methods.alignment import Discriminator, Kernel, domain_loss, mmd, reverse_gradient


@pytest.mark.parametrize("coefficient", [0.0, 1.0, 2.5])
def test_reverse_gradient__is_minus_the_identity_s_gradient(coefficient: float) -> None:
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)

    def function(values: torch.Tensor) -> torch.Tensor:
        return (values**3).sin().sum()

    assert torch.equal(reverse_gradient(x, coefficient), x)
    (straight,) = torch.autograd.grad(function(x), x)
    (back,) = torch.autograd.grad(function(reverse_gradient(x, coefficient)), x)
    torch.testing.assert_close(back, -coefficient * straight)
    assert torch.autograd.gradcheck(function, (x,)), "what is reversed is a true gradient"


def test_domain_loss__is_the_cross_entropy_averaged_within_each_domain() -> None:
    ours, whole, masked = torch.randn(3), torch.randn(5), torch.randn(5)
    expected = -ours.sigmoid().log().mean() - ((1 - whole.sigmoid()).log().mean() + (1 - masked.sigmoid()).log().mean()) / 2
    torch.testing.assert_close(domain_loss(ours, [whole, masked]), expected)


@pytest.mark.parametrize("kernel", ["laplacian", "rbf"])
def test_mmd__of_two_points_has_a_closed_form(kernel: Kernel) -> None:
    one, two = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    similarity = math.exp(-7 / 2) if kernel == "laplacian" else math.exp(-25 / 8)
    assert float(mmd(one, two, kernel, bandwidth=2.0)) == pytest.approx(2 - 2 * similarity)


def test_mmd__of_gaussians_is_the_integral() -> None:
    """E k(x, y) of normal numbers with difference d and an RBF kernel of width s: s / √(s² + 2) · exp(-d² / (2 (s² + 2)))."""
    torch.manual_seed(0)
    one, two = torch.randn(3000, 1), torch.randn(3000, 1) + 1.5
    within, between = 1 / math.sqrt(3), math.exp(-(1.5**2) / 6) / math.sqrt(3)
    assert float(mmd(one, two, "rbf", bandwidth=1.0)) == pytest.approx(2 * within - 2 * between, abs=0.01)


@pytest.mark.parametrize("kernel", ["laplacian", "rbf"])
def test_mmd__is_zero_for_the_same_points_and_grows_with_the_distance(kernel: Kernel) -> None:
    points = torch.randn(40, 5)
    assert float(mmd(points, points, kernel)) == pytest.approx(0, abs=1e-6)
    found = [float(mmd(points, points + far, kernel, bandwidth=2.0)) for far in (0.1, 0.5, 2.0)]
    assert found == sorted(found)
    assert mmd(points, points.clone().requires_grad_(), kernel).requires_grad


def test_training__the_discriminator_is_confused_while_the_task_is_learned() -> None:
    """Two domains that differ in one number, and a target that lies in another: the encoder drops the first and keeps the second."""
    torch.manual_seed(0)
    x = torch.randn(200, 4)
    domain = torch.arange(200) % 2 == 0
    x[domain, 0] += 3
    target = x[:, 1]
    accuracies = {}
    for weight in (0.0, 1.0):
        torch.manual_seed(1)
        encoder, head, judge = torch.nn.Linear(4, 3), torch.nn.Linear(3, 1), Discriminator(3, 8)
        optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters(), *judge.parameters()], lr=1e-2)
        for _ in range(400):
            f = encoder(x)
            logits = judge(reverse_gradient(f, weight))
            regression = F.mse_loss(head(f)[:, 0], target)
            loss = regression + domain_loss(logits[domain], [logits[~domain]])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        accuracies[weight] = float(((logits > 0) == domain).float().mean())
        assert float(regression.detach()) < 0.1
    assert accuracies[0.0] > 0.85
    assert abs(accuracies[1.0] - 0.5) < 0.15
