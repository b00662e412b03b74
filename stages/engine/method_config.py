"""The configuration of a stage that runs a method: the method's own settings and training preset belong to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from stages.configuration import Config, Layer, Resolved, resolve
from stages.engine.training import BY_ITERATIONS, TrainingConfig
from stages.errors import UsageError

C = TypeVar("C", bound=Config)


def resolve_with_method(model: type[C], layers: Sequence[Layer], default: str, method_class: Callable[[str], Any]) -> Resolved[C]:
    """Resolve ``model``, whose keys ``method``, ``settings`` and ``training`` go together.

    The chosen method's training preset lies under the layers, and ``settings`` is validated and filled in by the method.  Where a preset
    trains by iterations and a layer says epochs, the preset's iterations are gone.

    Raises:
        UsageError: an unknown key, method or value, or both epochs and iterations.
    """
    name = str(next((layer.values["method"] for layer in reversed(layers) if "method" in layer.values), default))
    cls = method_class(name)
    inner = [Layer(layer.name, layer.values.get("settings") or {}) for layer in layers]
    settings = resolve(cls.SETTINGS, inner)
    preset = getattr(cls, "TRAINING", TrainingConfig())
    presets = {"training": _of_one_length(preset.model_dump(mode="json", exclude_unset=True), layers)}
    if hasattr(cls, "TARGET"):
        presets["target"] = cls.TARGET.model_dump(mode="json", exclude_unset=True)
    under = Layer(f"preset of {name}", presets)
    outer = [Layer(layer.name, {key: value for key, value in layer.values.items() if key != "settings"}) for layer in layers]
    resolved = resolve(model, [under, *outer])
    config = resolved.config.model_copy(update={"settings": settings.config.model_dump(mode="json")})
    sources = {key: source for key, source in resolved.sources.items() if key != "settings"}
    return Resolved(config, sources | {f"settings.{key}": source for key, source in settings.sources.items()})


def _of_one_length(preset: dict[str, Any], layers: Sequence[Layer]) -> dict[str, Any]:
    """Return a training preset that does not contradict layers that say how long to train."""
    given = {key for layer in layers for key in layer.values.get("training") or {}}
    if {"epochs", "iterations"} <= given:
        raise UsageError(
            "training.epochs and training.iterations both say how long to train.", hint="give one of them; --epochs is training.epochs"
        )
    return {key: value for key, value in preset.items() if key not in BY_ITERATIONS} if "epochs" in given else preset
