"""Top-down pose estimation against mmpose's own ``inference_topdown``: ``python -m benchmarks pose [--video FILE]``.

Both hold the same weights, read from one file in the published format, and see the same frames and boxes; runs take turns.  mmpose runs
in float32, with its flip test on, as it ships, and off.  Ours runs without flip test and must find the joints that mmpose's finds
without it: within 0.5 px in float32, every joint; within 2 px in bfloat16.  HRNet and RTMPose are fitted to drawn figures (see
:mod:`benchmarks.fitted`), where the bound of bfloat16 holds for the joints whose peak stands clear: figures are 100 pixels tall, and half a
bin of HRNet's heat maps, by which rounding moves an arg-max, is then 1.3 px along each axis.  In a real video they find nothing, and what
bfloat16 does there is printed only.  The tiny network is trained, so there the bounds are for every joint of the generated film.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import fitted
from benchmarks.fitted import Figures
from benchmarks.timing import interleaved, rate, ratio
from stages import openmmlab
from stages.arrays import Array
from stages.engine.progress import Silent
from stages.extract_pose.estimators import registry, tiny

NAMES = ("hrnet-w32", "rtmpose-m")
FRAMES, REPEATS = 32, 9
PEER_FRAMES = 8
"""mmpose's time does not depend on how many frames it is given: it takes them one by one."""
AIM_FLIP, AIM_PLAIN = 6.0, 3.0
ERROR = {"fp32": 0.5, "bf16": 2.0}
"""Pixels."""
KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16}
_TIMES = 20
_CONVOLUTION = _TIMES * 2e-9 * 16 * 64 * 64 * 32 * 24 * 9
"""GFLOP of :func:`_convolution`."""


def pose(video: Path | None = None) -> None:
    """Print the ratios of frames per second; the agreement of the joints is asserted."""
    people = fitted.figures(FRAMES, seed=1) if video is None else _of_video(video)
    shown = "drawn figures" if video is None else video.name
    print(f"pose: {FRAMES} frames of {shown}, {REPEATS} repetitions in turn, quartiles in brackets")
    for name in NAMES:
        _one(name, people, drawn=video is None)
    _trained(fitted.filmed() if video is None else people, filmed=video is None)


def _one(name: str, people: Figures, *, drawn: bool) -> None:
    config = openmmlab.pose_config(registry.ESTIMATORS[name].config)
    with tempfile.TemporaryDirectory() as folder:
        file = fitted.checkpoint(config, Path(folder) / "fitted.pth", fitted.figures(12))
        ours: dict[str, Any] = {
            precision: registry.build(name, checkpoint=str(file), device="cpu", precision=precision, progress=Silent())
            for precision in ERROR
        }
        theirs = fitted.peer(config, file)
    some, boxes = people.frames[:PEER_FRAMES], people.boxes[:PEER_FRAMES]
    runs: dict[str, tuple[int, Callable[[], Any]]] = {
        "flip": (PEER_FRAMES, lambda: theirs(some, boxes, flip=True)),
        "plain": (PEER_FRAMES, lambda: theirs(some, boxes)),
    }
    for precision, estimator in ours.items():
        runs[precision] = FRAMES, lambda estimator=estimator: estimator.joints(people.frames, people.boxes)
    runs |= {f"{precision} convolution": (1, _convolution(kind)) for precision, kind in KINDS.items()}
    seconds = interleaved(runs, REPEATS)
    work = _gigaflop(config, ours["fp32"].crop.size)
    for label, text in (("flip", "on"), ("plain", "off")):
        print(f"{name:<10} inference_topdown, fp32, flip test {text:<4}{rate(seconds[label]):8.2f} frames/s")
    for label in ours:
        flip, plain = (ratio(seconds[peer], seconds[label]) for peer in ("flip", "plain"))
        fastest = ratio(seconds["plain"], [work * each / _CONVOLUTION for each in seconds[f"{label} convolution"]])
        print(f"{name:<10} ours, {label}, no flip test {rate(seconds[label]):20.2f} frames/s")
        print(f"{'':<10}   against flip test on {flip} (aim {AIM_FLIP:.0f} x), off {plain} (aim {AIM_PLAIN:.0f} x)")
        print(f"{'':<10}   its {work:.1f} GFLOP alone, as fast as one large convolution: against flip test off {fastest}")
    _agree(people, theirs(people.frames, people.boxes)[0], ours, drawn=drawn)


