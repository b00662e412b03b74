"""How a network is trained: the hyper-parameters that every trained method shares."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stages.configuration import Config


class TrainingConfig(Config):
    """Hyper-parameters of the training loop; each method presets its own."""

    epochs: int = Field(60, ge=1)
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
