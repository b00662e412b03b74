"""The one training loop: phases, named streams and optimisers, selection, checkpoints, curves.  On Lightning Fabric."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from torch import Tensor

from stages.engine import ranks
from stages.engine.checkpoint import Checkpoint
from stages.engine.curves import Curves
from stages.engine.launcher import is_writer
from stages.engine.method import Phase, Sets, TorchMethod
from stages.engine.progress import Progress, Silent, Task
from stages.engine.seeding import seed_of
from stages.engine.splitting import Batches, in_parts
from stages.engine.streams import Stream
from stages.engine.training import TrainingConfig
from stages.errors import PreemptedError, TrainingError, UsageError

Validate = Callable[[], Mapping[str, float]]
"""Returns figures of the held-out clips; ``validation`` is the one to select by (lower is better)."""


@dataclass(frozen=True)
class Setting:
    """Everything about one training run that is not the method, its data or its hyper-parameters.

    Attributes:
        seed: of this run.
        device: where to train.
        validate: gives the validation figures after each epoch; None where nothing is held out.
        keep: ``best`` (by validation) or ``last``.
        checkpoint: where the state is saved; None for none.
        resume: ``no``, ``yes`` or ``auto``.
        progress: where to report.
        label: what the progress calls this run.
        curves: folder for the curves while it runs; None for none.
    """

    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    validate: Validate | None = None
    keep: str = "last"
    checkpoint: Checkpoint | None = None
    resume: str = "no"
    progress: Progress = field(default_factory=Silent)
    label: str = "training"
    curves: Path | None = None


@dataclass
class History:
    """The curves of a run: one row per epoch with the mean of every term, the learning rate and the validation figure."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1
    best_value: float = math.inf


@dataclass
class _Position:
    phase: int = 0
    epoch: int = 0
    step: int = 0
    total_epochs: int = 0
    sums: dict[str, float] = field(default_factory=dict)


