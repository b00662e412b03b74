"""Inception-I3D as a backbone: the fast network with the published weights, RGB or flow."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from stages import weights as weight_files
from stages.extract_features.backbones.contract import Backbone, Look, Precision
from stages.extract_features.backbones.inception_i3d import DIMENSIONS, InceptionI3D, features
from stages.extract_features.backbones.inception_i3d_fast import FastI3D
from stages.extract_features.backbones.registry import Entry

RGB = Look("rgb", resize=256, crop=224, mean=(127.5,) * 3, std=(127.5,) * 3)
"""The shorter side to 256 pixels, the middle 224 × 224, values in [-1, 1], as the authors prepare Kinetics."""
FLOW = Look("flow", resize=256, crop=224, mean=(0.0, 0.0), std=(1.0, 1.0))


def build(name: str, entry: Entry, file: Path, precision: Precision) -> Backbone:
    """Return Inception-I3D with its weights; logits that are there, of however many classes, are not used."""
    look = FLOW if entry.modality == "flow" else RGB
    state = weight_files.read_state(file)
    classes = state["logits.conv3d.bias"].numel() if "logits.conv3d.bias" in state else 400
    network = InceptionI3D(look.channels, classes)
    weight_files.load_into(network, state, str(file))
    network.eval()
    fast = FastI3D(network, torch.bfloat16 if precision == "bf16" else torch.float32)

    def pooled(clips: Tensor) -> Tensor:
        return features(fast(clips))

    return Backbone(name, look, DIMENSIONS, fast, pooled, fast)
