"""Configuration of ``aqa sweep``: what is varied, the methods that are compared, and what all experiments share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from stages.configuration import Config, Layer, Resolved, parse_values, resolve
from stages.errors import UsageError, nearest
from stages.evaluate.config import EvaluateConfig
from stages.finetune.config import DEFAULT_METHOD, FinetuneConfig

STAGE = "sweep"
VERSION = 1
LABELS = "labels"
"""The key that stands for the percents of labels that a protocol keeps."""
ALL_LABELS = 100


class Axis(Config):
    """One setting and its values."""

    key: str
    """A key of ``aqa finetune``, ``init``, or ``labels``: percents of the labels, 100 for all of them."""
    values: tuple[Any, ...] = Field(min_length=1)


class SweepConfig(Config):
    """What is varied and what is shared."""

    vary: tuple[Axis, ...] = Field((), max_length=2)
    """One axis makes a curve per method, two a grid per method."""
    methods: tuple[str, ...] = Field((DEFAULT_METHOD,), min_length=1)
    """The curves: names of methods, or of entries of ``own`` that say their ``method``."""
    finetune: dict[str, Any] = {}
    """Keys of ``aqa finetune`` that all experiments share.  In files and ``--set`` they stand without this prefix."""
    own: dict[str, dict[str, Any]] = {}
    """Curve → keys of ``aqa finetune`` (and ``init``) for it alone."""
    init: str | None = None
    """Encoder to start from, as of ``aqa finetune --init``."""
    labels_seed: int = Field(0, ge=0)
    """Which draw of the labels ``labels`` keeps."""
    figure: str | None = None
    """The figure that is drawn; None takes accuracy for levels and actions, Spearman for scores."""
    evaluate: EvaluateConfig = EvaluateConfig()


def resolve_sweep(layers: Sequence[Layer]) -> Resolved[SweepConfig]:
    """Resolve the configuration; keys of ``aqa finetune`` may stand beside the sweep's own, and ``method`` names a single curve.

    Raises:
        UsageError: an unknown key or a value that is not valid.
    """
    return resolve(SweepConfig, [Layer(layer.name, _sorted_out(layer)) for layer in layers])


def parse_vary(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Read ``KEY=V1,V2,…``, once per axis.

    Raises:
        UsageError: a text is no key with values, or there are more than two.
    """
    axes = []
    for text in texts:
        key, equals, values = text.partition("=")
        if not equals or not key.strip() or not values.strip():
            raise UsageError(f"--vary takes KEY=V1,V2,…, found '{text}'.", hint="for example --vary labels=10,20,40")
        axes.append({"key": key.strip(), "values": parse_values(values, f"--vary {text}")})
    if len(axes) > 2:
        raise UsageError(f"--vary can be given once or twice, found {len(axes)}.", hint="one key makes curves, two make a grid")
    return axes


def _sorted_out(layer: Layer) -> dict[str, Any]:
    own = {key: value for key, value in layer.values.items() if key in SweepConfig.model_fields}
    shared = {key: value for key, value in layer.values.items() if key not in own}
    if strange := [key for key in shared if key not in FinetuneConfig.model_fields]:
        guess = nearest(strange[0], [*SweepConfig.model_fields, *FinetuneConfig.model_fields])
        question = f" Did you mean '{guess}'?" if guess else ""
        raise UsageError(
            f"Unknown key '{strange[0]}' ({layer.name}).{question}", hint="'aqa config show sweep' and 'aqa config show finetune' list them"
        )
    if "method" in shared:
        own.setdefault("methods", [shared.pop("method")])
        shared.pop("method", None)
    return {**own, "finetune": {**shared, **own.get("finetune", {})}} if shared else own