class _Run:
    """One training run's moving parts; :func:`train` is the way in."""

    def __init__(self, method: TorchMethod, sets: Sets, training: TrainingConfig, setting: Setting) -> None:
        if training.micro_batch and method.couples_batch and training.micro_batch < training.batch_size:
            raise UsageError("This method compares clips within a batch, so training.micro_batch cannot split it.")
        accelerator = setting.device.type if setting.device.type != "cuda" else "cuda"
        devices: Any = [setting.device.index or 0] if setting.device.type == "cuda" else 1
        # ranks.py joins the processes, so that Fabric is not to look for a launcher
        self.fabric = Fabric(accelerator=accelerator, devices=devices, precision=training.precision, plugins=[LightningEnvironment()])
        self.method, self.sets, self.training, self.setting = method, sets, training, setting
        self.phases = method.phases(sets)
        self.position, self.history = _Position(), History()
        self.best: dict[str, Tensor] | None = None
        self.saved_at = time.monotonic()
        self.stop_signal: int | None = None
        self.module: Any = None
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self.pending: dict[str, Any] | None = None
        self.curves: Curves | None = None

    def epochs_of(self, phase: Phase) -> int:
        """Return how many epochs, or rounds of iterations, the phase takes."""
        return phase.epochs or self.training.rounds

    def steps_of(self, phase: Phase, streams: Mapping[str, Stream]) -> int:
        """Return the steps of the epoch or round that is due."""
        epoch = next(iter(streams.values())).steps
        return epoch if phase.epochs else self.training.steps_of(self.position.epoch, epoch)

    def place(self, phase: Phase) -> tuple[int, int]:
        """Return the epoch and the step that streams are asked for: rounds leave off anywhere in the streams' own epochs."""
        position, training = self.position, self.training
        if phase.epochs or training.iterations is None:
            return position.epoch, position.step
        return 0, position.epoch * training.round_iterations + position.step

    def enter(self, phase: Phase) -> dict[str, Stream]:
        """Build the phase's optimisers and streams."""
        groups = {name: list(parameters) for name, parameters in self.method.optimisers(phase).items()}
        built = {name: _optimiser(parameters, self.training) for name, parameters in groups.items()}
        set_up = self.fabric.setup(self.method, *built.values(), move_to_device=True)
        self.module = set_up[0] if isinstance(set_up, tuple) else set_up
        self.module.mark_forward_method("step")
        self.optimisers = dict(zip(built, set_up[1:], strict=True))
        if self.pending is not None:
            for name, state in self.pending.items():
                self.optimisers[name].load_state_dict(state)
            self.pending = None
        return self.method.streams(self.sets, phase, self.training)

    def run(self) -> History:
        total = sum(self.epochs_of(phase) for phase in self.phases)
        self.curves = Curves(self.setting.curves, self.history.rows) if self.setting.curves and is_writer() else None
        with self.setting.progress.task(self.setting.label, total) as task, _Signals(self._on_signal):
            task.advance(self.position.total_epochs)
            while self.position.phase < len(self.phases):
                phase = self.phases[self.position.phase]
                streams = self.enter(phase)
                while self.position.epoch < self.epochs_of(phase):
                    self.epoch(phase, streams, task)
                    if self._is_patience_over():
                        break
                self.position = _Position(self.position.phase + 1, 0, 0, self.position.total_epochs)
                self.best_to_keep_after_phase()
        if self.curves:
            self.curves.close()
        return self.history

    def best_to_keep_after_phase(self) -> None:
        """Take the selected weights into the next phase, or out of the last."""
        if self.setting.keep == "best" and self.best is not None:
            self.method.load_state_dict(self.best)

    def epoch(self, phase: Phase, streams: Mapping[str, Stream], task: Task) -> None:
        """Train one epoch or round from the current step on, validate, select, save."""
        position, steps = self.position, self.steps_of(phase, streams)
        rate = _rate(self.training, position.epoch, self.epochs_of(phase))
        length = steps if phase.epochs or self.training.iterations is None else self.training.round_iterations
        self.method.train()
        while position.step < steps:
            self._preempt_if_asked()
            self.save_if_due()
            for optimiser in self.optimisers.values():
                for group in optimiser.param_groups:
                    group["lr"] = rate * _by_steps(self.training, position.epoch * length + position.step) * group.get("lr_factor", 1.0)
            terms = self.step(phase, streams)
            for name, value in terms.items():
                position.sums[name] = position.sums.get(name, 0.0) + value
            position.step += 1
        row = {name: value / steps for name, value in position.sums.items()}
        at_end = _by_steps(self.training, position.epoch * length + steps - 1)
        row |= {"epoch": float(position.total_epochs), "phase": float(position.phase), "lr": rate * at_end}
        if self.training.iterations is not None:
            row["iteration"] = float(position.epoch * length + steps)
        self._validate(row)
        self.history.rows.append(row)
        if self.curves:
            self.curves.add(row)
        position.epoch, position.step, position.sums = position.epoch + 1, 0, {}
        position.total_epochs += 1
        task.advance(1, _shown(row))

    def step(self, phase: Phase, streams: Mapping[str, Stream]) -> dict[str, float]:
        """Take one optimiser step of every optimiser that the method returned a loss for."""
        position, size = self.position, self.training.micro_batch
        seed = (self.setting.seed, position.phase, position.epoch, position.step)
        torch.manual_seed(seed_of(*seed))
        batches = {name: stream.batch(seed_of(self.setting.seed, name), *self.place(phase)) for name, stream in streams.items()}
        terms: dict[str, float] = {}
        for optimiser in self.optimisers.values():
            optimiser.zero_grad(set_to_none=True)
        used: set[str] = set()
        for number, (share, part) in enumerate(in_parts(batches, size and size * ranks.count())):
            with ranks.shared(part) as own:
                if own.rank is not None:
                    torch.manual_seed(seed_of(*seed, number, "rank", own.rank))
                used |= self.learn(own.batches, phase, share * own.share, terms)
        terms = ranks.added(terms)
        _check_finite(terms, self.setting.label, position.total_epochs)
        for name in sorted(used):
            ranks.add_gradients(_parameters(self.optimisers[name]))
            if self.training.clip_norm:
                self.fabric.clip_gradients(self.module, self.optimisers[name], max_norm=self.training.clip_norm)
            self.optimisers[name].step()
        return terms

    def learn(self, batches: Batches, phase: Phase, share: float, terms: dict[str, float]) -> set[str]:
        """Add the gradients of clips that are ``share`` of a step, and their terms; return whose optimisers they are."""
        result = self.module.step({name: batch.to(self.setting.device) for name, batch in batches.items()}, phase)
        names = list(result.losses)
        for number, name in enumerate(names):
            last = number == len(names) - 1
            loss = result.losses[name] * share
            self.fabric.backward(loss, inputs=_parameters(self.optimisers[name]), retain_graph=not last)
        for name, value in {**result.losses, **result.terms}.items():
            terms[name] = terms.get(name, 0.0) + share * float(value.detach())
        return set(names)

    def save_if_due(self) -> None:
        """Save the state every ``training.checkpoint_seconds``."""
        if self.setting.checkpoint and time.monotonic() - self.saved_at >= self.training.checkpoint_seconds:
            self.save()

    def save(self) -> None:
        """Save the state of the run."""
        if self.setting.checkpoint is None or not is_writer():
            return
        self.setting.checkpoint.save(
            {
                "method": dict(self.method.state_dict()),
                "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
                "position": asdict(self.position),
                "history": asdict(self.history),
                "best": self.best,
            }
        )
        self.saved_at = time.monotonic()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where a saved run stopped."""
        self.method.load_state_dict(state["method"])
        self.position, self.history = _Position(**state["position"]), History(**state["history"])
        self.best, self.pending = state["best"], state["optimisers"]

    def _validate(self, row: dict[str, float]) -> None:
        if self.setting.validate is None:
            return
        self.method.eval()
        row |= ranks.agreed(self.setting.validate)
        value = row["validation"]
        if value < self.history.best_value or (self.history.best_epoch < 0 and not math.isnan(value)):
            self.history.best_value, self.history.best_epoch = value, self.position.total_epochs
            if self.setting.keep == "best":
                self.best = {key: tensor.detach().cpu().clone() for key, tensor in self.method.state_dict().items()}

    def _is_patience_over(self) -> bool:
        patience = self.training.patience
        if patience is None or self.setting.validate is None or self.history.best_epoch < 0:
            return False
        return self.position.total_epochs - 1 - self.history.best_epoch >= patience

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop_signal = number

    def _preempt_if_asked(self) -> None:
        number = ranks.largest(self.stop_signal or 0)
        if not number:
            return
        self.save()
        where = self.setting.checkpoint.path if self.setting.checkpoint else "nowhere"
        raise PreemptedError(f"Stopped by signal {number}; the state is in {where}.", hint="the same command with --resume")


def train(method: TorchMethod, sets: Sets, training: TrainingConfig, setting: Setting) -> History:
    """Train ``method`` in place and return its curves; afterwards it holds the selected weights and is in eval mode.

    Raises:
        UsageError: the configuration cannot be trained, or there is nothing to resume.
        PreemptedError: SIGTERM or SIGUSR1 arrived; the state was saved.
        TrainingError: the loss is no longer a number.
    """
    run = _Run(method, sets, training, setting)
    saved = setting.checkpoint.load(setting.resume) if setting.checkpoint else None
    method.to(setting.device)
    if saved is not None:
        run.restore(saved)
        setting.progress.note(f"{setting.label}: resumed at epoch {run.position.total_epochs}, step {run.position.step}")
    ranks.alike(method)
    history = run.run()
    method.eval()
    return history


def initialise(build: Callable[[], TorchMethod], seed: int) -> TorchMethod:
    """Build a method with weights that depend on ``seed`` alone."""
    torch.manual_seed(seed_of(seed, "initial weights"))
    return build()


def _optimiser(parameters: list[Any], training: TrainingConfig) -> torch.optim.Optimizer:
    if training.optimiser == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=training.lr,
            momentum=training.momentum,
            nesterov=training.nesterov and training.momentum > 0,
            weight_decay=training.weight_decay,
        )
    kind = torch.optim.Adam if training.optimiser == "adam" else torch.optim.AdamW
    return kind(parameters, lr=training.lr, weight_decay=training.weight_decay)


def _parameters(optimiser: torch.optim.Optimizer) -> list[Any]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _rate(training: TrainingConfig, epoch: int, epochs: int) -> float:
    """Return the learning rate of an epoch or round (counted from 0)."""
    if epoch < training.warmup_epochs:
        return training.lr * (epoch + 1) / training.warmup_epochs
    if training.schedule == "cosine":
        done = (epoch - training.warmup_epochs) / max(1, epochs - training.warmup_epochs)
        return training.lr * 0.5 * (1 + math.cos(math.pi * done))
    if training.schedule == "step":
        return training.lr * training.decay ** sum(epoch >= edge for edge in training.step_epochs)
    if training.schedule == "exponential":
        return training.lr * training.decay ** (epoch // training.decay_interval)
    return training.lr


def _by_steps(training: TrainingConfig, step: int) -> float:
    """Return by what ``step_iterations`` multiplies the learning rate of a phase's step (counted from 0)."""
    if training.schedule != "step" or training.step_iterations is None:
        return 1.0
    return training.decay ** (step // training.step_iterations)


def _check_finite(terms: Mapping[str, float], label: str, epoch: int) -> None:
    bad = [name for name, value in terms.items() if not math.isfinite(value)]
    if bad:
        raise TrainingError(
            f"{label}: the loss '{bad[0]}' is no longer a number in epoch {epoch}.",
            hint="a smaller --set training.lr, --set training.clip_norm=1, or training.precision=32-true",
        )


def _shown(row: Mapping[str, float]) -> str:
    hidden = ("epoch", "phase", "lr", "iteration")
    return " ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in hidden)


class _Signals:
    """While it is entered, SIGTERM and SIGUSR1 are handed to ``handler`` (only in a process's main thread)."""

    def __init__(self, handler: Callable[[int, FrameType | None], None]) -> None:
        self.handler = handler
        self.before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGUSR1):
            try:
                self.before[number] = signal.signal(number, self.handler)
            except ValueError:
                return

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
