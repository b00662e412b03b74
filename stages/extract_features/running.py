"""A backbone at work: segments in, features out, always in passes of one fixed shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from stages.arrays import Array
from stages.extract_features.backbones.contract import Backbone

UNIT: Mapping[str, int] = {"cpu": 1, "cuda": 8, "mps": 4}
"""Segments in one pass through the network, by kind of device; fewer are filled up with black ones.  A pass always has the same shape, so
that a segment's features do not depend on which others came with it."""


class Runner:
    """Runs a backbone on a device.

    Args:
        backbone: what to run; its network is moved to the device.
        device: where.
        maps: return feature maps instead of vectors.
    """

    def __init__(self, backbone: Backbone, device: torch.device, *, maps: bool = False) -> None:
        self.device, self.unit = device, UNIT[device.type]
        backbone.network.to(device)
        self.mean, self.std = (torch.tensor(values, device=device) for values in (backbone.look.mean, backbone.look.std))
        self.function: Callable[[Tensor], Tensor] = backbone.features
        if maps:
            assert backbone.maps is not None
            self.function = backbone.maps

    def __call__(self, segments: Sequence[Array]) -> Array:
        """Return (N, D, …) float32 for N segments (L, H, W, C), uint8 red-green-blue or float16 flow."""
        clips = torch.from_numpy(np.stack(segments)).to(self.device)
        found = []
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            for start in range(0, len(clips), self.unit):
                part = clips[start : start + self.unit]
                filled = torch.cat([part, part.new_zeros(self.unit - len(part), *part.shape[1:])]) if len(part) < self.unit else part
                found.append(self.function(self._normalised(filled))[: len(part)].float().cpu())
        return torch.cat(found).numpy()

    def _normalised(self, clips: Tensor) -> Tensor:
        """Return (N, C, L, H, W) float32 of clips (N, L, H, W, C)."""
        return clips.float().sub_(self.mean).div_(self.std).permute(0, 4, 1, 2, 3)
