"""The experiments of a sweep: every curve at every combination of values, as configurations of ``aqa finetune``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stages.artifacts.fingerprint import canonical, of_value
from stages.configuration import Layer, known_keys, nest
from stages.errors import UsageError, nearest
from stages.finetune.config import FinetuneConfig, resolve_finetune
from stages.finetune.methods.registry import METHODS, method_class
from stages.sweep.config import ALL_LABELS, LABELS, Axis, SweepConfig

INIT = "init"
_LONGEST = 40
_WITHHELD = "-percent-labels"


@dataclass(frozen=True)
class Point:
    """One experiment: a curve at one value of each axis."""

    curve: str
    values: tuple[Any, ...]
    config: FinetuneConfig
    init: str | None


def points(config: SweepConfig) -> list[Point]:
    """Return every experiment, curve by curve.

    Raises:
        UsageError: nothing is varied, or something twice; a method is unknown, or lacks a key (the nearest is named); a value is not valid.
    """
    axes, curves = config.vary, tuple(dict.fromkeys(config.methods))
    _check_axes(axes)
    _check_own(config)
    for curve, axis in itertools.product(curves, axes):
        _check_key(config, curve, axis.key)
    grid = list(itertools.product(*(axis.values for axis in axes)))
    found = [_point(config, curve, values) for curve in curves for values in grid]
    names = [names_of("", axes, point) for point in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"Two experiments would be called '{twice}'.", hint="give every value once")
    return found


def names_of(sweep: str, axes: Sequence[Axis], point: Point) -> str:
    """Return the name of a point's experiment: ``<sweep>-<curve>[-<key>-<value>]…``."""
    values = [f"{key}-{_slug(value)}" for key, value in zip(short_keys(axes), point.values, strict=True)]
    return "-".join(part for part in (sweep, _slug(point.curve), *values) if part)


def short_keys(axes: Sequence[Axis]) -> list[str]:
    """Return what the axes are called: the last part of their keys, all of it where that is the same."""
    short = [axis.key.rpartition(".")[2] for axis in axes]
    return short if len(set(short)) == len(short) else [axis.key for axis in axes]


def text_of(value: Any) -> str:
    """Return a value as it is typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if value is None:
        return "none"
    return value if isinstance(value, str) else canonical(value).decode()


def _slug(value: Any) -> str:
    text = text_of(value)
    plain = re.sub(r"[^\w.+-]+", "_", text).strip("._") or "_"
    return plain if plain == text and len(plain) <= _LONGEST else f"{plain[:_LONGEST]}-{of_value(text)[:6]}"


def _check_axes(axes: Sequence[Axis]) -> None:
    if not axes:
        raise UsageError("Nothing is varied.", hint="for example --vary labels=10,20,40 or --vary training.lr=1e-3,1e-4")
    if len({axis.key for axis in axes}) < len(axes):
        raise UsageError(f"'{axes[0].key}' is varied twice.", hint=f"give all values in one: --vary {axes[0].key}=V1,V2,…")
    for axis in axes:
        if axis.key == "method":
            raise UsageError("Methods are the curves and cannot be varied.", hint="--method A --method B …")
        if axis.key == LABELS:
            for value in axis.values:
                if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= ALL_LABELS:
                    raise UsageError(f"'{LABELS}' takes percents above 0 and up to {ALL_LABELS}, found '{text_of(value)}'.")


def _check_own(config: SweepConfig) -> None:
    known = {*config.methods, *METHODS, *(name for name, keys in config.own.items() if "method" in keys)}
    if strange := [name for name in config.own if name not in known]:
        guess = nearest(strange[0], known)
        question = f" Did you mean '{guess}'?" if guess else ""
        raise UsageError(
            f"'own' names '{strange[0]}', which is no curve of this sweep.{question}",
            hint=f"the curves are {', '.join(config.methods)}; an entry of another name says its 'method'",
        )


def _check_key(config: SweepConfig, curve: str, key: str) -> None:
    method = _method(config, curve)
    settings = method_class(method).SETTINGS
    known = [LABELS, INIT, *known_keys(FinetuneConfig), *(f"settings.{name}" for name in known_keys(settings))]
    open_ones = set(known) - {name.rpartition(".")[0] for name in known}  # such as encoder_settings, whose keys its encoder knows
    parents = [key[: match.start()] for match in re.finditer(r"\.", key)]
    if key in known or open_ones.intersection(parents):
        return
    guess = nearest(key, known)
    question = f" Did you mean '{guess}'?" if guess else ""
    named = f"'{method}'" if curve == method else f"'{method}' of the curve '{curve}'"
    raise UsageError(
        f"The method {named} has no key '{key}', which is to be varied.{question}",
        hint=f"'aqa config show finetune --set method={method}' lists its keys",
    )


def _method(config: SweepConfig, curve: str) -> str:
    return str(config.own.get(curve, {}).get("method", curve))


def _point(config: SweepConfig, curve: str, values: tuple[Any, ...]) -> Point:
    method = _method(config, curve)
    method_class(method)
    varied = {axis.key: value for axis, value in zip(config.vary, values, strict=True)}
    own = {key: value for key, value in config.own.get(curve, {}).items() if key != INIT}
    init = varied.pop(INIT, config.own.get(curve, {}).get(INIT, config.init))
    percent = varied.pop(LABELS, ALL_LABELS)
    layers = [
        Layer("all methods", config.finetune),
        Layer(f"own.{curve}", {**own, "method": method}),
        Layer("--vary", nest(varied)),
    ]
    if percent != ALL_LABELS:
        layers.append(Layer("labels", {"protocol": _withheld(layers, percent, config.labels_seed)}))
    try:
        resolved = resolve_finetune(layers).config
    except UsageError as error:
        raise UsageError(f"{curve}: {error.message}", hint=error.hint) from None
    return Point(curve, values, resolved, None if init is None else text_of(init))


def _withheld(layers: Sequence[Layer], percent: float, seed: int) -> str:
    """Return the protocol in which ``percent`` % of the training clips keep their labels."""
    base: Any = None
    for layer in layers:
        base = layer.values.get("protocol", base)
    if base is not None and _WITHHELD in str(base):
        raise UsageError(f"'{LABELS}' is varied, but the protocol '{base}' withholds labels already.", hint="leave that part of it away")
    share = f"{percent:g}{_WITHHELD}/seed-{seed}"
    return f"{base}/{share}" if base else share
