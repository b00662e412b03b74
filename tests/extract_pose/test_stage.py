from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.artifacts import store, verify
from stages.datasets import manifest as manifests
from stages.engine import plan
from stages.engine.options import RunOptions, Shard
from stages.engine.progress import Silent
from stages.errors import UsageError
from stages.extract_pose.config import ExtractPoseConfig
from stages.extract_pose.estimators import registry
from stages.extract_pose.stage import Execution, run
from stages.skeletons import poses
from stages.skeletons.poses import PoseSequence
from stages.video.footage import Request
from stages.workspace import Workspace
from tests.extract_pose.toys import film, joints_in, scene, walk
from tests.video.make import broken_video, make_frames

pytestmark = pytest.mark.usefixtures("toy_estimators")


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    film(folder / "morning/one.mp4", walk(24))
    film(folder / "evening/one.mp4", walk(18, gone=[8, 9]))
    film(folder / "two.mp4", walk(30, gone=range(6, 26)))
    return folder


def options(tmp_path: Path, **settings: Any) -> RunOptions:
    return RunOptions(Workspace(tmp_path / "workspace"), device="cpu", **settings)


def extract(tmp_path: Path, *paths: Path, execution: Execution | None = None, **settings: Any) -> tuple[Path, plan.Summary]:
    return run(ExtractPoseConfig(**settings), options(tmp_path), request=Request(paths), execution=execution)


def clip(folder: Path, name: str) -> PoseSequence:
    path = folder / f"{name}.h5"
    return poses.from_artifact(store.read(path), str(path))


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): store.read_header(path).content_digest for path in folder.rglob("*.h5")}


def failures(summary: plan.Summary) -> dict[str, str]:
    return {failure.id: failure.message for failure in summary.failed}


def test_run__finds_the_joints_of_every_video_of_a_folder(tmp_path: Path, videos: Path) -> None:
    folder, summary = extract(tmp_path, videos)
    assert folder == tmp_path / "workspace/poses/videos"
    assert summary.done == ["evening/one", "morning/one", "two"]
    found = clip(folder, "morning/one")
    truth = np.array([joints_in(np.array([10 + 3 * t, 30, 34 + 3 * t, 90])) for t in range(24)])
    assert found.positions.shape == (1, 24, 17, 2)
    assert np.abs(found.positions[0] - truth).max() < 3
    assert (found.layout.name, found.units, found.origin) == ("coco-17", "px", "image top left")
    assert found.timestamps == pytest.approx(np.arange(24) / 30, abs=1e-3)
    assert manifests.read(folder / "manifest.csv").clips == ["evening/one", "morning/one", "two"]
    assert plan.read_worklist(folder) == ["evening/one", "morning/one", "two"]
    assert [report.problems for report in verify.verify([folder])] == [()] * 4


def test_run__states_the_facts_of_a_clip(tmp_path: Path, videos: Path) -> None:
    folder, _ = extract(tmp_path, videos)
    assert clip(folder, "evening/one").clip == {
        "file": "evening/one.mp4",
        "start": None,
        "end": None,
        "width": 160,
        "height": 120,
        "fps": 30.0,
        "frames": 18,
        "rotation": 0,
        "people": ["1"],
        "chosen_by": "largest",
        "tracks": [{"id": "1", "first": 0, "last": 17, "frames": 16, "area": pytest.approx(24 * 60, rel=0.1)}],
        "frames_without_anybody": 2,
        "share_missing": 0.0,
        "share_interpolated": pytest.approx(2 / 18, abs=1e-5),
    }


def test_run__a_short_gap_is_filled_and_marked_and_a_long_one_stays(tmp_path: Path, videos: Path) -> None:
    folder, _ = extract(tmp_path, videos)
    short, long = clip(folder, "evening/one"), clip(folder, "two")
    assert short.interpolated is not None
    assert short.boxes is not None
    assert long.interpolated is not None
    assert np.flatnonzero(short.interpolated[0].any(axis=1)).tolist() == [8, 9]
    assert np.isnan(short.boxes[0]).any(axis=1).nonzero()[0].tolist() == [8, 9]
    assert np.abs(short.positions[0, 8] - joints_in(np.array([34, 30, 58, 90]))).max() < 3
    assert np.isnan(long.positions[0, 6:26]).all()
    assert not long.interpolated.any()
    assert (long.confidence[0, 6:26] == 0).all()


def test_run__settings_of_the_repair_are_used(tmp_path: Path, videos: Path) -> None:
    folder, _ = extract(tmp_path, videos, max_gap=0)
    assert np.isnan(clip(folder, "evening/one").positions[0, 8]).all()
    smooth, _ = run(ExtractPoseConfig(smooth=0.3), options(tmp_path), tmp_path / "smooth", request=Request([videos]))
    plain, smoothed = (clip(where, "morning/one").positions for where in (folder, smooth))
    assert 0 < np.abs(np.diff(smoothed, 2, axis=1)).mean() < np.abs(np.diff(plain, 2, axis=1)).mean()


