"""How a stage's configuration is put together: default < config file < ``--set a.b=c`` < flag.

Every value keeps the name of the layer it came from, which ``aqa config show`` prints.  Unknown keys are errors that name
the nearest valid key.  What does not change a result (device, workspace, shards) is no configuration: see
:class:`stages.engine.options.RunOptions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from stages.engine.registry import load
from stages.errors import UsageError, nearest, unknown_name

Values = dict[str, Any]


class Config(BaseModel):
    """Base of every configuration: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())


C = TypeVar("C", bound=Config)

RESOLVERS: Mapping[str, str] = {
    "extract-pose": "stages.extract_pose.config:ExtractPoseConfig",
    "extract-features": "stages.extract_features.config:resolve_extract_features",
    "extract-kinematics": "stages.extract_kinematics.config:ExtractKinematicsConfig",
    "extract-maps": "stages.extract_maps.config:ExtractMapsConfig",
    "import-poses": "stages.import_poses.config:ImportPosesConfig",
    "import-features": "stages.import_features.config:ImportFeaturesConfig",
    "render": "stages.render.config:RenderConfig",
    "pretrain": "stages.pretrain.config:resolve_pretrain",
    "examine": "stages.examine.config:ExamineConfig",
    "finetune": "stages.finetune.config:resolve_finetune",
    "evaluate": "stages.evaluate.config:EvaluateConfig",
    "compare": "stages.compare.config:CompareConfig",
    "score": "stages.score.config:ScoreConfig",
    "export": "stages.export.config:ExportConfig",
    "sweep": "stages.sweep.config:resolve_sweep",
}
"""Stage → its configuration, or the function that resolves it where a method brings settings of its own."""


@dataclass(frozen=True)
class Layer:
    """One source of values: its ``name`` is what error messages and ``aqa config show`` call it."""

    name: str
    values: Values


@dataclass(frozen=True)
class Resolved(Generic[C]):
    """A configuration and, for each dotted key, the name of the layer that decided it."""

    config: C
    sources: dict[str, str]


def resolve(model: type[C], layers: Sequence[Layer]) -> Resolved[C]:
    """Merge ``layers`` (weakest first) over the defaults of ``model``.

    Raises:
        UsageError: a key is unknown (the nearest is named) or a value is not valid; all problems at once.
    """
    merged: Values = _nested_defaults(model)
    decided: dict[str, str] = {}
    for layer in layers:
        _merge(merged, layer.values)
        decided |= {key: layer.name for key, value in flatten(layer.values) if value != {}}
    try:
        config = model.model_validate(merged)
    except ValidationError as error:
        raise _usage_error(model, error, decided) from None
    sources = {key: _source(key, decided) for key, _ in flatten(config.model_dump(mode="json"))}
    return Resolved(config, sources)


def _nested_defaults(model: type[Config]) -> Values:
    """Return the fields that are configurations by default: whoever sets one key of theirs keeps the default's other keys."""
    defaults = {name: field.default for name, field in model.model_fields.items()}
    return {name: value.model_dump() for name, value in defaults.items() if isinstance(value, Config)}


def resolve_stage(stage: str, layers: Sequence[Layer]) -> Resolved[Any]:
    """Resolve the configuration of the stage that is typed as ``aqa STAGE``; an unknown stage is a usage error."""
    if stage not in RESOLVERS:
        raise unknown_name("stage", stage, RESOLVERS)
    found = load(RESOLVERS[stage])
    return resolve(found, layers) if isinstance(found, type) else found(layers)


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``("a.b", value)`` for every leaf; an empty mapping is a leaf."""
    for key, value in values.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{dotted}.")
        else:
            yield dotted, value


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the dotted keys in which two configurations differ, sorted."""
    before, after = dict(flatten(old)), dict(flatten(new))
    missing = object()
    return sorted(key for key in {*before, *after} if before.get(key, missing) != after.get(key, missing))


def parse_assignments(assignments: Sequence[str]) -> Values:
    """Turn ``["a.b=3", "c=text"]`` into nested values; the right-hand side is YAML, so ``3``, ``true`` and ``[1, 2]`` work."""
    values: Values = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set takes KEY=VALUE, found '{assignment}'.", hint="for example --set training.epochs=50")
        _merge(values, _nest(key.strip(), _yaml(text, f"--set {assignment}")))
    return values


def read_file(path: Path) -> Values:
    """Read a YAML configuration file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"Cannot read the configuration file {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not a text file in UTF-8.") from None
    values = _yaml(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UsageError(f"{path} must hold keys and values, found {type(values).__name__}.")
    return values


def parse_values(text: str, where: str) -> list[Any]:
    """Read ``V1,V2,…``, each of which is YAML: commas within brackets part nothing."""
    return [_as_typed(value) for value in _yaml(f"[{text}]", where)]


def nest_flags(flags: Mapping[str, Any]) -> Values:
    """Nest dotted flag names and drop the flags that were not given (None or an empty list)."""
    return nest({key: value for key, value in flags.items() if value is not None and value != []})


def nest(dotted: Mapping[str, Any]) -> Values:
    """Return ``{"a.b": 1}`` as ``{"a": {"b": 1}}``."""
    values: Values = {}
    for key, value in dotted.items():
        _merge(values, _nest(key, value))
    return values


def _yaml(text: str, where: str) -> Any:
    try:
        return _as_typed(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise UsageError(f"{where} is not valid YAML: {str(error).splitlines()[0]}.") from None


def _as_typed(value: Any) -> Any:
    if isinstance(value, str):  # YAML 1.1 reads 1e-3 as text; whoever types it means a number
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _nest(dotted: str, value: Any) -> Values:
    for key in reversed(dotted.split(".")):
        value = {key: value}
    return dict(value)


def _merge(into: Values, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _source(key: str, decided: Mapping[str, str]) -> str:
    while key:
        if key in decided:
            return decided[key]
        key = key.rpartition(".")[0]
    return "default"


def _usage_error(model: type[Config], error: ValidationError, decided: Mapping[str, str]) -> UsageError:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        where = _source(key, decided)
        if problem["type"] == "extra_forbidden":
            guess = nearest(key, known_keys(model))
            question = f" Did you mean '{guess}'?" if guess else ""
            lines.append(f"Unknown key '{key}' ({where}).{question}")
        else:
            reason = problem["msg"].removeprefix("Value error, ")
            lines.append(f"'{key}' ({where}): {reason}, found {problem['input']!r}.")
    return UsageError("\n".join(lines), hint="'aqa config show STAGE' lists every key with its value")


def known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of a configuration, those that hold others included."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{name}.")
