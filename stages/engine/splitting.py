"""Batches cut into parts: for micro-batches, and for the processes that share a step."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from stages.engine.batch import Batch, Features, Images

Batches = Mapping[str, Batch]
"""One batch of every stream."""


def in_parts(batches: Batches, size: int | None) -> list[tuple[float, Batches]]:
    """Return the batches in parts of at most ``size`` clips, each with its share of the first stream's clips; None cuts nothing."""
    largest = max(len(batch) for batch in batches.values())
    if size is None or largest <= size:
        return [(1.0, batches)]
    count = -(-largest // size)
    parts = [part_of(batches, number, count) for number in range(count)]
    return [(share, part) for share, part in parts if share > 0]


def part_of(batches: Batches, number: int, count: int) -> tuple[float, Batches]:
    """Return part ``number`` of ``count`` of every stream's batch, and its share of the first stream's clips."""
    part = {name: _part(batch, number, count) for name, batch in batches.items()}
    name = next(iter(batches))
    return len(part[name]) / len(batches[name]), part


def _part(batch: Batch, number: int, count: int) -> Batch:
    low, high = len(batch) * number // count, len(batch) * (number + 1) // count

    def cut(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: cut(each) for name, each in value.items()}
        if isinstance(value, Features | Images):
            return value.take(torch.arange(low, high, device=value.device))
        return value[low:high] if isinstance(value, Tensor | tuple) else value

    partner = _part(batch.partner, number, count) if batch.partner is not None else None
    return replace(batch, **{name: cut(copy.copy(value)) for name, value in vars(batch).items() if name != "partner"}, partner=partner)
