"""Counting and timing of one forward pass.

Operations are counted by torch as it executes them: matrix products and convolutions; a multiply-accumulate is two FLOPs.  What runs
element by element (activations, normalisation, means) is not counted, as in published tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Cost:
    """What one part costs.

    Attributes:
        name: of the part.
        parameters: that are or could be trained.
        macs: multiply-accumulates of one forward pass of the whole batch.
        latency: seconds of one forward pass, the median of the repeats; None where it was not timed.
        memory: bytes that a forward pass holds at its peak beyond the weights and the input; None where that cannot be told.
    """

    name: str
    parameters: int
    macs: int
    latency: float | None = None
    memory: int | None = None

    @property
    def flops(self) -> int:
        """Floating-point operations: two per multiply-accumulate."""
        return 2 * self.macs

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self) | {"flops": self.flops}


def parameters_of(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def measure(name: str, module: nn.Module, forward: Callable[[], Any], device: torch.device, repeats: int) -> Cost:
    """Count and time ``forward``, a pass through ``module``."""
    counter = FlopCounterMode(display=False)
    with counter:
        forward()
    memory = _peak(forward, device)
    times = []
    for _ in range(repeats):
        _wait(device)
        start = time.perf_counter()
        forward()
        _wait(device)
        times.append(time.perf_counter() - start)
    latency = sorted(times)[len(times) // 2] if times else None
    return Cost(name, parameters_of(module), counter.get_total_flops() // 2, latency, memory)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak(forward: Callable[[], Any], device: torch.device) -> int | None:
    """Return what a pass holds at its peak: as torch counts it on a GPU, as Linux counts resident memory elsewhere."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        forward()
        return int(torch.cuda.max_memory_allocated(device) - before)
    try:
        _CLEAR.write_text("5")  # from here on the highest resident size is counted anew
        before = _resident("VmRSS")
        forward()
        return max(0, _resident("VmHWM") - before)
    except (OSError, ValueError):
        return None


def _resident(key: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{key}:"):
            return 1024 * int(line.split()[1])
    raise ValueError(key)
