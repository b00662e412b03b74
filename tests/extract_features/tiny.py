"""A backbone small enough for tests: one convolution over 32 × 32 pixels, RGB or flow, with its weights in a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from stages import weights as weight_files
from stages.extract_features.backbones import registry
from stages.extract_features.backbones.contract import Backbone, Look
from stages.extract_features.backbones.registry import Entry

LOOKS: Mapping[str, Look] = {
    "rgb": Look("rgb", resize=36, crop=32, mean=(127.5,) * 3, std=(127.5,) * 3),
    "flow": Look("flow", resize=36, crop=32, mean=(0.0,) * 2, std=(1.0,) * 2),
}
DIMENSIONS = 6


def network(channels: int) -> nn.Conv3d:
    torch.manual_seed(channels)
    return nn.Conv3d(channels, DIMENSIONS, 3, stride=(1, 4, 4), padding=1)


def build(name: str, entry: Entry, file: Path, precision: str) -> Backbone:
    look = LOOKS[entry.modality]
    convolution = network(look.channels)
    weight_files.load_into(convolution, weight_files.read_state(file), str(file))
    convolution.eval()
    return Backbone(name, look, DIMENSIONS, convolution, lambda clips: convolution(clips).relu().mean((2, 3, 4)), convolution)


def install(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Put ``tiny`` and ``tiny-flow`` into the list of backbones, with their weights in ``folder``; return that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, modality, channels in (("tiny", "rgb", 3), ("tiny-flow", "flow", 2)):
        entry = Entry(f"{__name__}:build", modality, DIMENSIONS, "for tests", "", f"https://localhost:1/{name}.pt")
        monkeypatch.setitem(registry.BACKBONES, name, entry)
        torch.save(network(channels).state_dict(), folder / f"{name}.pt")
    monkeypatch.setenv(weight_files.VARIABLE, str(folder))
    return folder
