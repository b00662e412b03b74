"""Timing against a peer on a machine that may be busy: the runs take turns, and a ratio is stated with how far it can be trusted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Ratio:
    """How many times faster something is: the median over the repetitions, and their quartiles."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} x ({self.low:.2f} to {self.high:.2f})"


def interleaved(runs: Mapping[str, tuple[int, Callable[[], Any]]], repeats: int, *, warm: bool = True) -> dict[str, list[float]]:
    """Return the seconds per item of every repetition of every run.

    Args:
        runs: label → how many items it does at once, and how to run it.
        repeats: how often each runs, in turn.
        warm: run each once before, uncounted.
    """
    seconds: dict[str, list[float]] = {label: [] for label in runs}
    for number in range(0 if warm else 1, repeats + 1):
        for label, (count, run) in runs.items():
            start = time.perf_counter()
            run()
            if number:
                seconds[label].append((time.perf_counter() - start) / count)
    return seconds


def ratio(peer: list[float], ours: list[float]) -> Ratio:
    """Return by how much ``ours`` is faster, repetition by repetition: neighbours in time met the same other load."""
    low, median, high = np.percentile(np.array(peer) / np.array(ours), (25, 50, 75))
    return Ratio(float(median), float(low), float(high))


def rate(seconds: list[float]) -> float:
    """Return the median number of items per second."""
    return float(1 / np.median(seconds))


def conditions() -> str:
    """Return what the figures depend on besides the code."""
    return f"{torch.get_num_threads()} thread(s), torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
