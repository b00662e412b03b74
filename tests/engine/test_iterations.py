"""Trainings whose length is said in optimiser steps: rounds, the order of clips, the learning rate, resuming, presets."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from stages.configuration import Layer
from stages.engine import loop
from stages.engine.batch import Batch
from stages.engine.checkpoint import Checkpoint
from stages.engine.method import Phase, Step
from stages.engine.training import TrainingConfig
from stages.errors import PreemptedError, UsageError
from stages.finetune.config import resolve_finetune
from tests.engine import toys

TRAINING = TrainingConfig(iterations=7, round_iterations=3, batch_size=8, lr=0.05)


class Noting(toys.Regressor):
    """Keeps the clips of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, ...]] = []

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        self.seen.append(batches["train"].ids)
        return super().step(batches, phase)


def trained(training: TrainingConfig = TRAINING, **setting) -> tuple[Noting, loop.History]:
    method = loop.initialise(Noting, 0)
    assert isinstance(method, Noting)
    return method, loop.train(method, {"train": toys.clips()}, training, loop.Setting(**setting))


def test_train__as_many_steps_as_iterations_in_rounds() -> None:
    method, history = trained()
    assert len(method.seen) == 7
    assert [row["iteration"] for row in history.rows] == [3, 6, 7]


def test_train__rounds_see_every_clip_once_per_epoch_of_theirs() -> None:
    method, _ = trained()
    assert sorted(clip for batch in method.seen[:3] for clip in batch) == sorted(toys.clips().ids)
    assert sorted(clip for batch in method.seen[3:6] for clip in batch) == sorted(toys.clips().ids)
    assert method.seen[:3] != method.seen[3:6]
    assert trained(TRAINING.model_copy(update={"round_iterations": 2}))[0].seen == method.seen, "rounds change no order"


def test_train__no_iterations_leave_the_initial_weights() -> None:
    method, history = trained(TRAINING.model_copy(update={"iterations": 0}), validate=lambda: {"validation": 1.0}, keep="best")
    assert history.rows == []
    assert torch.equal(method.head.weight, loop.initialise(Noting, 0).head.weight)


def test_train__the_rate_falls_with_the_steps_whatever_the_rounds() -> None:
    training = TRAINING.model_copy(update={"schedule": "step", "step_iterations": 2, "decay": 0.5, "lr": 1.0, "optimiser": "sgd"})
    rates: list[float] = []

    class Watching(toys.Regressor):
        def step(self, batches, phase):
            rates.append(run.optimisers["main"].param_groups[0]["lr"])
            return super().step(batches, phase)

    run = loop._Run(Watching(), {"train": toys.clips()}, training, loop.Setting())
    history = run.run()
    assert rates == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert [row["lr"] for row in history.rows] == [0.5, 0.25, 0.125]


def test_train__step_iterations_count_steps_of_epochs_too() -> None:
    training = TrainingConfig(epochs=2, batch_size=8, lr=1e-3, schedule="step", step_iterations=4, decay=0.5)
    _, history = trained(training)
    assert [row["lr"] for row in history.rows] == [1e-3, 5e-4]
    assert "iteration" not in history.rows[0]


@pytest.mark.parametrize("stop_at", [2, 4, 6])
def test_resume__goes_on_within_a_round(tmp_path: Path, stop_at: int) -> None:
    checkpoint = Checkpoint(tmp_path / "run.checkpoint", "f")

    class Stopping(Noting):
        def step(self, batches, phase):
            if len(self.seen) + 1 == stop_at:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(batches, phase)

    with pytest.raises(PreemptedError):
        loop.train(loop.initialise(Stopping, 0), {"train": toys.clips()}, TRAINING, loop.Setting(checkpoint=checkpoint))
    resumed, history = trained(checkpoint=checkpoint, resume="yes")
    straight, undisturbed = trained()
    assert history.rows == undisturbed.rows
    assert torch.equal(resumed.head.weight, straight.head.weight)


def test_document__a_training_by_epochs_has_the_fingerprint_that_it_always_had() -> None:
    assert not {"iterations", "step_iterations", "round_iterations", "checkpoint_seconds"} & set(TrainingConfig().document())
    said = TrainingConfig(iterations=5, step_iterations=2).document()
    assert (said["iterations"], said["step_iterations"], said["round_iterations"]) == (5, 2, 100)


def test_resolve__who_says_epochs_trains_by_epochs() -> None:
    def training(*layers: dict) -> TrainingConfig:
        return resolve_finetune([Layer("typed", {"method": "c3d-lstm", "training": each}) for each in layers]).config.training

    preset = training({})
    assert (preset.iterations, preset.step_iterations, preset.decay, preset.batch_size, preset.lr) == (20_000, 3_000, 0.5, 15, 1e-3)
    by_epochs = training({"epochs": 4})
    assert (by_epochs.epochs, by_epochs.iterations, by_epochs.step_iterations, by_epochs.batch_size) == (4, None, None, 15)
    assert training({"iterations": 50}).iterations == 50
    with pytest.raises(UsageError, match=r"training.epochs and training.iterations both say how long to train"):
        training({"epochs": 4}, {"iterations": 50})
