"""The masks of PSTL (Zhou et al., AAAI 2023): central joints and fast frames.  Only valid frames count and are masked."""

from __future__ import annotations

import torch
from torch import Tensor

from stages.pretrain.methods.skeleton_changes import real_frames
from stages.skeletons.layouts import Layout


def degrees(layout: Layout) -> Tensor:
    """Return (V,): how many bones end at each joint."""
    ends = torch.tensor(layout.edges).flatten()
    return torch.bincount(ends, minlength=len(layout.joints)).float()


def central_joints(count: int, degree: Tensor, rate: float) -> Tensor:
    """Return (N, V), true where a joint is masked (central spatial masking, CSM).

    Of every clip round(rate · V) joints are drawn one after the other without replacement, each time with a probability proportional to
    the degree of those that are left: the hubs of the body go first.

    Args:
        count: N.
        degree: (V,).
        rate: masked share of the joints.
    """
    joints = len(degree)
    masked = torch.zeros(count, joints, dtype=torch.bool, device=degree.device)
    number = round(rate * joints)
    if number:
        masked.scatter_(1, torch.multinomial(degree.expand(count, -1), number), True)
    return masked


def motion(poses: Tensor, mask: Tensor) -> Tensor:
    """Return (N, T): how fast each frame moves on to the next real one, squared, averaged over channels, joints and people.

    It is 0 in a clip's last frame and in padding.
    """
    speed = torch.zeros(mask.shape, dtype=poses.dtype, device=poses.device)
    speed[:, :-1] = poses.diff(dim=2).square().mean(dim=(1, 3, 4)) * (mask[:, 1:] & mask[:, :-1])
    return speed


def kept_frames(poses: Tensor, mask: Tensor, rate: float) -> Tensor:
    """Return (N, T), true where a frame is kept (motion attention temporal masking, MATM).

    Of a clip's T_valid frames the round(rate · T_valid) fastest go (of equally fast ones, the earlier), then as many of the others at
    random.

    Args:
        poses: (N, C, T, V, M).
        mask: (N, T), true where a frame is real.
        rate: below one half.
    """
    number = torch.round(rate * mask.sum(dim=1, keepdim=True)).long()
    slow = mask & (_rank(-motion(poses, mask).masked_fill(~mask, -torch.inf)) >= number)
    chance = torch.rand(mask.shape, device=mask.device).masked_fill(~slow, torch.inf)
    return slow & (_rank(chance) >= number)


def closed_up(poses: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Return only the kept frames, one after the other, and their mask (N, T'); T' is the number kept of the longest clip."""
    length = int(kept.sum(dim=1).max())
    frames = real_frames(kept)[:, :length]
    mask = kept.gather(1, frames)
    count, channels, _, joints, people = poses.shape
    taken = poses.gather(2, frames[:, None, :, None, None].expand(count, channels, length, joints, people))
    return taken * mask[:, None, :, None, None], mask


def _rank(values: Tensor) -> Tensor:
    """Return each entry's place in its row, smallest first; ties keep their order."""
    order = torch.sort(values, dim=1, stable=True).indices
    return torch.empty_like(order).scatter_(1, order, torch.arange(order.shape[1], device=order.device).expand_as(order))
