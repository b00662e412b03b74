"""Frame masks (2M-AF, section 3.1): which frames of a clip are set to zero.  Only valid frames count and are masked.

Every function returns (N, T), true where a frame is masked; of a clip's T_valid real frames exactly round(rate · T_valid) are.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

MaskName = Literal["variance", "temporal", "random"]


def alteration(poses: Tensor, valid: Tensor, reach: int) -> Tensor:
    """Return the degree of alteration D(t) of each frame (equation 2).

    Args:
        poses: (N, C, T, V, M), each frame centred on the body (equation 1).
        valid: (N, T), true where a frame is real.
        reach: k, how many frames to each side are compared.

    Returns:
        (N, T): the sum over channels, joints and people of the squared deviations of frames t-k … t+k from their mean; windows are cut
        off at the ends of the clip.
    """
    count, _, frames, _, _ = poses.shape
    flat = poses.permute(0, 1, 3, 4, 2).reshape(count, -1, frames).double() * valid[:, None]
    window = torch.ones(1, 1, 2 * reach + 1, dtype=flat.dtype, device=flat.device)

    def in_window(values: Tensor) -> Tensor:
        rows = values.reshape(-1, 1, frames)
        return F.conv1d(rows, window, padding=reach).view_as(values)

    members = in_window(valid.to(flat.dtype)[:, None]).clamp(min=1)
    # Σ (x - mean)² = Σ x² - (Σ x)² / n, in double precision so that still frames come out as zero
    return (in_window(flat.square()) - in_window(flat).square() / members).clamp(min=0).sum(dim=1)


def variance_mask(poses: Tensor, valid: Tensor, rate: float, reach: int) -> Tensor:
    """Mask the frames that change least (equation 3); ties go by time, earlier frames first."""
    degree = alteration(poses, valid, reach).masked_fill(~valid, torch.inf)
    order = torch.sort(degree, dim=1, stable=True).indices
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(order.shape[1], device=order.device).expand_as(order))
    return (rank < _masked_count(valid, rate)[:, None]) & valid


def temporal_mask(valid: Tensor, rate: float) -> Tensor:
    """Keep evenly spaced frames and mask those between (the interval mask)."""
    lengths = valid.sum(dim=1)
    kept = lengths - _masked_count(valid, rate)
    position = valid.cumsum(dim=1) - 1
    # Frame p is kept where the running count of kept frames, floor(p · kept / length), moves on.
    here = torch.div(position * kept[:, None], lengths[:, None].clamp(min=1), rounding_mode="floor")
    before = torch.div((position - 1) * kept[:, None], lengths[:, None].clamp(min=1), rounding_mode="floor")
    return ~(here > before) & valid


def random_mask(valid: Tensor, rate: float) -> Tensor:
    """Mask frames at random."""
    draws = torch.rand(valid.shape, device=valid.device).masked_fill(~valid, torch.inf)
    return (draws.argsort(dim=1).argsort(dim=1) < _masked_count(valid, rate)[:, None]) & valid


def masked_frames(name: MaskName, poses: Tensor, valid: Tensor, rate: float, reach: int) -> Tensor:
    """Return the mask called ``name``."""
    if name == "variance":
        return variance_mask(poses, valid, rate, reach)
    return temporal_mask(valid, rate) if name == "temporal" else random_mask(valid, rate)


def _masked_count(valid: Tensor, rate: float) -> Tensor:
    return torch.round(rate * valid.sum(dim=1)).long()