def test_run__batches_and_shards_change_no_byte(tmp_path: Path, videos: Path) -> None:
    make_frames(videos / "frames", 3)
    film(videos / "three.mp4", walk(11))
    whole, _ = extract(tmp_path, videos)
    expected = digests(whole)
    assert len(expected) == 5
    single, _ = run(ExtractPoseConfig(), options(tmp_path), tmp_path / "single", request=Request([videos]), execution=Execution(batch=1))
    assert digests(single) == expected
    for index in range(4):
        run(ExtractPoseConfig(), options(tmp_path, shard=Shard(index, 4)), tmp_path / "parts", request=Request([videos]))
    assert digests(tmp_path / "parts") == expected
    assert (tmp_path / "parts/manifest.csv").read_bytes() == (whole / "manifest.csv").read_bytes()


def test_run__what_is_done_is_skipped_without_building_a_network(tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = extract(tmp_path, videos)
    monkeypatch.delattr(registry, "build")
    _, summary = extract(tmp_path, videos)
    assert summary.skipped == ["evening/one", "morning/one", "two"]
    (folder / "manifest.csv").unlink()
    run(ExtractPoseConfig(), options(tmp_path, dry_run=True), tmp_path / "dry", request=Request([videos]))
    assert not (tmp_path / "dry").exists()


def test_run__a_choice_of_the_athlete(tmp_path: Path) -> None:
    def frame(t: int) -> np.ndarray:
        return scene(
            [("red", (10, 20, 50, 110)), ("green", (60 + 3 * t, 40, 80 + 3 * t, 90)), ("blue", (130, 70, 150, 118))][: 3 if t > 9 else 2]
        )

    film(tmp_path / "v/three.mp4", [frame(t) for t in range(20)])
    widths = {}
    for person in ("largest", "most-moving", "longest", "3"):
        folder, _ = run(ExtractPoseConfig(person=person), options(tmp_path), tmp_path / person, request=Request([tmp_path / "v"]))
        found = clip(folder, "three")
        widths[person] = float(np.nanmedian(found.positions[0, ..., 0]))
        assert found.clip["chosen_by"] == person
    assert widths["largest"] < 50
    assert 60 < widths["most-moving"] < 137
    assert widths["3"] > 130
    both, _ = run(ExtractPoseConfig(people=2), options(tmp_path), tmp_path / "pair", request=Request([tmp_path / "v"]))
    everybody, _ = run(ExtractPoseConfig(person="all"), options(tmp_path), tmp_path / "all", request=Request([tmp_path / "v"]))
    assert clip(both, "three").clip["people"] == ["1", "2"]
    assert clip(everybody, "three").positions.shape[0] == 3
    assert clip(everybody, "three").clip["people"] == ["1", "2", "3"]


@pytest.mark.parametrize("boxes", [None, "rtmo-s", "file"])
def test_run__a_top_down_network_by_itself_or_with_boxes(tmp_path: Path, videos: Path, boxes: str | None) -> None:
    if boxes == "file":
        rows = [f"morning/one,{t},{10 + 3 * t},30,{34 + 3 * t},90" for t in range(0, 24, 2)]
        (tmp_path / "boxes.csv").write_text("\n".join(["clip,frame,left,top,right,bottom", *rows]))
        boxes = str(tmp_path / "boxes.csv")
    folder, summary = extract(tmp_path, videos, estimator="boxed", boxes=boxes)
    found = clip(folder, "morning/one")
    truth = np.array([joints_in(np.array([10 + 3 * t, 30, 34 + 3 * t, 90])) for t in range(24)])
    seen = slice(None, 23 if boxes and boxes.endswith("csv") else None)  # behind the last given box nobody is looked for
    assert np.abs(found.positions[0] - truth)[seen].max() < 3
    assert found.interpolated is not None
    assert not found.interpolated.any()
    expected = {"evening/one", "two"} if boxes and boxes.endswith("csv") else set()
    assert {name for name, reason in failures(summary).items() if "has no box for this clip" in reason} == expected


def test_run__other_boxes_are_another_fingerprint_clip_by_clip(tmp_path: Path, videos: Path) -> None:
    table = tmp_path / "boxes.csv"
    lines = ["clip,frame,left,top,right,bottom", "morning/one,0,10,30,34,90", "evening/one,0,10,30,34,90", "two,0,10,30,34,90"]
    table.write_text("\n".join(lines))
    extract(tmp_path, videos, estimator="boxed", boxes=str(table))
    moved = table.rename(tmp_path / "moved.csv")
    moved.write_text("\n".join([*lines[:3], "two,0,11,30,34,90"]))
    dry = options(tmp_path, overwrite=True, dry_run=True, progress=Silent())
    run(ExtractPoseConfig(estimator="boxed", boxes=str(moved)), dry, request=Request([videos]))
    states = {note.split("videos/")[-1]: note.split("  ")[0] for note in dry.progress.notes}  # type: ignore[attr-defined]
    assert states == dict.fromkeys(["evening/one.h5", "morning/one.h5", "two.h5"], "make again")
    with pytest.raises(Exception, match=r"1 output exists but was made differently, for example .*two.h5"):
        extract(tmp_path, videos, estimator="boxed", boxes=str(moved))


def test_run__a_manifest_cuts_windows_and_brings_labels(tmp_path: Path, videos: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("clip,video,start,end,score\nfirst,morning/one,0,0.3,7.5\nsecond,morning/one.mp4,0.4,0.8,9\nthird,absent,,,1\n")
    folder, summary = run(ExtractPoseConfig(), options(tmp_path), request=Request([videos], manifest=labels))
    assert summary.done == ["first", "second"]
    assert "there is no video 'absent'" in failures(summary)["third"]
    second = clip(folder, "second")
    assert np.abs(second.positions[0, 0] - joints_in(np.array([46, 30, 70, 90]))).max() < 3
    assert (second.clip["file"], second.clip["start"], second.clip["end"]) == ("morning/one.mp4", 0.4, 0.8)
    assert [row.number("score") for row in manifests.read(folder / "manifest.csv").rows] == [7.5, 9, 1]


def test_run__bad_videos_are_named_and_the_rest_is_done(tmp_path: Path, videos: Path) -> None:
    broken_video(videos / "cut.mp4", "truncated")
    broken_video(videos / "page.mp4", "not-a-video")
    film(videos / "empty-room.mp4", [scene([])] * 10)
    film(videos / "blink.mp4", walk(1))
    folder, summary = extract(tmp_path, videos)
    assert summary.done == ["evening/one", "morning/one", "two"]
    reasons = failures(summary)
    assert set(reasons) == {"cut", "page", "empty-room", "blink"}
    assert "frames, but only" in reasons["cut"]
    assert "is not a video" in reasons["page"]
    assert reasons["empty-room"] == "No person was seen in any frame (10 frames)."
    assert reasons["blink"] == "The clip has 1 frame(s); a motion needs at least 2."
    assert set(reasons) == {failure.id for failure in plan.read_failures(folder)}
    (videos / "blink.mp4").unlink()
    film(videos / "blink.mp4", walk(9))
    assert extract(tmp_path, videos)[1].done == ["blink"]


def test_run__a_truncated_video_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    from tests.video.make import index_first

    path = index_first(film(tmp_path / "v/cut.mp4", walk(40, start=5)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
    assert "cut" in failures(extract(tmp_path, tmp_path / "v")[1])
    folder, summary = extract(tmp_path, tmp_path / "v", allow_truncated=True)
    assert summary.done == ["cut"]
    found = clip(folder, "cut")
    assert 5 < found.frames < 38
    assert found.clip["defects"] == [f"cut off: the last frame that can be read is number {found.frames - 1}"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"boxes": "rtmo-s"}, "rtmo-s finds people by itself and takes no boxes"),
        ({"estimator": "boxed", "people": 2}, "boxed alone follows one person; several need boxes"),
        ({"estimator": "boxed", "person": "all"}, "boxed alone follows one person"),
        ({"estimator": "boxed", "boxes": "boxed"}, "boxed needs boxes itself"),
        ({"boxes": "none.csv"}, r"The boxes none\.csv do not exist"),
    ],
)
def test_run__settings_that_contradict_each_other(tmp_path: Path, videos: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        extract(tmp_path, videos, **settings)


def test_run__without_videos(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No video was given"):
        extract(tmp_path)


def test_run__a_box_behind_the_end_is_an_error_of_its_clip(tmp_path: Path, videos: Path) -> None:
    shutil.rmtree(videos / "evening")
    (videos / "two.mp4").unlink()
    (tmp_path / "boxes.csv").write_text("clip,frame,left,top,right,bottom\nmorning/one,0,10,30,34,90\nmorning/one,24,10,30,34,90\n")
    _, summary = extract(tmp_path, videos, estimator="boxed", boxes=str(tmp_path / "boxes.csv"))
    assert failures(summary) == {"morning/one": "There is a box for frame 24, but the last frame of the clip is number 23."}


def test_run__boxes_of_unknown_clips_are_noted(tmp_path: Path, videos: Path) -> None:
    (tmp_path / "boxes.csv").write_text("clip,frame,left,top,right,bottom\nmorning/one,0,10,30,34,90\nelsewhere,0,10,30,34,90\n")
    seen = options(tmp_path, progress=Silent())
    run(ExtractPoseConfig(estimator="boxed", boxes=str(tmp_path / "boxes.csv")), seen, request=Request([videos]))
    assert seen.progress.notes == ["1 clip(s) of the boxes are not among the videos: elsewhere"]  # type: ignore[attr-defined]
