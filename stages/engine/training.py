"""How a network is trained: the hyper-parameters that every trained method shares."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from stages.configuration import Config

BY_ITERATIONS = ("iterations", "step_iterations", "round_iterations")
"""Keys of a training whose length is said in optimiser steps."""


class TrainingConfig(Config):
    """Hyper-parameters of the training loop; each method presets its own."""

    epochs: int = Field(60, ge=1)
    iterations: int | None = Field(None, ge=0)
    """Optimiser steps, where the length is not said in ``epochs``; 0 leaves the initial weights as they are."""
    round_iterations: int = Field(100, ge=1)
    """With ``iterations``, a *round* of so many stands wherever else an epoch does: a point of the curves, a look at held-out clips,
    what ``patience``, ``warmup_epochs`` and the schedules count."""
    batch_size: int = Field(16, ge=1)
    """Clips per optimiser step, over all processes."""
    micro_batch: int | None = Field(None, ge=1)
    """Largest number of clips in memory at once; gradients are accumulated up to ``batch_size``."""
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True
    schedule: Literal["constant", "cosine", "step", "exponential"] = "constant"
    warmup_epochs: int = Field(0, ge=0)
    step_epochs: tuple[int, ...] = ()
    """Epochs after which ``step`` multiplies the learning rate by ``decay``."""
    step_iterations: int | None = Field(None, ge=1)
    """Optimiser steps after which, again and again, ``step`` multiplies the learning rate by ``decay``."""
    decay: float = Field(0.1, gt=0, le=1)
    """Factor of ``step``; of ``exponential``, per ``decay_interval`` epochs."""
    decay_interval: int = Field(1, ge=1)
    clip_norm: float | None = Field(None, gt=0)
    """Largest norm of each optimiser's gradient."""
    patience: int | None = Field(None, ge=1)
    """Stop after so many epochs without a better validation figure."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    checkpoint_seconds: float = Field(120.0, ge=0)
    """How often the state of the run is saved; no influence on the result."""

    @property
    def rounds(self) -> int:
        """Epochs, or rounds of iterations."""
        return self.epochs if self.iterations is None else -(-self.iterations // self.round_iterations)

    def steps_of(self, number: int, epoch: int) -> int:
        """Return the optimiser steps of a round.

        Args:
            number: of the round, counted from 0.
            epoch: the steps of an epoch.
        """
        if self.iterations is None:
            return epoch
        return min(self.round_iterations, self.iterations - number * self.round_iterations)

    def document(self) -> dict[str, Any]:
        """Return what decides the result; a training by epochs says nothing of iterations."""
        unused = {"step_iterations"} if self.step_iterations is None else set()
        unused |= {"iterations", "round_iterations"} if self.iterations is None else set()
        return self.model_dump(mode="json", exclude={"checkpoint_seconds", *unused})
