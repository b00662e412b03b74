"""The last steps of preparing poses: the scale of each axis, and the stream.  They come after random changes, which are made on joints.

All take poses (N, C, T, V, M) and the mask (N, T) of real frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from stages.skeletons.layouts import Layout

if TYPE_CHECKING:
    from stages.skeletons.input import PoseInput


def needed(settings: PoseInput) -> bool:
    """Return whether there are last steps, so that a network sees something else than the joints."""
    return settings.scale == "unit" or settings.stream != "joint"


def finish(joints: Tensor, mask: Tensor, settings: PoseInput, layout: Layout) -> Tensor:
    """Return what the network sees of the joints; the joints themselves where no step is needed."""
    poses = scale_to_unit(joints, mask) if settings.scale == "unit" else joints
    if settings.stream.startswith("bone"):
        poses = bones(poses, layout)
    if settings.stream.endswith("motion"):
        poses = motion(poses, mask)
    return poses


def scale_to_unit(poses: Tensor, mask: Tensor) -> Tensor:
    """Map each axis of a whole clip to [-1, 1] (the two-stage paper, section 4.1); a constant axis becomes 0.

    Padding, and people who are zero throughout because they are not there, do not count and stay zero.
    """
    there = (poses != 0).any(dim=(1, 2, 3))[:, None, None, None] & mask[:, None, :, None, None]
    low = poses.masked_fill(~there, torch.inf).amin(dim=(2, 3, 4), keepdim=True)
    high = poses.masked_fill(~there, -torch.inf).amax(dim=(2, 3, 4), keepdim=True)
    scaled = 2 * (poses - low) / (high - low) - 1
    return torch.where(there & (high > low), scaled, 0.0)


def bones(poses: Tensor, layout: Layout) -> Tensor:
    """Return each joint minus its parent; the root is 0."""
    result = torch.zeros_like(poses)
    children, parents = (list(ends) for ends in zip(*layout.edges, strict=True))
    result[:, :, :, children] = poses[:, :, :, children] - poses[:, :, :, parents]
    return result


def motion(poses: Tensor, mask: Tensor) -> Tensor:
    """Return each frame's difference to the next; 0 in the last, and where the next one is padding."""
    result = torch.zeros_like(poses)
    followed = (mask[:, :-1] & mask[:, 1:])[:, None, :, None, None]
    result[:, :, :-1] = (poses[:, :, 1:] - poses[:, :, :-1]) * followed
    return result
