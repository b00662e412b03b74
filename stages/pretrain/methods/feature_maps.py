"""The feature map of any encoder before pooling, for methods that drop parts of it (AimCLR, PSTL)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def feature_map(encoder: nn.Module, poses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the feature map (N, M', D, T', V') and its mask (N, T').

    Encoders with a method ``joints`` give a feature per person, joint and frame.  Of one that only has ``frames``, each frame counts as
    one joint of one person; of one that has neither, its representation as a single frame.

    Args:
        encoder: any encoder of the registry.
        poses: (N, C, T, V, M).
        mask: (N, T), true where a frame is real.
    """
    network: Any = encoder
    if hasattr(network, "joints"):
        features, mask = network.joints(poses, mask)
        return features, mask
    if hasattr(network, "frames"):
        features, mask = network.frames(poses, mask)
        return features.transpose(1, 2)[:, None, :, :, None], mask
    return network(poses, mask)[:, None, :, None, None], torch.ones(len(poses), 1, dtype=torch.bool, device=poses.device)


def pooled(features: Tensor, mask: Tensor, joints: Tensor | None = None) -> Tensor:
    """Return the mean (N, D) of a feature map over its people, real frames and joints.

    Args:
        features: (N, M, D, T, V).
        mask: (N, T).
        joints: (N, V), true where a joint counts; None for all, and ignored by maps without joints.
    """
    weight = mask[:, None, None, :, None].to(features.dtype)
    if joints is not None and joints.shape[1] == features.shape[4]:
        weight = weight * joints[:, None, None, None, :]
    weight = weight.expand(-1, -1, -1, -1, features.shape[4])
    return ((features * weight).sum(dim=(3, 4)) / weight.sum(dim=(3, 4)).clamp(min=1)).mean(dim=1)
