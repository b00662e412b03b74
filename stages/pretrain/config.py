"""Configuration of ``aqa pretrain``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from stages.configuration import Config, Layer, Resolved
from stages.engine.method_config import resolve_with_method
from stages.engine.training import TrainingConfig

STAGE = "pretrain"
VERSION = 1
DEFAULT_METHOD = "sme-gcn"


class PretrainConfig(Config):
    """One pretraining."""

    dataset: tuple[str, ...] = ()
    """Names of pose sets in the workspace; none takes the only one."""
    where: tuple[str, ...] = ()
    """Conditions ``COLUMN=VALUE[,VALUE]`` that select clips."""
    method: str = DEFAULT_METHOD
    settings: dict[str, Any] = {}
    """The method's own settings; ``aqa config show pretrain`` lists them."""
    training: TrainingConfig = TrainingConfig()
    seed: int = 0
    protocol: str | None = None
    """Pretrain one encoder per fold, on that fold's training clips alone."""
    labelled: bool = True
    """Whether training clips are learned from whose labels the protocol keeps, too; false takes only those without."""
    split_seed: int = 0
    test_clips: bool = False
    """Whether clips that the manifest's ``split`` column sets aside for testing are used too (recorded; evaluations say so)."""
    validation: float = Field(0.0, ge=0, lt=1)
    """Share of the subjects that is put aside to follow the pretext loss on."""


def resolve_pretrain(layers: Sequence[Layer]) -> Resolved[PretrainConfig]:
    """Resolve the configuration; see :func:`stages.engine.method_config.resolve_with_method`."""
    from stages.pretrain.methods.registry import method_class

    return resolve_with_method(PretrainConfig, layers, DEFAULT_METHOD, method_class)
