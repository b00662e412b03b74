"""A bidirectional GRU over joint coordinates, the encoder of the two-stage paper (Nekoui and Cheng, section 3.1).

The paper gives two layers of 1000 units and does not say whether each direction has them.  Here both directions together have, so that a
frame's representation has 1000 numbers, and so has the state from which a decoder of 1000 units starts.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from stages.configuration import Config
from stages.encoders.real_frames import mean_of_real
from stages.encoders.recurrent import both_directions, run
from stages.skeletons.layouts import Layout


class GRUConfig(Config):
    """Sizes; the defaults are the paper's."""

    units: int = Field(1000, ge=2, multiple_of=2)
    """D, of both directions together."""
    layers: int = Field(2, ge=1)


class GRUEncoder(nn.Module):
    """Poses (N, C, T, V, M) → a representation per frame (N, T, D), and their mean over real frames (N, D).

    Padding, in front or behind, is not seen.
    """

    SETTINGS: ClassVar = GRUConfig

    def __init__(self, config: GRUConfig, layout: Layout, channels: int = 3, people: int = 1) -> None:
        super().__init__()
        self.dimensions = config.units
        size = channels * len(layout.joints) * people
        self.network = nn.GRU(size, config.units // 2, config.layers, batch_first=True, bidirectional=True)

    def states(self, poses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the representation per frame (N, T, D), zero beyond the clip, and the last state of each layer (L, N, D)."""
        outputs, last = run(self.network, coordinates(poses), mask)
        return outputs, both_directions(last)

    def frames(self, poses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the representation per frame (N, T, D), and the mask (N, T)."""
        return self.states(poses, mask)[0], mask

    def forward(self, poses: Tensor, mask: Tensor) -> Tensor:
        """Return the clip's representation (N, D); ``mask`` (N, T) is true where a frame is real."""
        return mean_of_real(self.states(poses, mask)[0], mask)


def coordinates(poses: Tensor) -> Tensor:
    """Return a frame's coordinates as one vector: (N, C, T, V, M) → (N, T, C × V × M)."""
    return poses.permute(0, 2, 1, 3, 4).flatten(2)


def bodies(values: Tensor, like: Tensor) -> Tensor:
    """Undo :func:`coordinates`: (N, T, C × V × M) → the shape of ``like`` (N, C, T, V, M)."""
    _, channels, _, joints, people = like.shape
    return values.view(*values.shape[:2], channels, joints, people).permute(0, 2, 1, 3, 4)
