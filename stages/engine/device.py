"""Devices."""

from __future__ import annotations

import torch

from stages.engine.launcher import Process, this_process
from stages.errors import UsageError


def choose(text: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda``, ``cuda:i`` or ``mps``; of several processes on a machine each has its own GPU.

    Raises:
        UsageError: the device is unknown or not there; nothing ever falls back to the CPU silently.
    """
    process = this_process()
    if process.count > 1 and text.startswith("cuda:"):
        raise UsageError(f"--device {text} names one GPU for {process.count} processes.", hint="--device cuda gives each its own")
    if process.count > 1 and (text == "cuda" or (text == "auto" and torch.cuda.is_available())):
        text = f"cuda:{_own_gpu(process)}"
    if text == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = text.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not (kind == "cuda" and index.isdigit())):
        raise UsageError(f"Unknown device '{text}'.", hint="one of auto, cpu, cuda, cuda:0 …, mps")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UsageError(f"The device '{text}' is not there: this machine has {count} CUDA device(s).", hint="--device cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError("The device 'mps' is not there on this machine.", hint="--device cpu")
    return torch.device(text)


def _own_gpu(process: Process) -> int:
    """Return the number of a process's GPU; a cluster may show each process its own alone."""
    return 0 if torch.cuda.device_count() == 1 else process.local
