"""What U-VI trains beside its pose encoder: viewpoint encoder and decoder (table 1), and how a pose is seen (Sardari et al., section 3).

Ours, since the paper leaves it open: rotations are R_z R_y R_x of three angles; convolutions keep the size; the decoder's transposed
convolutions double the size three times.  N pictures, P pose features.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from stages.encoders.posture import HALVINGS, double_convolution
from stages.errors import UsageError

POOL = 7
"""Side of the viewpoint encoder's pooling (table 1)."""


class ViewpointEncoder(nn.Module):
    """Pictures (N, C, H, W) → three angles (N, 3) and a translation (N, 3); table 1."""

    def __init__(self, channels: int, size: tuple[int, int], width: int, dropout: float) -> None:
        super().__init__()
        if min(size) < POOL:
            raise UsageError(f"The pictures are {size[0]} × {size[1]}; U-VI takes at least {POOL} × {POOL}.")
        sizes = [(channels, 2 * width), (2 * width, 2 * width), (2 * width, 4 * width), (4 * width, 4 * width)]
        blocks = [nn.Sequential(nn.Conv2d(before, after, 5, padding=2), nn.BatchNorm2d(after), nn.ReLU()) for before, after in sizes]
        flat = 4 * width * (size[0] // POOL) * (size[1] // POOL)
        self.layers = nn.Sequential(
            *blocks[:2],
            nn.MaxPool2d(POOL),
            *blocks[2:],
            nn.Flatten(),
            nn.Linear(flat, 8 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(8 * width, 6),
        )

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return angles and translation."""
        angles, place = torch.split(self.layers(pictures), 3, dim=1)
        return angles, place


class Decoder(nn.Module):
    """A pose as a view shows it (N, 3, P) → the picture (N, C, H, W) in [0, 1]; table 1."""

    def __init__(self, inputs: int, channels: int, size: tuple[int, int], width: int, dropout: float) -> None:
        super().__init__()
        self.start = (8 * width, size[0] // 2**HALVINGS, size[1] // 2**HALVINGS)
        self.spread = nn.Sequential(nn.Flatten(), nn.Linear(inputs, int(np.prod(self.start))), nn.ReLU(), nn.Dropout(dropout))
        self.paint = nn.Sequential(
            double_convolution(8 * width, 4 * width),
            _doubled(4 * width, 2 * width),
            _doubled(2 * width, width),
            _doubled(width, channels),
            nn.Tanh(),
        )

    def forward(self, poses: Tensor) -> Tensor:
        """Return the pictures."""
        pictures: Tensor = self.paint(self.spread(poses).view(-1, *self.start))
        return pictures


def _doubled(before: int, after: int) -> nn.Sequential:
    """Two transposed convolutions with batch norm and ReLU; the first doubles the size."""
    return nn.Sequential(
        nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.ConvTranspose2d(after, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


def rotation(angles: Tensor) -> Tensor:
    """Return R_z R_y R_x (N, 3, 3) of angles about x, y and z (N, 3), in radians."""
    (cx, cy, cz), (sx, sy, sz) = angles.cos().unbind(dim=1), angles.sin().unbind(dim=1)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def seen(poses: Tensor, turn: Tensor, place: Tensor) -> Tensor:
    """Return canonical poses (N, 3, P) as a view shows them: R P + T."""
    return turn @ poses + place[:, :, None]


def shifted(pictures: Tensor, shift: Tensor) -> Tensor:
    """Return pictures (N, C, H, W) moved by whole pixels (N, 2), to the right and down; what comes in is zero."""
    height, width = pictures.shape[2:]
    rows = torch.arange(height, device=pictures.device)[None] - shift[:, 1:].long()
    columns = torch.arange(width, device=pictures.device)[None] - shift[:, :1].long()
    inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[:, None, None, :]
    number = torch.arange(len(pictures), device=pictures.device)[:, None, None]
    moved = pictures.permute(0, 2, 3, 1)[number, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]]
    return moved.permute(0, 3, 1, 2) * inside
