"""Nested states (a state dict, an optimiser's state, a run's history) as JSON plus numeric arrays: no pickle anywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from stages.arrays import Array
from stages.errors import ArtifactError

_TENSOR, _ARRAY, _PAIRS, _TUPLE, _FLOAT = "$tensor", "$array", "$pairs", "$tuple", "$float"


def pack(value: Any, prefix: str) -> tuple[Any, dict[str, Array]]:
    """Split ``value`` into a JSON skeleton and the arrays it refers to, named ``prefix/0`` …

    Dictionaries (with any JSON-able keys), lists, tuples, scalars, tensors and numpy arrays are taken; bfloat16 tensors are
    stored as float32 with their type's name.
    """
    arrays: dict[str, Array] = {}

    def walk(node: Any) -> Any:
        if isinstance(node, torch.Tensor):
            name = f"{prefix}/{len(arrays)}"
            arrays[name] = np.atleast_1d(_numpy(node)).copy()
            return {_TENSOR: [name, str(node.dtype).removeprefix("torch."), list(node.shape)]}
        if isinstance(node, np.ndarray):
            name = f"{prefix}/{len(arrays)}"
            arrays[name] = np.atleast_1d(node)
            return {_ARRAY: [name, list(node.shape)]}
        if isinstance(node, Mapping):
            if all(isinstance(key, str) and not key.startswith("$") for key in node):
                return {key: walk(child) for key, child in node.items()}
            return {_PAIRS: [[walk(key), walk(child)] for key, child in node.items()]}
        if isinstance(node, tuple):
            return {_TUPLE: [walk(child) for child in node]}
        if isinstance(node, list):
            return [walk(child) for child in node]
        if isinstance(node, float) and not math.isfinite(node):
            return {_FLOAT: repr(node)}
        if node is None or isinstance(node, str | bool | int | float):
            return node
        raise TypeError(f"a {type(node).__name__} cannot be stored")

    return walk(value), arrays


def unpack(skeleton: Any, arrays: Mapping[str, Array]) -> Any:
    """Undo :func:`pack`."""
    if isinstance(skeleton, list):
        return [unpack(child, arrays) for child in skeleton]
    if not isinstance(skeleton, dict):
        return skeleton
    if _TENSOR in skeleton:
        name, dtype, shape = skeleton[_TENSOR]
        return torch.from_numpy(_array(arrays, name).copy()).to(getattr(torch, dtype)).reshape(shape)
    if _ARRAY in skeleton:
        name, shape = skeleton[_ARRAY]
        return _array(arrays, name).reshape(shape)
    if _PAIRS in skeleton:
        return {unpack(key, arrays): unpack(child, arrays) for key, child in skeleton[_PAIRS]}
    if _TUPLE in skeleton:
        return tuple(unpack(child, arrays) for child in skeleton[_TUPLE])
    if _FLOAT in skeleton:
        return float(skeleton[_FLOAT])
    return {key: unpack(child, arrays) for key, child in skeleton.items()}


def weights_to_arrays(state: Mapping[str, torch.Tensor], group: str = "weights") -> dict[str, Array]:
    """Return a state dict as arrays ``weights/<key>``; scalars become arrays of one element, bfloat16 becomes float32."""
    return {f"{group}/{key}": np.atleast_1d(_numpy(value)).copy() for key, value in state.items()}


def weights_from_arrays(arrays: Mapping[str, Array], like: Mapping[str, torch.Tensor], where: str) -> dict[str, torch.Tensor]:
    """Return the state dict stored under ``weights/``, checked against ``like``.

    Raises:
        ArtifactError: keys are missing or too many, or shapes differ; all in one error.
    """
    stored = {name.removeprefix("weights/"): array for name, array in arrays.items() if name.startswith("weights/")}
    problems = [f"missing: {key}" for key in like if key not in stored]
    problems += [f"unknown: {key}" for key in stored if key not in like]
    state = {}
    for key, tensor in like.items():
        if key in stored:
            value = torch.from_numpy(stored[key].copy())
            if value.numel() != tensor.numel():
                problems.append(f"{key}: expected shape {tuple(tensor.shape)}, found {tuple(value.shape)}")
            else:
                state[key] = value.reshape(tensor.shape).to(tensor.dtype)
    if problems:
        listing = "\n".join(f"  - {problem}" for problem in problems[:12])
        more = f"\n  … and {len(problems) - 12} more" if len(problems) > 12 else ""
        raise ArtifactError(f"The weights of {where} do not fit the network:\n{listing}{more}")
    return state


def _numpy(tensor: torch.Tensor) -> Array:
    kept = tensor.detach().cpu()
    return (kept.float() if kept.dtype is torch.bfloat16 else kept).numpy()


def _array(arrays: Mapping[str, Array], name: str) -> Array:
    if name not in arrays:
        raise ArtifactError(f"The array '{name}' is missing.")
    return arrays[name]
