"""What U-VI makes of moments that several views show: how well it tells them apart, paints them, and keeps pose and viewpoint apart.

A *group* is one performance seen by several views: the views of a clip, or synchronous clips.  V views, K moments of a group, G groups,
P pose features, pictures (V, K, C, H, W) in [0, 1].
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from stages.arrays import Array
from stages.pretrain.methods.u_vi_networks import rotation, seen, shifted
from stages.render import draw
from stages.video.opencv import cv2

MOMENTS = 16
"""K: moments of a group that are told apart, at even distances; fewer where a clip is shorter."""
SHIFT = 0.1
"""How far pictures are shifted, as a part of their side."""


@dataclass(frozen=True)
class Networks:
    """The networks of a pretraining."""

    encoder: nn.Module
    viewpoint: nn.Module
    decoder: nn.Module


@dataclass(frozen=True)
class Looked:
    """What the networks make of one group.

    Attributes:
        pictures: (V, K, C, H, W).
        poses: (V, K, 3, P), canonical.
        turns: (V, K, 3, 3).
        places: (V, K, 3).
    """

    networks: Networks
    pictures: Tensor
    poses: Tensor
    turns: Tensor
    places: Tensor

    @classmethod
    def at(cls, networks: Networks, pictures: Tensor) -> Looked:
        """Look at a group."""
        views, moments = pictures.shape[:2]
        flat = pictures.flatten(0, 1)
        angles, places = networks.viewpoint(flat)
        poses = networks.encoder(flat)
        return cls(
            networks,
            pictures,
            poses.view(views, moments, *poses.shape[1:]),
            rotation(angles).view(views, moments, 3, 3),
            places.view(views, moments, 3),
        )

    def painted(self, view: int, poses: Tensor, turns: Tensor) -> Tensor:
        """Return the pictures (K, C, H, W) of poses (K, 3, P) as a view shows them, turned by ``turns`` (K, 3, 3)."""
        pictures: Tensor = self.networks.decoder(seen(poses, turns, self.places[view]))
        return pictures


def moments_of(count: int) -> Tensor:
    """Return the numbers (K,) of the frames that are looked at of ``count``."""
    return torch.linspace(0, count - 1, min(count, MOMENTS)).round().long()


@torch.no_grad()
def retrieval(one: Tensor, other: Tensor) -> Tensor:
    """Return the share of the rows of one view (N, …) whose nearest among the other view's is that of the same moment."""
    nearest = torch.cdist(one.flatten(1), other.flatten(1)).argmin(dim=1)
    return (nearest == torch.arange(len(one), device=one.device)).float().mean()


