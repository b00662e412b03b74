"""Configuration of ``aqa finetune``: the data, the method, its training, and the experiment (protocol × fold × seed)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from stages.configuration import Config, Layer, Resolved
from stages.engine.method_config import resolve_with_method
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig

STAGE = "finetune"
VERSION = 1
DEFAULT_METHOD = "sme-gcn"


class FinetuneConfig(Config):
    """One experiment."""

    dataset: str | None = None
    """Name of a pose set in the workspace; None takes the only one."""
    where: tuple[str, ...] = ()
    """Conditions ``COLUMN=VALUE[,VALUE]`` that select clips."""
    method: str = DEFAULT_METHOD
    settings: dict[str, Any] = {}
    """The method's own settings; ``aqa config show finetune`` lists them."""
    training: TrainingConfig = TrainingConfig()
    target: TargetConfig = TargetConfig()
    protocol: str | None = None
    """Which clips train and test; None takes the manifest's ``split`` column, or 5 folds by subject where it has none."""
    split_seed: int = 0
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    per: str | None = None
    """Train one model per value of this column (``action``) instead of one for all."""
    select: Literal["val", "last", "test"] = "val"
    """Which epoch is kept: best on validation clips carved from training, the last, or best on the test clips (stamped)."""
    validation: float = Field(0.15, gt=0, lt=1)
    """Share of the training subjects that ``select: val`` puts aside."""


def resolve_finetune(layers: Sequence[Layer]) -> Resolved[FinetuneConfig]:
    """Resolve the configuration; see :func:`stages.engine.method_config.resolve_with_method`."""
    from stages.finetune.methods.registry import method_class

    return resolve_with_method(FinetuneConfig, layers, DEFAULT_METHOD, method_class)
