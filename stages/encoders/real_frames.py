"""What an encoder does with a mask, so that a padded clip gets the features of the clip alone.

Two rules suffice.  Before anything mixes frames, the frames beyond the clip are set to zero: that is what a convolution pads a clip's
ends with anyway.  And whatever is averaged over time, is averaged over the real frames.  Outputs then do not depend on how many frames
of padding lie behind a clip; in front of it they do not where the padding is a multiple of the network's temporal stride.  (In training,
batch normalisation counts padded frames like any others.)
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def coarser(mask: Tensor, stride: int) -> Tensor:
    """Return the mask (N, ⌈T / stride⌉) behind a convolution of that temporal stride: true where any of its frames was real."""
    if stride == 1:
        return mask
    return F.max_pool1d(mask[:, None].float(), stride, stride, ceil_mode=True)[:, 0] > 0


def as_factor(mask: Tensor, like: Tensor, people: int = 1) -> Tensor:
    """Return the mask (N, T) as ones and zeros that multiply features: one row per person and a 1 for each of their other axes.

    Args:
        mask: true where a frame is real.
        like: the features, (N × people, D, T, …).
        people: M.
    """
    return mask.repeat_interleave(people, dim=0).to(like.dtype).view(-1, 1, mask.shape[1], *[1] * (like.dim() - 3))


def mean_of_real(features: Tensor, mask: Tensor) -> Tensor:
    """Return the mean (N, D) of the features (N, T, D) over the real frames of ``mask`` (N, T)."""
    weight = mask[:, :, None].to(features.dtype)
    return (features * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
