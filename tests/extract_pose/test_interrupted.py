"""Forty videos, six of them broken, through the command line in processes of their own that are killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.artifacts import store
from stages.engine import plan
from tests.extract_pose.toys import film, scene, walk
from tests.video.make import broken_video

COMMAND = """
import sys
from stages.extract_pose.estimators import registry
from tests.extract_pose import toys
registry.build, registry.fingerprint_of = toys.build, toys.fingerprint_of
from aqa_cli.main import main
main()
"""
ROOT = Path(__file__).resolve().parents[2]
BROKEN = {
    "cut.mp4": ("truncated", "it declares 40 frames, but only"),
    "no-index.mp4": ("no-index", "its index (moov) is missing"),
    "page.mp4": ("not-a-video", "is not a video: it holds text"),
    "empty.mp4": ("empty", "is empty (0 bytes)"),
    "codec.avi": ("unknown-codec", "cannot be decoded"),
}


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    for number in range(34):
        film(folder / f"day{number % 3}/clip{number:02}.mp4", walk(10 + number % 7, start=number))
    for name, (how, _) in BROKEN.items():
        broken_video(folder / name, how)
    film(folder / "nobody.mp4", [scene([])] * 12)
    return folder


def start(videos: Path, output: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND, "extract-pose", str(videos), "-o", str(output), "--device", "cpu", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): store.read_header(path).content_digest for path in sorted(folder.rglob("*.h5"))}


def killed(videos: Path, output: Path, outputs: int, seconds: float) -> None:
    """Kill a run a moment after it has left so many artifacts."""
    process = start(videos, output)
    while process.poll() is None and sum(1 for _ in output.rglob("*.h5")) < outputs:
        time.sleep(0.005)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.slow
def test_extract_pose__forty_videos_six_broken_killed_and_in_shards(videos: Path, tmp_path: Path) -> None:
    whole, restarted, parts = (tmp_path / name for name in ("whole", "restarted", "parts"))
    code, out, err = finished(start(videos, whole))
    assert (code, out) == (4, f"34 done, 0 skipped, 6 failed; in {whole}\n")
    expected = {Path(name).stem: text for name, (_, text) in BROKEN.items()} | {"nobody": "No person was seen in any frame (12 frames)."}
    reasons = {failure.id: failure.message for failure in plan.read_failures(whole)}
    assert set(reasons) == set(expected)
    assert all(text in reasons[name] for name, text in expected.items())
    assert all(name in err for name in expected)

    moments = random.Random(0)
    for outputs in (0, 3, 14, 29):
        killed(videos, restarted, outputs, moments.uniform(0, 0.05))
    before = len(content(restarted))
    assert 0 < before < 34
    code, out, _ = finished(start(videos, restarted))
    assert (code, out) == (4, f"{34 - before} done, {before} skipped, 6 failed; in {restarted}\n")
    assert content(restarted) == content(whole)

    for first in (0, 2):
        for process in [start(videos, parts, "--shard", f"{first + step}/4") for step in range(2)]:
            assert finished(process)[0] in (0, 4)
    assert content(parts) == content(whole)
    assert {failure.id for failure in plan.read_failures(parts)} == set(expected)
    assert (parts / "manifest.csv").read_bytes() == (whole / "manifest.csv").read_bytes()
