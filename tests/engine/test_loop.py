"""The training loop: selection, schedules, accumulation, checkpoints, preemption."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from stages.engine import loop
from stages.engine.checkpoint import Checkpoint
from stages.engine.loop import _rate
from stages.engine.training import TrainingConfig
from stages.errors import ArtifactError, PreemptedError, TrainingError, UsageError
from tests.engine import toys

TRAINING = TrainingConfig(epochs=6, batch_size=8, lr=0.05)


def _trained(training: TrainingConfig = TRAINING, **setting) -> tuple[toys.Regressor, loop.History]:
    method = loop.initialise(toys.Regressor, 0)
    history = loop.train(method, {"train": toys.clips()}, training, loop.Setting(**setting))
    return method, history


def _same(one: torch.nn.Module, two: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_train__same_seed_same_weights() -> None:
    assert _same(_trained()[0], _trained()[0])
    assert not _same(_trained()[0], _trained(seed=1)[0])


def test_train__micro_batches_give_the_whole_batch_s_gradient() -> None:
    whole, parts = _trained()[0], _trained(TRAINING.model_copy(update={"micro_batch": 3}))[0]
    torch.testing.assert_close(whole.head.weight, parts.head.weight, rtol=1e-4, atol=1e-6)


def test_train__micro_batches_of_a_contrastive_method_are_refused() -> None:
    class Coupled(toys.Regressor):
        couples_batch = True

    with pytest.raises(UsageError, match="compares clips within a batch"):
        loop.train(Coupled(), {"train": toys.clips()}, TRAINING.model_copy(update={"micro_batch": 3}), loop.Setting())


def test_train__best_keeps_the_epoch_with_the_lowest_validation_figure() -> None:
    figures = iter([3.0, 1.0, 2.0, 5.0, 4.0, 6.0])
    kept: list[torch.Tensor] = []
    method = loop.initialise(toys.Regressor, 0)

    def validate() -> dict[str, float]:
        kept.append(method.head.weight.detach().clone())
        return {"validation": next(figures)}

    history = loop.train(method, {"train": toys.clips()}, TRAINING, loop.Setting(validate=validate, keep="best"))
    assert history.best_epoch == 1
    assert torch.equal(method.head.weight, kept[1])


def test_train__patience_stops_early() -> None:
    figures = iter([3.0, 1.0, 2.0, 5.0, 4.0, 6.0])
    training = TRAINING.model_copy(update={"patience": 2})
    _, history = _trained(training, validate=lambda: {"validation": next(figures)}, keep="best")
    assert len(history.rows) == 4


def test_train__a_loss_that_is_no_number_is_an_error() -> None:
    with pytest.raises(TrainingError, match="the loss 'main' is no longer a number in epoch 0"):
        _trained(TRAINING.model_copy(update={"lr": 1e30}))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"schedule": "constant"}, [1, 1, 1, 1]),
        ({"schedule": "cosine"}, [0.5 * (1 + math.cos(math.pi * e / 4)) for e in range(4)]),
        ({"schedule": "cosine", "warmup_epochs": 2}, [0.5, 1, 1, 0.5]),
        ({"schedule": "step", "step_epochs": (1, 3), "decay": 0.1}, [1, 0.1, 0.1, 0.01]),
        ({"schedule": "exponential", "decay": 0.5, "decay_interval": 2}, [1, 1, 0.5, 0.5]),
    ],
    ids=["constant", "cosine", "warmup", "step", "exponential"],
)
def test_rate(schedule, expected) -> None:
    training = TrainingConfig(lr=1.0, epochs=4, **schedule)
    assert [_rate(training, epoch, 4) for epoch in range(4)] == pytest.approx(expected)


def test_curves__csv_and_events_hold_every_epoch_also_after_a_resume(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    checkpoint, folder = Checkpoint(tmp_path / "run.checkpoint", "f"), tmp_path / "curves"

    class Stopping(toys.Regressor):
        steps = 0

        def step(self, batches, phase):
            type(self).steps += 1
            if type(self).steps == 8:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(batches, phase)

    with pytest.raises(PreemptedError):
        loop.train(loop.initialise(Stopping, 0), {"train": toys.clips()}, TRAINING, loop.Setting(checkpoint=checkpoint, curves=folder))
    _, history = _trained(checkpoint=checkpoint, resume="yes", curves=folder)
    lines = (folder / "curves.csv").read_text().splitlines()
    assert lines[0] == "epoch,phase,lr,main"
    assert [float(line.split(",")[3]) for line in lines[1:]] == [row["main"] for row in history.rows]
    events = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in events.Scalars("main")] == list(range(6))
    assert [event.value for event in events.Scalars("main")] == pytest.approx([row["main"] for row in history.rows])


def test_resume__yes_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is nothing to resume: .*run.checkpoint does not exist"):
        _trained(checkpoint=Checkpoint(tmp_path / "run.checkpoint", "f"), resume="yes")


def test_resume__auto_without_a_checkpoint_starts_anew(tmp_path: Path) -> None:
    resumed = _trained(checkpoint=Checkpoint(tmp_path / "run.checkpoint", "f"), resume="auto")[0]
    assert _same(resumed, _trained()[0])


def test_resume__another_run_s_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    _trained(TRAINING.model_copy(update={"checkpoint_seconds": 0.0}), checkpoint=Checkpoint(path, "one"))
    with pytest.raises(ArtifactError, match="belongs to a run with another configuration"):
        _trained(checkpoint=Checkpoint(path, "two"), resume="yes")


@pytest.mark.parametrize("stop_at", [1, 5, 8, 17])
def test_resume__goes_on_bit_for_bit(tmp_path: Path, stop_at: int) -> None:
    """Stop before any step, also in the middle of an epoch; Adam's moments and the order of clips must go on."""
    checkpoint = Checkpoint(tmp_path / "run.checkpoint", "f")

    class Stopping(toys.Regressor):
        steps = 0

        def step(self, batches, phase):
            type(self).steps += 1
            if type(self).steps == stop_at:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(batches, phase)

    with pytest.raises(PreemptedError, match="Stopped by signal 15"):
        loop.train(loop.initialise(Stopping, 0), {"train": toys.clips()}, TRAINING, loop.Setting(checkpoint=checkpoint))
    resumed, history = _trained(checkpoint=checkpoint, resume="yes")
    straight, undisturbed = _trained()
    assert _same(resumed, straight)
    assert history.rows == undisturbed.rows


