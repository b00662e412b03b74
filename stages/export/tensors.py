"""What goes into an exported graph: its inputs by name, examples of them, and the batch that a method sees in them.

Every input has the clips as its first axis.  N clips, T frames, V joints, M people, C channels, S segments, D feature dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stages.arrays import Array
from stages.engine.annotations import MISSING
from stages.engine.batch import Batch, Features, Images

TOLD, MASK = "told.", ".mask"
SEED = 0
"""Of the random examples."""


@dataclass(frozen=True)
class Port:
    """One input of a graph.

    Attributes:
        name: what the graph calls it.
        dtype: its element type, as numpy calls it.
        shape: the axes behind the first one, which is the clips'.
        meaning: what is in it, for people.
        classes: of whole numbers, how many there are; -1 stands for one that training did not see.
        front: of masks, whether what is not real stands in front.
        gaps: of features, whether a joint that was never seen is NaN.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    meaning: str
    classes: int = 0
    front: bool = False
    gaps: bool = False

    def to_json(self, batch: str | int) -> dict[str, Any]:
        """Return what ``preparation.json`` says of it; ``batch`` is the first axis."""
        return {"dtype": self.dtype, "shape": [batch, *self.shape], "meaning": self.meaning}


def examples(ports: Sequence[Port], count: int) -> dict[str, Array]:
    """Return ``count`` clips of random numbers, the same ones each time: the first whole, the second half as long, the third a frame."""
    random = np.random.default_rng(SEED)
    found = {port.name: _example(port, count, random) for port in ports}
    for name, values in found.items():
        if (mask := found.get("mask" if name == "poses" else f"{name}{MASK}")) is None:
            continue
        axis = 2  # both of poses (N, C, T, V, M) and of features (N, V, S, D, …)
        real = mask.reshape(count, *(mask.shape[1] if place == axis else 1 for place in range(1, values.ndim)))
        found[name] = np.where(real, values, values.dtype.type(0))
    return found


def _example(port: Port, count: int, random: np.random.Generator) -> Array:
    shape = (count, *port.shape)
    if port.dtype == "bool":
        lengths = np.array([_length(port.shape[0], clip) for clip in range(count)])
        real = np.arange(port.shape[0]) < lengths[:, None]
        return np.ascontiguousarray(real[:, ::-1]) if port.front else real
    if port.dtype == "uint8":
        return random.integers(0, 256, shape, dtype=np.uint8)
    if port.name == "frames":
        return np.array([_length(port.classes, clip) for clip in range(count)], dtype=np.int64)
    if port.dtype == "int64":
        places = [clip % (port.classes + 1) for clip in range(count)]
        return np.array([place if place < port.classes else MISSING for place in places], dtype=np.int64)
    if port.name == "boxes":
        corners = np.sort(random.uniform(0, 1, (*shape[:-1], 2, 2)), axis=-2)
        boxes = np.concatenate([corners[..., 0, :] * 0.5, 0.5 + corners[..., 1, :] * 0.5], axis=-1).astype(port.dtype)
        boxes[:, 1::3] = np.nan  # nobody was seen in every third frame
        return boxes
    if port.name in ("factor", "pictures"):
        return random.uniform(*((1, 4) if port.name == "factor" else (0, 1)), shape).astype(port.dtype)
    values = random.normal(size=shape).astype(port.dtype)
    if port.gaps and count > 1:
        values[1, ..., 0] = np.nan
    return values


def _length(whole: int, clip: int) -> int:
    return (whole, max(1, whole // 2), 1)[clip % 3]


def batch_of(named: Mapping[str, Tensor], like: Tensor) -> Batch:
    """Return the batch that a method sees in a graph's inputs.

    Args:
        named: the inputs, of which those may be missing that the method does not look at.
        like: any of them; says how many clips there are, also while a graph is traced.
    """
    none = like.new_zeros(like.shape[0], dtype=torch.long)
    features = {
        name.removesuffix(MASK): Features(named[name.removesuffix(MASK)], values) for name, values in named.items() if name.endswith(MASK)
    }
    return Batch(
        ids=("",) * len(like),
        poses=named.get("poses", like.new_zeros((like.shape[0], 0, 0, 0, 0), dtype=torch.float32)),
        mask=named.get("mask", like.new_zeros((like.shape[0], 0), dtype=torch.bool)),
        target=None,
        group=named["group"].clamp(min=0) if "group" in named else none,
        features=features,
        annotations={name.removeprefix(TOLD): values for name, values in named.items() if name.startswith(TOLD)},
        images=_images(named) if "images" in named else None,
    )


def _images(named: Mapping[str, Tensor]) -> Images:
    values, count = named["images"], named["frames"]
    first = torch.arange(values.shape[0]) * values.shape[1]
    boxes = named["boxes"].flatten(0, 1) if "boxes" in named else None
    return Images(values.flatten(0, 1), first, count, boxes)
