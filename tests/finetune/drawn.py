"""What the tests of methods on heat maps share: clips, a few steps of training, settings that are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from stages.configuration import Layer
from stages.engine.batch import Batch, Features
from stages.engine.method import Assessor, Phase
from stages.errors import UsageError
from stages.finetune.config import resolve_finetune
from stages.skeletons.layouts import KINECT_20
from tests.small import standing

SEGMENTS, DIMENSIONS = 5, 12


def batch_of(count: int, frames: int, *, classes: int = 0, target: bool = False, lifted: bool = False, told: bool = False) -> Batch:
    """Clips of somebody who stands, with noise; ``lifted``: how high the arms go up is the target; ``told``: the features say it."""
    generator = torch.Generator().manual_seed(0)
    quality = torch.linspace(-1, 1, count)
    still = torch.tensor(standing(KINECT_20), dtype=torch.float32).T[None, :, None, :, None]
    poses = still + 0.1 * torch.randn(count, 3, frames, 20, 1, generator=generator)
    if lifted:
        arms = KINECT_20.numbers(("left_elbow", "left_wrist", "left_hand", "right_elbow", "right_wrist", "right_hand"))
        poses[:, 1, :, arms] += (0.6 * (quality + 1))[:, None, None, None]
    values = torch.randn(count, 1, SEGMENTS, DIMENSIONS, generator=generator)
    if told:
        values[..., 0] += 2 * quality[:, None, None]
    goal = ((quality + 1) / 2 * classes).clamp(max=classes - 1).long() if classes else quality
    features = {"features": Features(values, torch.ones(count, SEGMENTS, dtype=torch.bool))}
    there = goal if target or classes else None
    mask = torch.ones(count, frames, dtype=torch.bool)
    return Batch(tuple(map(str, range(count))), poses, mask, there, torch.zeros(count, dtype=torch.long), features)


def losses_of(model: Assessor, batch: Batch, steps: int, lr: float) -> list[float]:
    """Train on one batch and return the losses."""
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        loss = model.train().step({"train": batch}, Phase()).losses["main"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def settings_error(method: str, settings: dict[str, Any], message: str) -> None:
    """Check that the settings are refused with this text and exit code 2."""
    with pytest.raises(UsageError, match=message) as caught:
        resolve_finetune([Layer("flag", {"method": method, "settings": settings})])
    assert caught.value.exit_code == 2
