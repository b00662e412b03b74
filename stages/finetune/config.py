"""Configuration of ``aqa finetune``: the data, the method, its training, and the experiment (protocol × fold × seed)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from stages.configuration import Config, Layer, Resolved, resolve
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
    """Resolve the configuration; the chosen method's training preset lies under the layers, its settings are filled in.

    Raises:
        UsageError: an unknown key, method or value.
    """
    from stages.finetune.methods.registry import method_class

    name = next((layer.values["method"] for layer in reversed(layers) if "method" in layer.values), DEFAULT_METHOD)
    cls = method_class(str(name))
    settings_layers = [Layer(layer.name, layer.values.get("settings") or {}) for layer in layers]
    settings = resolve(cls.SETTINGS, settings_layers)
    preset = getattr(cls, "TRAINING", TrainingConfig())
    under = Layer(f"preset of {name}", {"training": preset.model_dump(mode="json", exclude_unset=True)})
    outer = [Layer(layer.name, {key: value for key, value in layer.values.items() if key != "settings"}) for layer in layers]
    resolved = resolve(FinetuneConfig, [under, *outer])
    config = resolved.config.model_copy(update={"settings": settings.config.model_dump(mode="json")})
    sources = {key: source for key, source in resolved.sources.items() if key != "settings"}
    sources |= {f"settings.{key}": source for key, source in settings.sources.items()}
    return Resolved(config, sources)