def _agree(people: Figures, truth: Array, ours: dict[str, Any], *, drawn: bool) -> None:
    apart = _apart(people, truth, ours)
    clear = fitted.clear_joints(ours["fp32"], people)
    worst = float(apart["bf16"][clear].max(initial=0))
    print(
        f"  joints: fp32 differs by at most {apart['fp32'].max():.2f} px; bf16 by at most {worst:.2f} px over the "
        f"{clear.mean():.0%} with a clear peak ({(apart['bf16'] > ERROR['bf16']).mean():.1%} of all joints by more than 2 px)",
        flush=True,
    )
    assert apart["fp32"].max() <= ERROR["fp32"], apart["fp32"].max()
    if drawn:
        assert clear.mean() > 0.4, clear.mean()
        assert worst <= ERROR["bf16"], worst


def _trained(people: Figures, *, filmed: bool) -> None:
    """Compare the joints of a trained network; it is far too small to say anything of speed."""
    ours = {precision: registry.build("tiny", device="cpu", precision=precision, progress=Silent()) for precision in KINDS}
    config = tiny.config()
    config.test_dataloader.dataset.type = "CocoDataset"
    apart = _apart(people, fitted.peer(config, tiny.WEIGHTS)(people.frames, people.boxes)[0], ours)
    for precision, distance in apart.items():
        spread = f"{np.median(distance):.3f} px (median), {distance.max():.3f} px (most)"
        print(f"tiny       trained, {precision}: joints differ by {spread}, {(distance > ERROR['bf16']).mean():.1%} by more than 2 px")
        if filmed or precision == "fp32":
            assert distance.max() <= ERROR[precision], distance.max()


def _apart(people: Figures, truth: Array, ours: dict[str, Any]) -> dict[str, Array]:
    """Return the distances in pixels (N, V) of what ``ours`` find from ``truth``."""
    return {label: np.linalg.norm(one.joints(people.frames, people.boxes)[0] - truth, axis=2) for label, one in ours.items()}


def _of_video(video: Path) -> Figures:
    """Return frames from all over a video; every box is the whole frame, and nothing is known of the joints."""
    capture = cv2.VideoCapture(str(video))
    read = [image for image in (capture.read()[1] for _ in range(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))) if image is not None]
    frames = [read[number] for number in np.linspace(0, len(read) - 1, FRAMES).astype(int)]
    boxes = np.array([(0, 0, frame.shape[1], frame.shape[0]) for frame in frames], dtype=np.float32)
    return Figures(frames, boxes, np.full((FRAMES, 17, 2), np.nan))


def _gigaflop(config: Any, size: tuple[int, int]) -> float:
    """Return what one crop of ``size`` takes, two for each multiplication and addition."""
    network: Any = openmmlab.build_pose(config)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network.head.forward(network.extract_feat(torch.zeros(1, 3, size[1], size[0])))
    return counter.get_total_flops() * 1e-9


def _convolution(kind: torch.dtype) -> Callable[[], object]:
    """Return a convolution as both networks have many, at our batch: a network of such layers is hardly faster than they are."""
    image = torch.randn(16, 64, 32, 24, dtype=kind).to(memory_format=torch.channels_last)
    weight = torch.randn(64, 64, 3, 3, dtype=kind).to(memory_format=torch.channels_last)

    def run() -> None:
        with torch.inference_mode():
            for _ in range(_TIMES):
                F.conv2d(image, weight, padding=1)

    return run
