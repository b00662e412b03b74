"""``aqa extract-pose`` as a whole: its time against network and decoding alone, and its memory for a short and a long video.

The plain loop decodes the same video and hands the same boxes to the same estimator in this process, with nothing around it; the command
runs in a process of its own, imports, builds the network, reads ahead, writes its artifact, and is charged for all of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks import fitted
from benchmarks.timing import interleaved, ratio
from stages import openmmlab
from stages.datasets.generated import Clip, film
from stages.engine.progress import Silent
from stages.extract_pose.estimators import registry
from stages.video.writer import writing

FPS = 25
SHORT, LONG = 10, 600
"""Seconds of video for the memory."""
MOST_GROWTH = 60
"""Megabytes: what is kept of a frame is its joints, less than one kilobyte for each of the 15,000 frames, and allocators are not exact."""
MOST_OVERHEAD = 1.10
REPEATS = 3
RUNS = (("rtmpose-m", "bf16", 60), ("hrnet-w32", "bf16", 40))
"""Estimator, precision, and seconds of video."""


def command() -> None:
    """Print how much longer the whole command takes than network and decoding."""
    print(f"whole command: {FPS} frames/s of 640 × 480, one box per frame, {REPEATS} repetitions in turn, quartiles in brackets")
    for name, precision, seconds in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            _one(Path(folder), name, precision, seconds)


def memory() -> None:
    """Print and assert the resident memory of ``aqa extract-pose --estimator tiny`` on a short and a long video."""
    with tempfile.TemporaryDirectory() as folder:
        peaks = {}
        for seconds in (SHORT, LONG):
            video = _video(Path(folder) / f"{seconds}.mp4", seconds, film.SIZE)
            peaks[seconds] = _run(video, Path(folder) / f"poses{seconds}", "--estimator", "tiny")
    decoded = LONG * FPS * film.SIZE[0] * film.SIZE[1] * 3 / 2**20
    print(
        f"resident memory at its peak: {peaks[SHORT]:.0f} MB for {SHORT} s of video, {peaks[LONG]:.0f} MB for {LONG} s "
        f"(whose frames would take {decoded:.0f} MB)"
    )
    assert peaks[LONG] - peaks[SHORT] <= MOST_GROWTH, peaks


def _one(folder: Path, name: str, precision: str, seconds: int) -> None:
    config = openmmlab.pose_config(registry.ESTIMATORS[name].config)
    weights = fitted.checkpoint(config, folder / "fitted.pth", fitted.figures(12))
    estimator: Any = registry.build(name, checkpoint=str(weights), device="cpu", precision=precision, progress=Silent())
    given = ("--estimator", name, "--checkpoint", weights, "--precision", precision, "--boxes", folder / "boxes.csv", "--device", "cpu")
    video, start = _video(folder / "long.mp4", seconds, (640, 480)), _video(folder / "start.mp4", 2 / FPS, (640, 480))
    box = (120.0, 40.0, 520.0, 460.0)
    rows = [
        f"{clip},{frame},{','.join(map(str, box))},one" for clip, count in (("long", seconds * FPS), ("start", 2)) for frame in range(count)
    ]
    (folder / "boxes.csv").write_text("\n".join(["clip,frame,left,top,right,bottom,person", *rows]) + "\n")
    runs: dict[str, tuple[int, Callable[[], Any]]] = {
        "start": (1, lambda: _run(start, folder / "out", *given)),
        "plain": (1, lambda: _plain(video, estimator, box)),
        "whole": (1, lambda: _run(video, folder / "out", *given)),
    }
    taken = interleaved(runs, REPEATS, warm=False)
    whole, begin, plain = (float(np.median(taken[label])) for label in ("whole", "start", "plain"))
    over = ratio(taken["whole"], taken["plain"])
    beyond = ratio(list(np.subtract(taken["whole"], taken["start"])), taken["plain"])
    print(
        f"{name:<10} {precision}, {seconds} s of video: network and decoding {plain:.1f} s, command {whole:.1f} s, "
        f"of which {begin:.1f} s pass before the first frame\n{'':<13}command / (network and decoding): {over} (aim at most "
        f"{MOST_OVERHEAD} x); without the start {beyond}"
    )


def _plain(video: Path, estimator: Any, box: tuple[float, ...]) -> None:
    capture = cv2.VideoCapture(str(video))
    while True:
        frames = [image for image in (capture.read()[1] for _ in range(estimator.batch)) if image is not None]
        if not frames:
            return
        estimator.joints(frames, np.array([box] * len(frames)))


def _run(video: Path, output: Path, *arguments: object) -> float:
    """Run the command in a process of its own with as many threads as this one, and return its resident memory at its peak in MB."""
    command = [sys.executable, "-m", "aqa_cli.main", "extract-pose", video, "-o", output, "--overwrite", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([str(part) for part in command], stdout=said, stderr=said, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        assert process.returncode == 0, said.read()
    return usage.ru_maxrss / 1024


def _video(path: Path, seconds: float, size: tuple[int, int]) -> Path:
    """Write a video of the generated film, played again and again."""
    shot = film.film_of(Clip("u00/c1", 1000))
    images = [cv2.resize(image, size) for image in film.frames(shot)]
    with writing(path, FPS, size) as append:
        for image in islice(cycle(images), round(seconds * FPS)):
            append(image)
    return path
