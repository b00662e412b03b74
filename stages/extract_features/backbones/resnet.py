"""ResNet-50 on single frames, as a backbone: torchvision's network with its published ImageNet weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from stages import weights as weight_files
from stages.errors import MissingDependencyError
from stages.extract_features.backbones.contract import Backbone, Look, Precision
from stages.extract_features.backbones.registry import Entry

LOOK = Look("frame", resize=256, crop=224, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
"""ImageNet's preparation: mean (.485, .456, .406) and deviation (.229, .224, .225) of values in [0, 1]."""


def build(name: str, entry: Entry, file: Path, precision: Precision) -> Backbone:
    """Return ResNet-50 up to its average pool.

    Raises:
        MissingDependencyError: torchvision is not installed.
    """
    try:
        from torchvision.models import resnet50
    except (ImportError, RuntimeError) as error:
        raise MissingDependencyError(
            f"{name} needs torchvision, which cannot be imported: {error}.", hint="pip install aqa-toolkit[video]"
        ) from None
    network: nn.Module = resnet50()
    weight_files.load_into(network, weight_files.read_state(file), str(file))
    network.eval().to(memory_format=torch.channels_last)
    trunk = nn.Sequential(*list(network.children())[:-2])

    def maps(clips: Tensor) -> Tensor:
        count, channels, frames, height, width = clips.shape
        images = clips.transpose(1, 2).reshape(count * frames, channels, height, width).contiguous(memory_format=torch.channels_last)
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=precision == "bf16"):
            found = trunk(images)
        return found.float().unflatten(0, (count, frames)).transpose(1, 2)

    def features(clips: Tensor) -> Tensor:
        return maps(clips).mean((2, 3, 4))

    return Backbone(name, LOOK, entry.dimensions, trunk, features, maps)
