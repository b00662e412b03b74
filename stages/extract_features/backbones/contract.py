"""What a backbone is: a network that turns segments into features, and how frames have to look before it sees them.

N segments, C channels, T frames, H rows, W columns, D feature dimensions; t, h, w are the sizes of feature maps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

Modality = Literal["rgb", "flow", "frame"]
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Look:
    """How frames become the input of a network.

    Attributes:
        modality: ``rgb`` (a video network), ``flow`` (a video network that sees optical flow) or ``frame`` (a network of single images).
        resize: the frame's shorter side in pixels, its shape kept, or (width, height).
        crop: rows and columns of the square that is cut from the middle.
        mean: taken off each channel; red, green, blue in 0–255, or the flow's two directions in [-1, 1].
        std: each channel is then divided by it.
        length: frames of a segment that the network needs, None where any number will do.
    """

    modality: Modality
    resize: int | tuple[int, int]
    crop: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    length: int | None = None

    @property
    def channels(self) -> int:
        """C."""
        return 2 if self.modality == "flow" else 3


@dataclass(frozen=True)
class Backbone:
    """A network that is ready to be used.

    Attributes:
        name: as it is typed after ``--backbone``.
        look: what its input looks like.
        dimensions: D.
        network: in evaluation mode; moved to a device by whoever uses it.
        features: (N, C, T, H, W) float32, normalised → (N, D).
        maps: the same → (N, D, t, h, w), before pooling; None where the network has no maps.
    """

    name: str
    look: Look
    dimensions: int
    network: nn.Module
    features: Callable[[Tensor], Tensor]
    maps: Callable[[Tensor], Tensor] | None = None
