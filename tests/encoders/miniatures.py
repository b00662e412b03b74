"""Every encoder at a size that a test can afford."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stages.encoders.spec import PoseSpec
from stages.skeletons.input import PoseInput

MINI: dict[str, dict[str, Any]] = {
    "ctr-gcn": {"width": 8, "blocks": 5},
    "st-gcn": {"width": 8, "blocks": 5},
    "2s-agcn": {"width": 8, "blocks": 5},
    "efficient-gcn": {"scale": 0, "width": 8},
    "gru": {"units": 12},
    "posec3d": {"size": 12, "width": 4, "blocks": [1, 1, 1]},
}


def build(name: str, skeleton: str = "kinect-20", channels: int = 3, people: int = 1, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    return PoseSpec(name, MINI[name] | settings, skeleton, channels, PoseInput(skeleton=skeleton, people=people)).build()


def stirred(network: nn.Module) -> nn.Module:
    """Give every weight and statistic a value that no initialisation has, so that nothing is hidden by a zero."""
    generator = torch.Generator().manual_seed(1)
    for name, value in {**dict(network.named_parameters()), **dict(network.named_buffers())}.items():
        if value.is_floating_point() and not name.endswith(("A", "adjacency")):
            noise = torch.rand(value.shape, generator=generator)
            value.data = 0.5 + noise if name.endswith("running_var") else value.data + 0.4 * (noise - 0.5)
    return network.eval()
