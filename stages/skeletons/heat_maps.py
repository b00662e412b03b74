"""Joints drawn as heat maps: one channel per joint, a Gaussian per frame where the joint is.

For networks that look at poses as at images (PoseC3D, Duan et al., CVPR 2022; EAGLE-Eye, Nekoui et al., WACV 2021; VI-Net, Sardari et
al., Sensors 2020).  Of 3-D poses x and y are drawn, the orthographic projection along z.
"""

from __future__ import annotations

import torch
from torch import Tensor

_MARGIN = 1.25
"""How much larger than the bodies' box the drawn square is."""
_REACH = 3.0
"""Standard deviations at which a Gaussian is cut off."""


def draw(poses: Tensor, mask: Tensor, size: int, sigma: float) -> Tensor:
    """Draw the joints of the real frames as Gaussians of height one; where people overlap the higher value counts.

    The bodies' box over the whole clip is enlarged by a quarter to a square and fills the volume, so that neither position nor
    scale matter, but movement within the clip does.  A body whose joints all lie in the origin is one that was not seen (poses are
    filled with zeros there, and masked frames are zero) and is not drawn.

    Args:
        poses: (N, C, T, V, M); the first two channels are x and y.
        mask: (N, T), true where a frame is real.
        size: height and width of the volume.
        sigma: standard deviation in pixels; beyond three of them a Gaussian is zero.

    Returns:
        (N, V, T, size, size).
    """
    return paint(*place(poses, mask, size), size, sigma)


def place(poses: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return where :func:`draw` draws: x and y in pixels (N, T, V, M, 2), and which bodies are drawn at all (N, T, M)."""
    seen = (poses != 0).any(dim=3).any(dim=1) & mask[:, :, None]
    plane = poses[:, :2].permute(0, 2, 3, 4, 1).float()
    return _in_pixels(plane, seen, size), seen


def paint(where: Tensor, seen: Tensor, size: int, sigma: float) -> Tensor:
    """Return the heat maps (N, V, T, size, size) of what :func:`place` found, or of some of its frames."""
    grid = torch.arange(size, device=where.device, dtype=where.dtype)
    distance = grid - where[..., None]
    profiles = torch.exp(-distance.square() / (2 * sigma**2)) * (distance.abs() <= _REACH * sigma)
    profiles = profiles * seen[:, :, None, :, None, None]
    people = [torch.einsum("ntvh,ntvw->nvthw", one[..., 1, :], one[..., 0, :]) for one in profiles.unbind(dim=3)]
    return torch.stack(people).amax(dim=0) if len(people) > 1 else people[0]


def _in_pixels(plane: Tensor, seen: Tensor, size: int) -> Tensor:
    """Return x and y (N, T, V, M, 2) in pixels of the volume; ``seen`` (N, T, M) says which bodies make up the clip's box."""
    absent = ~seen[:, :, None, :, None]
    low = plane.masked_fill(absent, torch.inf).amin(dim=(1, 2, 3), keepdim=True)
    high = plane.masked_fill(absent, -torch.inf).amax(dim=(1, 2, 3), keepdim=True)
    empty = ~seen.any(dim=(1, 2)).view(-1, 1, 1, 1, 1)
    low, high = low.masked_fill(empty, 0), high.masked_fill(empty, 0)
    side = (_MARGIN * (high - low).amax(dim=-1, keepdim=True)).clamp(min=1e-6)
    return ((plane - (low + high) / 2) / side + 0.5) * (size - 1)