KILLED = """
import sys, time
from pathlib import Path
from stages.engine import loop
from stages.engine.checkpoint import Checkpoint
from stages.engine.training import TrainingConfig
from tests.engine import toys
class Slow(toys.Phases):
    def step(self, batches, phase):
        time.sleep(0.02)
        print("step", flush=True)
        return super().step(batches, phase)
sets = {"a": toys.clips(16, 1), "b": toys.clips(16, 2), "train": toys.clips(16, 3)}
training = TrainingConfig(epochs=8, batch_size=4, lr=0.05, checkpoint_seconds=0)
loop.train(loop.initialise(Slow, 0), sets, training, loop.Setting(checkpoint=Checkpoint(Path(sys.argv[1]), "f"), resume="auto"))
"""


def test_resume__after_sigkill_gives_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    for steps in (5, 9):  # killed twice: in the first phase, then further on
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(steps):
            child.stdout.readline()
        time.sleep(0.01)
        child.kill()
        child.wait()
        child.stdout.close()
    sets = {"a": toys.clips(16, 1), "b": toys.clips(16, 2), "train": toys.clips(16, 3)}
    training = TrainingConfig(epochs=8, batch_size=4, lr=0.05, checkpoint_seconds=0)
    resumed, straight = loop.initialise(toys.Phases, 0), loop.initialise(toys.Phases, 0)
    loop.train(resumed, sets, training, loop.Setting(checkpoint=Checkpoint(path, "f"), resume="yes"))
    loop.train(straight, sets, training, loop.Setting())
    assert len(resumed.order) < len(straight.order)
    assert _same(resumed, straight)
