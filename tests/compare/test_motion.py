"""How complex the motion of a clip is, measured on pictures that move as far as they are told to."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.compare.cases import CHOSEN, Case
from stages.compare.motion import PAIRS, SENTENCE, SIZE, complexity, motions
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.extract_features.backbones.i3d import FLOW
from stages.video import decode, source
from stages.video.flow import Cache
from stages.video.frame import FOLDER_FPS, Source
from stages.workspace import Workspace
from tests.compare.evaluations import run_of
from tests.evaluate.tables import scores


def moving(folder: Path, step: float, frames: int = 3, size: int = 64) -> Path:
    """Write frames of a texture that moves ``step`` pixels to the right from one to the next."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[:size, :size].astype(np.float64) * 64 / size
    for number in range(frames):
        moved = x - number * step * 64 / size
        picture = 128 + 50 * np.sin(moved / 5) + 50 * np.cos((moved + 2 * y) / 7)
        cv2.imwrite(str(folder / f"{number:03d}.png"), np.repeat(picture[:, :, None], 3, axis=2).astype(np.uint8))
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flow at 64 pixels is as right, and sixteen times as fast."""
    assert FLOW.resize == SIZE, "the flow that features keep is of this size"
    monkeypatch.setattr("stages.compare.motion.SIZE", 64)


def test_complexity__is_how_far_pixels_move_at_one_size(tmp_path: Path) -> None:
    one, two = (complexity(Source(moving(tmp_path / f"{step}", step))) for step in (1, 2))
    assert one == pytest.approx(1, abs=0.15)
    assert two == pytest.approx(2, abs=0.3)
    assert complexity(Source(moving(tmp_path / "large", 4, size=128))) == pytest.approx(2, abs=0.3)


def test_complexity__what_stands_still_and_a_single_frame(tmp_path: Path) -> None:
    assert complexity(Source(moving(tmp_path / "still", 0))) == pytest.approx(0, abs=1e-3)
    assert complexity(Source(moving(tmp_path / "one", 3, frames=1))) == 0


def test_complexity__of_many_frames_pairs_at_even_distances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.compare.motion.PAIRS", 2)
    folder = moving(tmp_path / "clip", 1, frames=6)
    for frame in (2, 3):  # between the first pair and the last
        cv2.imwrite(str(folder / f"{frame:03d}.png"), np.zeros((64, 64, 3), np.uint8))
    assert complexity(Source(folder)) == pytest.approx(1, abs=0.15)
    assert f"more than {PAIRS + 1} frames {PAIRS} pairs" in SENTENCE


def test_complexity__takes_kept_flow_and_adds_to_it(tmp_path: Path) -> None:
    clip = Source(moving(tmp_path / "clip", 1))
    fresh = complexity(clip)
    assert complexity(clip, tmp_path / "flow") == pytest.approx(fresh)
    times = np.array([time for time, _ in decode.pictures(clip, print)])
    halves = ((index, np.full((64, 64, 2), 0.5, np.float16)) for index in range(3))
    cache = Cache(tmp_path / "other", source.digest(clip), 64, times)
    assert len(list(cache.stream([0, 1, 2], lambda _: halves))) == 3
    assert complexity(clip, tmp_path / "other") == pytest.approx(10 * np.sqrt(2))


def _of(clips: list[str], videos: str, workspace: Path, manifest: Path | None = None, **changes):
    shown = [Case(clip, number, (CHOSEN,)) for number, clip in enumerate(clips)]
    options = RunOptions(workspace=Workspace(workspace), **changes)
    return motions(shown, [run_of("a", scores())], videos, manifest, options)


def test_motions__of_a_folder_those_that_are_missing_or_broken_are_named(tmp_path: Path) -> None:
    moving(tmp_path / "videos/a/one", 1)
    (tmp_path / "videos/a/two.mp4").write_bytes(b"")
    found = _of(["a/one", "a/two", "a/three"], str(tmp_path / "videos"), tmp_path / "workspace")
    assert found.measured == {"a/one": pytest.approx(1, abs=0.15)}
    assert found.missing[0].startswith("the video of a/two cannot be read: ")
    assert "is empty (0 bytes)" in found.missing[0]
    assert found.missing[1] == f"{tmp_path / 'videos'} has no video of a/three"
    assert not (tmp_path / "workspace").exists()


def test_motions__windows_of_a_manifest_and_flow_that_features_kept(tmp_path: Path) -> None:
    folder = moving(tmp_path / "videos/long", 0, frames=4)
    moving(tmp_path / "fast", 2, frames=3)
    for frame in range(3):
        (tmp_path / f"fast/{frame:03d}.png").rename(folder / f"{frame + 4:03d}.png")
    (tmp_path / "rows.csv").write_text(f"clip,video,start,end\nquiet,long,0,{3.5 / FOLDER_FPS}\nloud,long,{4 / FOLDER_FPS},\n")
    kept = tmp_path / "workspace/flow/arms/loud"
    kept.mkdir(parents=True)
    for dry_run in (True, False):
        found = _of(["quiet", "loud"], str(tmp_path / "videos"), tmp_path / "workspace", tmp_path / "rows.csv", dry_run=dry_run)
        assert (found.measured["quiet"], found.measured["loud"]) == (pytest.approx(0, abs=1e-3), pytest.approx(2, abs=0.3))
        assert [path.name for path in kept.iterdir()] == ([] if dry_run else ["000000.h5"])


def test_motions__none_without_videos_and_no_such_place(tmp_path: Path) -> None:
    shown = [Case("a", 0, (CHOSEN,))]
    assert motions(shown, [run_of("a", scores())], None, None, RunOptions(workspace=Workspace(tmp_path))).measured == {}
    with pytest.raises(UsageError, match=r"There are no videos 'mtl-aka': neither a folder nor a data set(.|\n)*one of .*mtl-aqa"):
        _of(["a"], "mtl-aka", tmp_path)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ArtifactError, match="There are no videos in"):
        _of(["a"], str(tmp_path / "nothing"), tmp_path / "workspace")