@torch.no_grad()
def figures(looked: Looked) -> dict[str, float]:
    """Return what is measured on one group, means over its moments and ordered pairs of views.

    Painted pictures are compared by their mean squared error; angles are in degrees; a shift's error is a part of the shift.
    """
    pictures, poses, turns = looked.pictures, looked.poses, looked.turns
    pairs = list(itertools.permutations(range(len(pictures)), 2))
    sums: dict[str, list[Tensor]] = {}

    def note(name: str, value: Tensor) -> None:
        sums.setdefault(name, []).append(value)

    for view, other in pairs:
        note("moment_found", retrieval(poses[view], poses[other]))
        note("moment_found_by_pixels", retrieval(pictures[view], pictures[other]))
        truth, turn = pictures[view], turns[view]
        guesses = {
            "error": looked.painted(view, poses[view], turn),
            "error_swapped": looked.painted(view, poses[other], turn),
            "error_of_mean_picture": truth.mean(dim=0),
            "error_with_pose_of_other_moment": looked.painted(view, poses[view].roll(len(turn) // 2, 0), turn),
            "error_with_turn_of_other_moment": looked.painted(view, poses[view], turn.roll(len(turn) // 2, 0)),
        }
        for name, guess in guesses.items():
            note(name, (guess - truth).square().mean())
        note("turn_within_view", angle_between(turn, turn.roll(len(turn) // 2, 0)).mean())
        note("turn_between_views", angle_between(turn, turns[other]).mean())
    note("shift_error", shift_error(looked))
    found = {name: float(torch.stack(values).mean()) for name, values in sums.items()}
    return found | {"moment_found_by_chance": 1 / poses.shape[1]}


def shift_error(looked: Looked) -> Tensor:
    """Return how far the poses of shifted pictures are from the shifted poses (equation 6), as a part of the shift."""
    pictures = looked.pictures.flatten(0, 1)
    side = pictures.shape[-1]
    step = max(1, int(SHIFT * side))
    shift = torch.tensor([[step, step]], device=pictures.device).expand(len(pictures), 2)
    moved = shifted(pictures, shift)
    before = seen(looked.poses.flatten(0, 1), looked.turns.flatten(0, 1), looked.places.flatten(0, 1))
    # The rotation is the first picture's: a shift is no turn (equation 6).
    after = seen(looked.networks.encoder(moved), looked.turns.flatten(0, 1), looked.networks.viewpoint(moved)[1])
    expected = before + torch.tensor([step, step, 0.0], device=pictures.device)[:, None] / (side / 2)
    return (after - expected).norm(dim=1).mean() / (step * 2**0.5 / (side / 2))


def angle_between(one: Tensor, other: Tensor) -> Tensor:
    """Return the angles (N,) in degrees of the turns that lead from rotations (N, 3, 3) to others."""
    trace = (one.transpose(1, 2) @ other).diagonal(dim1=1, dim2=2).sum(dim=1)
    return torch.rad2deg(torch.arccos(((trace - 1) / 2).clamp(-1, 1)))


def among_groups(middles: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Array]:
    """Return, for each group, whether its middle moment is found among those of all groups in another view.

    Args:
        middles: of each group the canonical poses (V, 3, P) and the pictures (V, C, H, W) of its middle moment; V may differ.
    """
    views = min(len(poses) for poses, _ in middles)
    result = {}
    for name, part in (("clip_found", 0), ("clip_found_by_pixels", 1)):
        rows = torch.stack([each[part][:views].flatten(1) for each in middles], dim=1)  # (V, G, …)
        right = [
            torch.cdist(rows[a], rows[b]).argmin(dim=1).cpu() == torch.arange(len(middles))
            for a, b in itertools.permutations(range(views), 2)
        ]
        result[name] = torch.stack(right).float().mean(dim=0).numpy()
    return result | {"clip_found_by_chance": np.full(len(middles), 1 / len(middles))}


@torch.no_grad()
def sheet(looked: Looked, tile: int, rows: int = 4) -> Array:
    """Return a picture (H, W, 3) uint8, blue first, of some moments, one row each, with tiles of ``tile`` pixels.

    From left to right: what the first two views show, each painted from its own pose, and from the pose that the other view found; then
    the canonical pose that every view found, each feature in a colour of its own, seen from the front.
    """
    moments = np.unique(np.linspace(0, looked.poses.shape[1] - 1, rows).round().astype(int))
    painted = [
        (
            looked.pictures[view],
            looked.painted(view, looked.poses[view], looked.turns[view]),
            looked.painted(view, looked.poses[other], looked.turns[view]),
        )
        for view, other in ((0, 1), (1, 0))
    ]
    lines = []
    for number, moment in enumerate(moments):
        tiles = [_tile(picture[moment], tile) for group in painted for picture in group]
        names = [f"{what}{view}" for view in (1, 2) for what in ("view ", "painted ", "other's pose ")]
        poses = looked.poses[:, moment].cpu().numpy()
        middle, reach = poses.mean(axis=(0, 2)), max(float(np.abs(poses - poses.mean(axis=(0, 2))[:, None]).max()), 1e-6)
        tiles += [_points((pose - middle[:, None]) / reach, tile) for pose in poses]
        names += [f"pose by {view}" for view in range(1, len(poses) + 1)]
        if number == 0:
            for picture, name in zip(tiles, names, strict=True):
                draw.caption_on(picture, name)
        lines.append(np.concatenate(tiles, axis=1))
    return np.concatenate(lines)


def _tile(picture: Tensor, size: int) -> Array:
    shown = (picture.clamp(0, 1) * 255).byte().permute(1, 2, 0).cpu().numpy()
    return np.asarray(cv2().resize(np.ascontiguousarray(shown), (size, size), interpolation=cv2().INTER_NEAREST))


def _points(pose: Array, size: int) -> Array:
    """Draw a pose (3, P) within [-1, 1] from the front; y points down as in pictures."""
    canvas = np.full((size, size, 3), 24, dtype=np.uint8)
    hues = np.linspace(0, 179, pose.shape[1]).astype(np.uint8)
    colours = cv2().cvtColor(np.stack([hues, np.full_like(hues, 200), np.full_like(hues, 255)], axis=1)[None], cv2().COLOR_HSV2BGR)[0]
    for (x, y), colour in zip(pose[:2].T, colours, strict=True):
        place = (round((0.9 * float(x) + 1) / 2 * size), round((0.9 * float(y) + 1) / 2 * size))
        cv2().circle(canvas, place, max(2, size // 48), tuple(int(part) for part in colour), -1, cv2().LINE_AA)
    return canvas
