"""The non-expert's training step at the paper's sizes: how much of it is spent outside the recurrent networks.

``python -m benchmarks non-expert``.  The limit is what the five passes through recurrent networks (encoder, pace decoder, inpainting
decoder, discriminator on real and inpainted clips) take by themselves, forward and backward, for the same four losses; all else (changing
clips, heads, losses, optimisers) is the share to keep small.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.timing import interleaved
from stages.encoders.gru import coordinates
from stages.encoders.recurrent import run
from stages.encoders.spec import PoseSpec
from stages.engine.batch import Batch
from stages.engine.method import Phase
from stages.pretrain.methods.non_expert import NonExpert, Settings
from stages.skeletons.input import PoseInput

CLIPS, FRAMES, REPEATS = 55, 64, 3
SHORTEST = 16
"""Lengths are spread from here to FRAMES, as UTKinect's are; the paper's longest clip has 743."""
AIM = 0.15


def batch() -> Batch:
    """Return clips of different length, padded in front, of 25 joints in three dimensions."""
    lengths = torch.linspace(SHORTEST, FRAMES, CLIPS).long()
    mask = torch.arange(FRAMES) >= FRAMES - lengths[:, None]
    poses = torch.rand(CLIPS, 3, FRAMES, 25, 1) * 2 - 1
    ids = tuple(map(str, range(CLIPS)))
    return Batch(ids, poses * mask[:, None, :, None, None], mask, None, torch.zeros(CLIPS, dtype=torch.long))


def method() -> NonExpert:
    """Return the method at the paper's sizes."""
    torch.manual_seed(0)
    settings = Settings()
    return NonExpert(settings, PoseSpec("gru", {}, "kinect-25", 3, PoseInput(**settings.input.model_dump() | {"skeleton": "kinect-25"})))


def whole(network: NonExpert, data: Batch) -> None:
    """Take one training step, as the training loop does."""
    owners = {name: list(parameters) for name, parameters in network.optimisers(Phase()).items()}
    optimisers = [torch.optim.Adam(parameters, lr=3e-4) for parameters in owners.values()]
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    losses = dict(network.step({"train": data}, Phase()).losses)
    _backward(losses, owners)
    for optimiser in optimisers:
        optimiser.step()


def recurrent(network: NonExpert, data: Batch) -> None:
    """Pass through the recurrent networks alone, forward, and backward for the losses that a step has."""
    assert network.pace_decoder is not None
    assert network.decoder is not None
    assert network.discriminator is not None
    owners = {
        "encoder": list(network.encoder.parameters()),
        "pace": list(network.pace_decoder.network.parameters()),
        "recovery": list(network.decoder.parameters()),
        "discriminator": list(network.discriminator.network.parameters()),
    }
    values = coordinates(data.poses)
    representation, state = network.encoder.states(data.poses, data.mask)
    told = run(network.pace_decoder.network, representation, data.mask)[1].sum()
    recovered, _ = run(network.decoder, values, data.mask, state.contiguous())
    real, fake = (run(network.discriminator.network, x, data.mask)[1].sum() for x in (values, recovered[:, :, : values.shape[2]]))
    whole_ = recovered.sum()
    _backward({"encoder": whole_ + told, "pace": told, "recovery": whole_ + fake, "discriminator": real + fake}, owners)


def _backward(losses: dict[str, Tensor], owners: dict[str, list[Tensor]]) -> None:
    names = list(losses)
    for name in names:
        losses[name].backward(inputs=owners[name], retain_graph=name != names[-1])


def non_expert() -> None:
    """Print the share of a training step that is spent outside the recurrent networks."""
    network, data = method().train(), batch()
    frames = int(data.mask.sum())
    seconds = interleaved({"step": (1, lambda: whole(network, data)), "recurrent": (1, lambda: recurrent(network, data))}, REPEATS)
    step, alone = (sorted(seconds[name])[REPEATS // 2] for name in ("step", "recurrent"))
    print(f"Non-expert at the paper's sizes, {CLIPS} clips of {SHORTEST} to {FRAMES} frames, {frames} in all")
    print(f"  a training step takes {step:.2f} s, {1e3 * step / frames:.2f} ms a frame; its recurrent networks alone {alone:.2f} s")
    print(f"  outside the recurrent networks: {1 - alone / step:.0%}, aim below {AIM:.0%}")
