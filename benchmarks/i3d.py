"""Inception-I3D for inference against the plain network as it is published: ``python -m benchmarks i3d``.

Both hold the same weights and see the same clips; runs take turns.
"""

from __future__ import annotations

import torch

from benchmarks.timing import interleaved, rate, ratio
from stages.extract_features.backbones.inception_i3d import InceptionI3D, features
from stages.extract_features.backbones.inception_i3d_fast import FastI3D

REPEATS = 9
CLIP = (1, 3, 16, 224, 224)
AIMS = {"fp32": 1.5, "bf16": 3.0}


def network() -> InceptionI3D:
    """Return the published network with random weights whose signal keeps its size from layer to layer."""
    torch.manual_seed(0)
    peer = InceptionI3D().eval()
    for module in peer.modules():
        if isinstance(module, torch.nn.Conv3d):
            torch.nn.init.kaiming_normal_(module.weight)
        if isinstance(module, torch.nn.BatchNorm3d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return peer


def i3d() -> None:
    """Print the ratios of clips per second; the agreement of the features is asserted."""
    peer = network()
    networks = {"published": peer.maps, "fp32": FastI3D(peer), "bf16": FastI3D(peer, torch.bfloat16)}
    clip = torch.rand(CLIP) * 2 - 1
    with torch.inference_mode():
        seconds = interleaved({name: (1, lambda run=run: run(clip)) for name, run in networks.items()}, REPEATS)
        truth, fp32, bf16 = (features(run(clip)) for run in networks.values())
    difference = float((fp32 - truth).abs().max() / truth.abs().max())
    cosine = float(torch.cosine_similarity(bf16, truth).min())
    print(f"Inception-I3D, clips of 16 × 224 × 224, {REPEATS} repetitions in turn, quartiles in brackets")
    print(f"Inception-I3D, published structure, fp32 {rate(seconds['published']):8.2f} clips/s")
    for name, aim in AIMS.items():
        print(
            f"Inception-I3D, ours, {name:<20}{rate(seconds[name]):8.2f} clips/s   "
            f"{ratio(seconds['published'], seconds[name])} (aim {aim} x)"
        )
    print(f"  features: fp32 differs by at most {difference:.1e} of the largest; bf16 has cosine similarity {cosine:.6f}")
    assert difference <= 1e-3, difference
    assert cosine >= 0.999, cosine
