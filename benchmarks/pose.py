"""Top-down pose estimation against mmpose's own ``inference_topdown``: ``python -m benchmarks.pose``.

Both hold the same fitted weights (see :mod:`benchmarks.fitted`) and see the same frames and boxes; runs are interleaved and each takes the
best of its own.  mmpose runs in float32, with its flip test on, as it ships, and off.  Ours runs without flip test and must find the
joints that mmpose's finds without it: within 0.5 px in float32; in bfloat16 within 2 px, for joints whose peak stands clear.  Figures are
100 pixels tall; half a bin of HRNet's heat maps, by which rounding moves an arg-max, is then 1.3 px along each axis.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import fitted
from stages import openmmlab
from stages.engine.progress import Silent
from stages.extract_pose.estimators import registry

FRAMES, REPEATS = 32, 4
PEER_FRAMES = 8
"""mmpose's time does not depend on how many frames it is given: it takes them one by one."""
GOAL_FLIP, GOAL_PLAIN = 6.0, 3.0
ERROR = {"fp32": 0.5, "bf16": 2.0}
"""Pixels."""


def pose(names: tuple[str, ...] = ("hrnet-w32", "rtmpose-m"), repeats: int = REPEATS) -> dict[str, float]:
    """Print and return the ratios of frames per second to mmpose's with its flip test on; the agreement of the joints is asserted."""
    return {f"{name} {precision}": ratio for name in names for precision, ratio in _one(name, repeats).items()}


def _one(name: str, repeats: int) -> dict[str, float]:
    config = openmmlab.pose_config(registry.ESTIMATORS[name].config)
    people = fitted.figures(FRAMES, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        file = fitted.checkpoint(config, Path(folder) / "fitted.pth", fitted.figures(12))
        ours: dict[str, Any] = {
            precision: registry.build(name, checkpoint=str(file), device="cpu", precision=precision, progress=Silent())
            for precision in ERROR
        }
        theirs = fitted.peer(config, file)
    some, boxes = people.frames[:PEER_FRAMES], people.boxes[:PEER_FRAMES]
    runs: dict[str, tuple[int, Callable[[], Any]]] = {
        "mmpose, flip": (PEER_FRAMES, lambda: theirs(some, boxes, flip=True)),
        "mmpose": (PEER_FRAMES, lambda: theirs(some, boxes)),
    }
    for precision, estimator in ours.items():
        runs[precision] = FRAMES, lambda estimator=estimator: estimator.joints(people.frames, people.boxes)
    shortest = dict.fromkeys(runs, float("inf"))
    for _ in range(repeats):
        for label, (count, run) in runs.items():
            start = time.perf_counter()
            run()
            shortest[label] = min(shortest[label], (time.perf_counter() - start) / count)
    _report(name, shortest, ours)
    _agree(people, theirs(people.frames, people.boxes)[0], ours)
    return {precision: shortest["mmpose, flip"] / shortest[precision] for precision in ours}


def _report(name: str, shortest: dict[str, float], ours: dict[str, Any]) -> None:
    for label in ("mmpose, flip", "mmpose"):
        text = "inference_topdown, fp32, flip test " + ("on" if "flip" in label else "off")
        print(f"{name:<10} {text:<43}{1 / shortest[label]:7.2f} frames/s")
    for label in ours:
        flip, plain = (shortest[peer] / shortest[label] for peer in ("mmpose, flip", "mmpose"))
        goals = f"{flip:.2f} x with flip (goal {GOAL_FLIP:.0f} x), {plain:.2f} x without (goal {GOAL_PLAIN:.0f} x)"
        print(f"{name:<10} {'ours, ' + label + ', no flip test':<43}{1 / shortest[label]:7.2f} frames/s   {goals}")


def _agree(people: fitted.Figures, truth: Any, ours: dict[str, Any]) -> None:
    found = {precision: estimator.joints(people.frames, people.boxes)[0] for precision, estimator in ours.items()}
    clear = fitted.clear_joints(ours["fp32"], people)
    apart = {precision: np.linalg.norm(positions - truth, axis=2) for precision, positions in found.items()}
    print(
        f"  joints: fp32 differs by at most {apart['fp32'].max():.2f} px; bf16 by at most {apart['bf16'][clear].max():.2f} px over the "
        f"{clear.mean():.0%} with a clear peak ({(apart['bf16'] > ERROR['bf16']).mean():.1%} of all joints by more than 2 px)"
    )
    assert apart["fp32"].max() <= ERROR["fp32"], apart["fp32"].max()
    assert clear.mean() > 0.4, clear.mean()
    assert apart["bf16"][clear].max() <= ERROR["bf16"], apart["bf16"][clear].max()


if __name__ == "__main__":
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    pose()
