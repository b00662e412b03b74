"""CTR-GCN's training step and inference against its published structure: ``python -m benchmarks ctr-gcn``.

Both hold the same weights and see the same clips; runs take turns.  The published structure runs as published: eager fp32.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.peers import ThreeBranchCTRGCN
from benchmarks.timing import interleaved, rate, ratio
from stages.encoders.ctr_gcn import CTRGCN, CTRGCNConfig, from_published
from stages.skeletons.layouts import KINECT_25

CLIPS, FRAMES, REPEATS = 16, 64, 11
POSES = (CLIPS, 3, FRAMES, len(KINECT_25.joints), 1)
AIMS = {"fp32": 1.4, "bf16": 2.2}
BIAS_NOISE = 1e-6
"""A bias in front of a batch norm has no gradient but rounding: what is below this part of the largest gradient is not compared."""

Gradients = dict[str, Tensor]


def networks() -> tuple[ThreeBranchCTRGCN, CTRGCN]:
    """Return the published structure with weights at which every part has a gradient, and ours with the same."""
    torch.manual_seed(0)
    peer = ThreeBranchCTRGCN(KINECT_25)
    for name, value in peer.named_parameters():
        if name.endswith("alpha"):
            nn.init.constant_(value, 0.5)
        elif value.ndim == 1:
            value.data.add_(0.3 * torch.randn_like(value))
    ours = CTRGCN(CTRGCNConfig(), KINECT_25)
    ours.load_state_dict(from_published(peer.state_dict())[0])
    return peer.train(), ours.train()


def step(network: nn.Module, inputs: tuple[Tensor, ...], *, bf16: bool = False) -> Tensor:
    """Return the representations (N, D) after one forward and backward pass of a ten-class loss."""
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        y = network(*inputs)
    logits = y @ torch.linspace(-1, 1, y.shape[1] * 10, dtype=y.dtype).sin().view(-1, 10)
    F.cross_entropy(logits.to(inputs[0].dtype), torch.arange(len(y)) % 10).backward()
    return y.detach()


def gradients(network: nn.Module) -> Gradients:
    """Return the gradient of every parameter in double precision, under our names."""
    found = {name: value.grad.double() for name, value in network.named_parameters() if value.grad is not None}
    return from_published(found)[0] if isinstance(network, ThreeBranchCTRGCN) else found


def apart(some: Gradients, other: Gradients) -> tuple[float, float]:
    """Return the distance of two gradients relative to the second's length, and the largest relative one of any parameter."""
    largest = max(float(value.abs().max()) for value in other.values())
    flat = [torch.cat([found[name].flatten() for name in sorted(other)]) for found in (some, other)]
    worst = max(
        float((some[name] - value).abs().max() / value.abs().max())
        for name, value in other.items()
        if float(value.abs().max()) > BIAS_NOISE * largest
    )
    return float((flat[0] - flat[1]).norm() / flat[1].norm()), worst


def agreement() -> None:
    """Print how equal outputs and gradients are, and assert that they are as equal as rounding lets two programs be.

    A gradient jumps where a ReLU's or a maximum's input is within rounding of its edge, so single precision cannot tell whether two
    programs have the same derivative: double precision does, and single precision is judged by what the published structure's own
    rounding does to its gradient.
    """
    peer, ours = networks()
    poses, mask = torch.randn(POSES), torch.ones(CLIPS, FRAMES, dtype=torch.bool)
    exact, exact_ours = copy.deepcopy(peer).double(), copy.deepcopy(ours).double()
    y, y_ours = step(exact, (poses.double(),)), step(exact_ours, (poses.double(), mask))
    true = gradients(exact)
    output, (_, gradient) = float((y - y_ours).abs().max() / y.abs().max()), apart(gradients(exact_ours), true)
    print(f"  float64: outputs differ by {output:.1e} of the largest, the gradient of any parameter by {gradient:.1e} of its largest")
    assert output < 1e-9, output
    assert gradient < 1e-3, gradient
    z, z_ours = step(peer, (poses,)), step(ours, (poses, mask))
    output = float((z - z_ours).abs().max() / z.abs().max())
    theirs, mine = apart(gradients(peer), true)[0], apart(gradients(ours), true)[0]
    print(f"  fp32: outputs differ by {output:.1e}; the gradient is {mine:.1e} from float64's, the published structure's {theirs:.1e}")
    assert output < 1e-4, output
    assert mine < max(4 * theirs, 0.01), (mine, theirs)
    for name, network, inputs, whole in (("ours", ours, (poses, mask), z_ours), ("published", peer, (poses,), z)):
        single = gradients(network)
        outputs = cosine(step(network, inputs, bf16=True), whole)
        angle = cosine(*(torch.cat([found[key].flatten() for key in sorted(true)]) for found in (gradients(network), single)))
        print(f"  bf16 against fp32, {name}: cosine {outputs:.5f} of the outputs, {angle:.4f} of the gradient")


def cosine(some: Tensor, other: Tensor) -> float:
    """Return the cosine of the angle between two tensors."""
    return float(F.cosine_similarity(some.flatten().double(), other.flatten().double(), dim=0))


def peak() -> float:
    """Return the arithmetic of the fastest point-wise convolution that this machine was seen to do, in GFLOP/s of fp32."""
    x, weight = torch.randn(16, 256, 40, 40).contiguous(memory_format=torch.channels_last), torch.randn(256, 256, 1, 1)
    with torch.inference_mode():
        seconds = interleaved({"": (1, lambda: F.conv2d(x, weight))}, 3 * REPEATS)[""]
    return 2 * x.numel() * 256 / min(seconds) / 1e9


def _report(what: str, runs: Mapping[str, Callable[[], Any]], work: float | None = None) -> None:
    seconds = interleaved({name: (CLIPS, run) for name, run in runs.items()}, REPEATS)
    for name, took in seconds.items():
        line = f"  {what}, {name:<10}{rate(took):7.1f} clips/s"
        if name in AIMS:
            line += f"   {ratio(seconds['published'], took)}" + (f", aim {AIMS[name]} x" if what == "training" else "")
        if work:
            line += f"   {work * rate(took) / CLIPS:.0f} GFLOP/s"
        print(line, flush=True)


def ctr_gcn() -> None:
    """Print the ratios of clips per second on one thread and on all; the agreement of outputs and gradients is asserted."""
    print(f"CTR-GCN, {CLIPS} clips x {FRAMES} frames x {POSES[3]} joints, against the published structure in eager fp32")
    agreement()
    peer, ours = networks()
    poses, mask = torch.randn(POSES), torch.ones(CLIPS, FRAMES, dtype=torch.bool)
    with FlopCounterMode(display=False) as counter:
        step(ours, (poses, mask))
    work = counter.get_total_flops() / 1e9
    threads = torch.get_num_threads()
    for count in sorted({1, threads}):
        torch.set_num_threads(count)
        print(f"  {count} thread(s); a training step is {work:.0f} GFLOP, point-wise convolutions reach {peak():.0f} GFLOP/s")
        training = {
            "published": lambda: step(peer, (poses,)),
            "fp32": lambda: step(ours, (poses, mask)),
            "bf16": lambda: step(ours, (poses, mask), bf16=True),
        }
        _report("training", training, work)
    torch.set_num_threads(threads)
    peer.eval()
    ours.eval()

    def half() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return ours(poses, mask)

    with torch.inference_mode():
        _report("inference", {"published": lambda: peer(poses), "fp32": lambda: ours(poses, mask), "bf16": half})
