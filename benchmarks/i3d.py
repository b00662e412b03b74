"""Inception-I3D for inference against the plain network as it is published: ``python -m benchmarks.i3d``.

Both hold the same weights and see the same clips; runs are interleaved and each takes the best of its own.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor

from stages.extract_features.backbones.inception_i3d import InceptionI3D, features
from stages.extract_features.backbones.inception_i3d_fast import FastI3D

REPEATS = 8
CLIP = (1, 3, 16, 224, 224)
GOALS = {"fp32": 1.5, "bf16": 3.0}


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


def i3d(repeats: int = REPEATS) -> dict[str, float]:
    """Print and return the ratios of clips per second; the agreement of the features is asserted."""
    peer = network()
    fast = {"fp32": FastI3D(peer), "bf16": FastI3D(peer, torch.bfloat16)}
    clip = torch.rand(CLIP) * 2 - 1
    runs = {"published": peer.maps, **fast}
    shortest: dict[str, float] = {}
    outputs: dict[str, Tensor] = {}
    with torch.inference_mode():
        for _ in range(repeats):
            for name, run in runs.items():
                start = time.perf_counter()
                maps = run(clip)
                shortest[name] = min(shortest.get(name, float("inf")), time.perf_counter() - start)
                outputs[name] = features(maps)
    base, truth = shortest["published"], outputs["published"]
    difference = float((outputs["fp32"] - truth).abs().max() / truth.abs().max())
    cosine = float(torch.cosine_similarity(outputs["bf16"], truth).min())
    print(f"Inception-I3D, published structure, fp32       {1 / base:7.2f} clips/s (16 × 224 × 224)")
    for name in fast:
        print(f"Inception-I3D, ours, {name:<26}{1 / shortest[name]:7.2f} clips/s   {base / shortest[name]:.2f} x (goal {GOALS[name]} x)")
    print(f"  features: fp32 differs by at most {difference:.1e} of the largest; bf16 has cosine similarity {cosine:.6f}")
    assert difference <= 1e-3, difference
    assert cosine >= 0.999, cosine
    return {name: base / shortest[name] for name in fast}


if __name__ == "__main__":
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    i3d()
