"""What the non-expert's pretexts do to a pose sequence (Nekoui and Cheng, section 3.1 and table 2): pace, masks, and the order of segments.

Poses are (N, C, T, V, M) with masks (N, T) of real frames, which lie together; padding stays zero.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from stages.engine.augment import at_places
from stages.pretrain.methods.skeleton_changes import rearranged
from stages.skeletons.layouts import Layout

Filling = Literal["interpolate", "repeat"]
LIMBS = ("left_arm", "right_arm", "left_leg", "right_leg")


def paced(poses: Tensor, mask: Tensor, pace: Tensor, filling: Filling) -> Tensor:
    """Return slowed clips: ⌈T p⌉ consecutive frames from a random place, stretched over all T.

    Args:
        poses: the clips.
        mask: T is the number of a clip's real frames.
        pace: p of each clip, (N,), at most 1.
        filling: between the frames by linear interpolation (the paper's choice), or by repetition.
    """
    lengths = mask.sum(dim=1)
    kept = (lengths * pace - 1e-4).ceil().clamp(min=1)  # 5 × 0.6 is a little more than 3
    start = (torch.rand(len(poses), device=poses.device) * (lengths - kept + 1)).floor()
    number = (torch.arange(poses.shape[2], device=poses.device) - mask.float().argmax(dim=1)[:, None]).clamp(min=0)
    steps = (lengths - 1).clamp(min=1)[:, None]
    if filling == "interpolate":
        taken = start[:, None] + (kept - 1)[:, None] * (number / steps).clamp(max=1)
    else:
        taken = start[:, None] + (number * kept[:, None] / lengths.clamp(min=1)[:, None]).floor()
        taken = torch.minimum(taken, (start + kept - 1)[:, None])
    return at_places(poses, mask, taken / steps) * mask[:, None, :, None, None]


def limbs(layout: Layout) -> Tensor:
    """Return which joints belong to each of the four limbs, (4, V); a layout without hands or feet has shorter ones."""
    members = torch.zeros(len(LIMBS), len(layout.joints), dtype=torch.bool)
    for number, name in enumerate(LIMBS):
        members[number, list(layout.parts[name])] = True
    return members


def first_half(mask: Tensor) -> Tensor:
    """Return the mask (N, T) of each clip's first ⌈T / 2⌉ real frames."""
    return mask & (mask.cumsum(dim=1) <= (mask.sum(dim=1, keepdim=True) + 1) // 2)


def shuffled(poses: Tensor, mask: Tensor, segments: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cut each clip into segments of equal length (to a frame) and put them into a random order.

    Returns:
        the clips; for each frame the place (N, T) of the segment it now belongs to, from 0 (in padded frames too); and for each place
        the segment (N, S) that came there.  Of clips with fewer frames than segments, some segments are empty.
    """
    count, frames = mask.shape
    lengths = mask.sum(dim=1, keepdim=True).clamp(min=1)
    order = torch.rand(count, segments, device=poses.device).argsort(dim=1)  # the segment at each place
    place_of = order.argsort(dim=1)
    number = torch.arange(frames, device=poses.device).expand(count, -1)
    segment = (number * segments // lengths).clamp(max=segments - 1)
    place = place_of.gather(1, segment).masked_fill(number >= lengths, segments)
    source = place.argsort(dim=1, stable=True)
    position = (mask.cumsum(dim=1) - 1).clamp(min=0)  # which real frame a frame is
    now = place.gather(1, source).clamp(max=segments - 1).gather(1, position)
    return rearranged(poses, mask, source), now * mask, order
