"""What CTR-GCN's fast arrangement must keep: the published structure's outputs, gradients and running statistics."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from benchmarks.ctr_gcn import apart, gradients
from benchmarks.peers import ThreeBranchCTRGCN
from stages.encoders.channels_last import batch_norm
from stages.encoders.ctr_gcn import CTRGCN, CTRGCNConfig, from_published
from stages.skeletons.layouts import KINECT_25


def _networks(dtype: torch.dtype = torch.float64) -> tuple[ThreeBranchCTRGCN, CTRGCN, Tensor, Tensor]:
    torch.manual_seed(0)
    peer = ThreeBranchCTRGCN(KINECT_25, width=16).to(dtype)
    for value in peer.parameters():
        if value.ndim == 1:
            value.data.add_(0.3 * torch.randn_like(value))
    ours = CTRGCN(CTRGCNConfig(width=16), KINECT_25).to(dtype)
    ours.load_state_dict(from_published(peer.state_dict())[0])
    return peer, ours, torch.randn(3, 3, 13, 25, 1, dtype=dtype), torch.ones(3, 13, dtype=torch.bool)


def test_training__outputs_gradients_and_running_statistics_are_those_of_the_published_structure() -> None:
    peer, ours, poses, mask = _networks()
    y, expected = ours.train()(poses, mask), peer.train()(poses)
    torch.testing.assert_close(y, expected)
    target = torch.randn_like(y)
    ((y - target) ** 2).sum().backward()
    ((expected - target) ** 2).sum().backward()
    whole, worst = apart(gradients(ours), gradients(peer))
    assert whole < 1e-9
    assert worst < 1e-6
    for name, value in from_published(peer.state_dict())[0].items():
        torch.testing.assert_close(ours.state_dict()[name], value, msg=lambda text, name=name: f"{name}: {text}")


def test_evaluation__outputs_are_those_of_the_published_structure() -> None:
    peer, ours, poses, mask = _networks(torch.float32)
    with torch.no_grad():
        peer.train()(poses)  # running statistics that are not the initial ones
        ours.load_state_dict(from_published(peer.state_dict())[0])
        torch.testing.assert_close(ours.eval()(poses, mask), peer.eval()(poses), rtol=1e-4, atol=1e-5)


_ODD_BATCHES = """
import torch
from torch import nn
from stages.encoders.ctr_gcn import _Projection
torch.set_num_threads(2)
for _ in range(100):
    projection = _Projection(nn.Conv2d(8, 16, 1, stride=(2, 1)), nn.BatchNorm2d(16))
    x = torch.randn(5, 8, 48, 25).contiguous(memory_format=torch.channels_last)
    projection(x).sum().backward()
"""


def test_training__odd_batches_on_few_channels_leave_memory_whole() -> None:
    # In another process: oneDNN's strided 1 x 1 convolution ended this one with a segmentation fault.
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    subprocess.run([sys.executable, "-c", _ODD_BATCHES], check=True, timeout=300, env=environment)


def test_training__bf16_points_the_same_way() -> None:
    _, ours, poses, mask = _networks(torch.float32)
    found = []
    for bf16 in (False, True):
        ours.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            y = ours.train()(poses, mask)
        y.float().square().sum().backward()
        assert all(value.grad is not None and value.grad.isfinite().all() for value in ours.parameters())
        found.append(y.detach().float())
    assert torch.cosine_similarity(found[0].flatten(), found[1].flatten(), 0) > 0.99


def _norms(dtype: torch.dtype) -> list[nn.BatchNorm2d]:
    torch.manual_seed(1)
    norms = [nn.BatchNorm2d(size).to(dtype) for size in (2, 3)]
    for norm in norms:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return norms


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_batch_norm__is_that_of_each_part(dtype: torch.dtype, *, training: bool) -> None:
    ours, theirs = _norms(dtype), _norms(dtype)
    x = torch.randn(4, 5, 6, 7, dtype=dtype).contiguous(memory_format=torch.channels_last) + 2
    for norm in (*ours, *theirs):
        norm.train(training)
    y = batch_norm(x, *ours)
    expected = torch.cat([norm(part) for norm, part in zip(theirs, x.split([2, 3], dim=1), strict=True)], dim=1)
    rounding = {"rtol": 0.05, "atol": 0.02} if dtype == torch.bfloat16 else {}
    torch.testing.assert_close(y, expected, **rounding)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.state_dict(), other.state_dict(), **rounding)


def test_batch_norm__derivative_is_the_numerical_one() -> None:
    norms = _norms(torch.float64)
    x = torch.randn(2, 5, 3, 2, dtype=torch.float64).contiguous(memory_format=torch.channels_last).requires_grad_()
    parameters = [value for norm in norms for value in norm.parameters()]
    assert torch.autograd.gradcheck(lambda x, *_: batch_norm(x, *norms), (x, *parameters))


@pytest.mark.parametrize("last", [torch.channels_last, torch.contiguous_format], ids=["channels-last", "channels-first"])
def test_batch_norm__layouts_of_input_and_gradient_do_not_matter(last: torch.memory_format) -> None:
    x, target = torch.randn(6, 3, 5, 7, dtype=torch.float64), torch.randn(6, 4, 5, 7, dtype=torch.float64)
    target = target.contiguous(memory_format=torch.channels_last)
    found = []
    for norm in (batch_norm, lambda z, n: n(z)):
        given = x.clone(memory_format=last).requires_grad_()
        wide = torch.cat([norm(given, nn.BatchNorm2d(3).double()), target[:, :1]], dim=1)  # its gradient is a slice
        (wide * target).sum().backward()
        found.append(given.grad)
    torch.testing.assert_close(*found)


def test_batch_norm__single_precision_is_exact_to_rounding() -> None:
    x = torch.randn(16, 8, 64, 25).contiguous(memory_format=torch.channels_last) + 1
    norm = nn.BatchNorm2d(8)
    exact = nn.BatchNorm2d(8).double()(x.double())
    assert float((batch_norm(x, norm).double() - exact).detach().abs().max()) < 2e-6
