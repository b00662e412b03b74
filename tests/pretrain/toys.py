"""What the tests of AimCLR and PSTL share: swinging bodies, a run that is stopped after a step, and an encoder that only adds up."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import MethodType
from typing import Any

import pytest
import torch

from stages.encoders.spec import PoseSpec
from stages.engine import loop
from stages.engine.batch import Clips
from stages.engine.checkpoint import Checkpoint
from stages.engine.method import Pretext
from stages.engine.training import TrainingConfig
from stages.errors import PreemptedError
from stages.skeletons.input import PoseInput

FRAMES = 12


def spec(channels: int = 3, people: int = 1, encoder: str = "ctr-gcn", settings: dict[str, Any] | None = None) -> PoseSpec:
    sizes = {"width": 8, "blocks": 2} if settings is None else settings
    return PoseSpec(encoder, sizes, "kinect-20", channels, PoseInput(skeleton="kinect-20", frames=FRAMES, people=people))


def clips(count: int = 12, channels: int = 3, people: int = 1) -> Clips:
    """Bodies of random shape whose joints swing at random speeds; every third clip has only nine real frames."""
    generator = torch.Generator().manual_seed(1)
    shape, swing = (torch.randn(count, channels, 1, 20, people, generator=generator) for _ in range(2))
    speed = 1 + 3 * torch.rand(count, generator=generator)
    wave = torch.sin(speed[:, None] * torch.arange(FRAMES) / 3)
    mask = torch.arange(FRAMES) < torch.where(torch.arange(count) % 3 == 0, 9, FRAMES)[:, None]
    poses = (shape + 0.5 * swing * wave[:, None, :, None, None]) * mask[:, None, :, None, None]
    return Clips(tuple(map(str, range(count))), poses, mask, None, torch.zeros(count, dtype=torch.long))


def train(method: Pretext, training: TrainingConfig, data: Clips | None = None, **setting: Any) -> loop.History:
    data = clips() if data is None else data
    method.measure(data)
    return loop.train(method, {"train": data}, training, loop.Setting(**setting))


def assert_resumes(build: Any, training: TrainingConfig, folder: Path, stop_at: int) -> None:
    """Stop a run after its step ``stop_at``, go on from its checkpoint, and compare with an undisturbed run bit for bit."""
    undisturbed = loop.initialise(build, 0)
    train(undisturbed, training)

    stopped = loop.initialise(build, 0)
    steps = iter(range(1, 1000))

    def stopping(method: Pretext, *arguments: Any) -> Any:
        if next(steps) == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return type(method).step(method, *arguments)

    stopped.step = MethodType(stopping, stopped)  # type: ignore[method-assign]
    checkpoint = Checkpoint(folder / "run.checkpoint", "f")
    with pytest.raises(PreemptedError):
        train(stopped, training, checkpoint=checkpoint)

    resumed = loop.initialise(build, 5)  # other weights to begin with: everything comes from the checkpoint
    history = train(resumed, training, checkpoint=checkpoint, resume="yes")
    assert len(history.rows) == training.epochs
    states = undisturbed.state_dict(), resumed.state_dict()
    assert states[0].keys() == states[1].keys()
    assert [name for name in states[0] if not torch.equal(states[0][name], states[1][name])] == []


class Plain(torch.nn.Module):
    """An encoder that gives nothing but its representation."""

    def forward(self, poses: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return (poses.sum(dim=(3, 4)) * mask[:, None]).sum(dim=2)
