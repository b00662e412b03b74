"""The tiny video network that ships with the toolkit, for the demo and the tests.

It learned from rendered people only (``examples/train_tiny_rgb.py``): from a segment's pixels it had to tell where the joints are, how
far each moves and how fast.  It knows nothing of scores, and is no match for any published network on real video.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from stages import weights as weight_files
from stages.extract_features.backbones.contract import Backbone, Look, Precision
from stages.extract_features.backbones.registry import Entry

LENGTH = 16
"""Frames of a segment."""
SIDE = 64
"""Rows and columns."""
WIDTHS = (16, 32, 64, 128)
DIMENSIONS = WIDTHS[-1]
LOOK = Look("rgb", resize=SIDE, crop=SIDE, mean=(114.75, 114.75, 114.75), std=(57.375, 57.375, 57.375), length=LENGTH)


class TinyRGB(nn.Module):
    """Four convolutions in space and time: (N, 3, 16, 64, 64) → features (N, 128)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for number, after in enumerate(WIDTHS):
            kernel, stride = ((1, 5, 5), (1, 2, 2)) if number == 0 else ((3, 3, 3), (2 if number > 1 else 1, 2, 2))
            padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
            layers += [nn.Conv3d(before, after, kernel, stride, padding, bias=False), nn.BatchNorm3d(after), nn.ReLU(inplace=True)]
            before = after
        self.layers = nn.Sequential(*layers)

    def maps(self, clips: Tensor) -> Tensor:
        """Return the last layer's maps, (N, 128, 4, 4, 4)."""
        return torch.as_tensor(self.layers(clips))

    def forward(self, clips: Tensor) -> Tensor:
        """Return the mean of the maps, (N, 128)."""
        return self.maps(clips).mean(dim=(2, 3, 4))


def build(name: str, entry: Entry, file: Path, precision: Precision) -> Backbone:
    """Return the network with its packaged weights."""
    network = TinyRGB()
    weight_files.load_into(network, weight_files.read_state(file), str(file))
    network.eval()

    def maps(clips: Tensor) -> Tensor:
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=precision == "bf16"):
            return network.maps(clips).float()

    def features(clips: Tensor) -> Tensor:
        return maps(clips).mean(dim=(2, 3, 4))

    return Backbone(name, LOOK, entry.dimensions, network, features, maps)
