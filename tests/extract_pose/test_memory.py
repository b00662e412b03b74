"""Memory does not grow with a video's length."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.extract_pose.toys import scene
from tests.video.make import make_video

ROOT = Path(__file__).resolve().parents[2]
SIZE = (640, 480)
COMMAND = """
import resource, sys
from pathlib import Path
from stages.engine.options import RunOptions
from stages.extract_pose.config import ExtractPoseConfig
from stages.extract_pose.estimators import registry
from stages.extract_pose.stage import run
from stages.video.footage import Request
from tests.extract_pose import toys
registry.build, registry.fingerprint_of = toys.build, toys.fingerprint_of
video, name = sys.argv[1:]
output = Path(video).with_suffix(f".{name}")
_, summary = run(ExtractPoseConfig(estimator=name), RunOptions(device="cpu"), output, request=Request([Path(video)]))
assert len(summary.done) == 1, summary
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def images(frames: int) -> Iterator[np.ndarray]:
    return (scene([("red", (100 + t % 300, 100, 180 + t % 300, 350))], SIZE) for t in range(frames))


def megabytes(video: Path, estimator: str) -> float:
    done = subprocess.run([sys.executable, "-c", COMMAND, video, estimator], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["rtmo-s", "boxed"], ids=["one-stage", "followed"])
def test_memory__is_flat_whatever_the_length(tmp_path: Path, estimator: str) -> None:
    short, long = (make_video(tmp_path / f"{frames}.mp4", images(frames), size=SIZE) for frames in (50, 800))
    assert 750 * SIZE[0] * SIZE[1] * 3 / 2**20 > 600  # what the frames of the long one would take
    assert megabytes(long, estimator) - megabytes(short, estimator) < 40
