"""``aqa extract-features``: the workspace it leaves, skipping, refusing, shards, bad videos, and every error's exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.artifacts.fingerprint import of_file
from stages.engine.opening import open_clips
from stages.engine.options import RunOptions
from stages.skeletons.layouts import layout_named
from stages.skeletons.poses import sequence, to_artifact
from tests.extract_features import tiny
from tests.video.make import make_frames, make_video

FAST = ("--backbone", "tiny", "--segments", 2, "--set", "sampling.length=4")


@pytest.fixture
def weights(monkeypatch, tmp_path):
    return tiny.install(monkeypatch, tmp_path / "weights")


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    for number in range(4):
        make_video(folder / f"day/{number}.mp4", 12 + number)
    make_frames(folder / "frames", 9)
    return folder


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.h5"))}


def test_folder__features_manifest_and_a_second_run_that_skips(aqa, workspace, weights, videos) -> None:
    code, out, err = aqa("extract-features", videos, *FAST)
    folder = workspace / "features/videos/tiny"
    assert (code, out) == (0, f"5 done, 0 skipped, 0 failed; in {folder}\n"), err
    assert (folder / "manifest.csv").read_text().split() == ["clip", "day/0", "day/1", "day/2", "day/3", "frames"]
    artifact = store.read(folder / "day/1.h5", "features")
    assert (artifact.arrays["features"].shape, artifact.arrays["features"].dtype) == ((1, 2, tiny.DIMENSIONS), np.float32)
    assert artifact.documents["clip"] == {
        "file": "day/1.mp4",
        "start": None,
        "end": None,
        "frames": 13,
        "fps": 30.0,
        "width": 64,
        "height": 48,
    }
    assert artifact.documents["sampling"]["views"][0]["frames"] == [[0, 1, 2, 3], [9, 10, 11, 12]]
    assert artifact.documents["config"]["backbone"] == {"name": "tiny", "weights": of_file(weights / "tiny.pt")}
    before = _contents(folder)
    code, out, _ = aqa("extract-features", videos, *FAST)
    assert (code, out.split(";")[0]) == (0, "0 done, 5 skipped, 0 failed")
    assert _contents(folder) == before
    assert aqa("validate", folder)[0] == 0


def test_shards_and_batches__change_no_byte(aqa, workspace, weights, videos) -> None:
    aqa("extract-features", videos, *FAST, "--views", "original,flip", "--name", "whole")
    for shard in range(4):
        code, *_ = aqa("extract-features", videos, *FAST, "--views", "original,flip", "--name", "parts", "--shard", f"{shard}/4")
        assert code == 0
    aqa("extract-features", videos, *FAST, "--views", "original,flip", "--name", "batch", "--batch", 1)
    root = workspace / "features/videos"
    whole = _contents(root / "whole")
    assert len(whole) == 5
    assert _contents(root / "parts") == whole
    assert _contents(root / "batch") == whole


def test_a_killed_run__goes_on_with_the_same_bytes(aqa, workspace, weights, videos) -> None:
    aqa("extract-features", videos, *FAST)
    folder = workspace / "features/videos/tiny"
    before = _contents(folder)
    (folder / "day/2.h5").unlink()
    (folder / "frames.h5").write_bytes(before["frames.h5"][:1000])
    code, out, _ = aqa("extract-features", videos, *FAST)
    assert (code, out.split(";")[0]) == (0, "2 done, 3 skipped, 0 failed")
    assert _contents(folder) == before


def test_changed_settings_or_weights__refused_by_key(aqa, workspace, weights, videos) -> None:
    aqa("extract-features", videos, *FAST)
    code, _, err = aqa("extract-features", videos, *FAST, "--views", "flip")
    assert code == 3
    assert '- views: was ["original"], now ["flip"]' in err
    content = (weights / "tiny.pt").read_bytes()
    import torch

    torch.save({key: value + 1 for key, value in tiny.network(3).state_dict().items()}, weights / "tiny.pt")
    code, _, err = aqa("extract-features", videos, *FAST)
    assert code == 3
    assert "- backbone.weights: was" in err
    code, out, _ = aqa("extract-features", videos, *FAST, "--overwrite")
    assert (code, out.split(";")[0]) == (0, "5 done, 0 skipped, 0 failed")
    (weights / "tiny.pt").write_bytes(content)


def test_bad_videos__the_others_are_done_and_exit_4(aqa, workspace, weights, videos) -> None:
    (videos / "empty.mp4").write_bytes(b"")
    (videos / "text.mp4").write_text("no video")
    whole = (videos / "day/0.mp4").read_bytes()
    (videos / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    code, out, _ = aqa("extract-features", videos, *FAST)
    assert (code, out.split(";")[0]) == (4, "5 done, 0 skipped, 3 failed")
    folder = workspace / "features/videos/tiny"
    failures = {line["id"]: line["message"] for line in map(json.loads, (folder / "failures.jsonl").read_text().splitlines())}
    assert set(failures) == {"cut", "empty", "text"}
    assert "is empty (0 bytes)" in failures["empty"]
    assert "it holds text" in failures["text"]
    (videos / "empty.mp4").write_bytes(whole)
    code, out, _ = aqa("extract-features", videos, *FAST)
    assert (code, out.split(";")[0]) == (4, "1 done, 5 skipped, 2 failed")


def test_manifest__windows_labels_and_clips_without_a_video(aqa, workspace, weights, videos, tmp_path) -> None:
    manifest = tmp_path / "dives.csv"
    manifest.write_text("clip,video,start,end,score\na,day/0,0,0.2,7.5\nb,day/0,0.2,0.4,6\nc,gone,,,5\n")
    code, out, err = aqa("extract-features", videos, *FAST, "--manifest", manifest, "--set-name", "dives")
    assert (code, out.split(";")[0]) == (4, "2 done, 0 skipped, 1 failed")
    assert "there is no video 'gone'" in err
    folder = workspace / "features/dives/tiny"
    assert store.read(folder / "b.h5").documents["clip"]["frames"] == 6
    assert (folder / "manifest.csv").read_text().splitlines()[1] == "a,day/0,0.0,0.2,7.5"


def test_flow__cached_for_several_backbones(aqa, workspace, weights, videos) -> None:
    flags = ("--segments", 1, "--set", "sampling.length=3", "--backbone", "tiny-flow")
    assert aqa("extract-features", videos / "day/0.mp4", *flags, "--name", "a")[0] == 0
    assert aqa("extract-features", videos / "day/0.mp4", *flags, "--name", "b", "--cache-flow")[0] == 0
    assert [path.name for path in (workspace / "flow").rglob("*.h5")] == ["000000.h5"]
    assert _contents(workspace / "features/0/a") == _contents(workspace / "features/0/b")
    code, _, err = aqa("extract-features", videos / "day/0.mp4", *FAST, "--cache-flow")
    assert code == 2
    assert "tiny sees no optical flow that could be kept" in err


def _pose_set(folder: Path, clips: dict[str, int]) -> None:
    layout = layout_named("coco-17")
    for clip, frames in clips.items():
        positions = np.random.default_rng(frames).uniform(5, 40, (1, frames, 17, 2))
        header = store.Header("poses", "extract-pose", 1, f"{frames:064d}")
        store.write(folder / f"{clip}.h5", to_artifact(sequence(positions, layout, units="px"), header, {}, {"stage": "extract-pose"}))


def test_patches__around_the_joints_of_a_pose_set(aqa, workspace, weights, videos) -> None:
    _pose_set(workspace / "poses/videos", {"day/0": 12, "day/1": 13})
    code, out, err = aqa("extract-features", videos, *FAST, "--patches")
    assert (code, out.split(";")[0]) == (4, "2 done, 0 skipped, 3 failed")
    assert "has no poses of this clip" in err
    artifact = store.read(workspace / "features/videos/tiny-patches/day/0.h5")
    assert artifact.arrays["features"].shape == (1, 2, tiny.DIMENSIONS, 17)
    assert artifact.documents["provenance"]["inputs"][0]["role"] == "poses"
    code, _, err = aqa("extract-features", videos, *FAST, "--poses", "videos")
    assert code == 2
    assert "--poses is for patches, the performer's box and heat maps." in err


def test_performer__frames_are_cut_to_the_first_person(aqa, workspace, weights, videos) -> None:
    _pose_set(workspace / "poses/videos", {"day/0": 12, "day/1": 13})
    code, out, err = aqa("extract-features", videos, *FAST, "--performer")
    assert (code, out.split(";")[0]) == (4, "2 done, 0 skipped, 3 failed"), err
    assert "has no poses of this clip" in err
    whole = store.read(workspace / "features/videos/tiny-performer/day/0.h5")
    assert whole.arrays["features"].shape == (1, 2, tiny.DIMENSIONS)
    assert (whole.documents["config"]["performer"], whole.documents["config"]["performer_margin"]) == (True, 0.2)
    assert whole.documents["provenance"]["inputs"][0]["role"] == "poses"
    assert aqa("extract-features", videos, *FAST)[0] == 0
    plain = store.read(workspace / "features/videos/tiny/day/0.h5")
    assert "performer" not in plain.documents["config"]
    assert not np.array_equal(plain.arrays["features"], whole.arrays["features"])
    code, _, err = aqa("extract-features", videos, *FAST, "--performer", "--patches")
    assert (code, "the performer's box exclude each other: patches or performer" in err) == (2, True), err


def test_heatmaps__of_a_pose_set_without_any_video(aqa, workspace) -> None:
    _pose_set(workspace / "poses/squats", {"a": 5, "b": 6})
    (workspace / "poses/squats/manifest.csv").write_text("clip,score\na,1.0\nb,2.0\n")
    code, out, err = aqa("extract-features", "--backbone", "heatmaps", "--set", "heatmaps.size=8")
    assert (code, out.split(";")[0]) == (0, "2 done, 0 skipped, 0 failed"), err
    features = open_clips("squats", {"features": "heatmaps"}, RunOptions())
    [first, second] = features.load(["a", "b"])
    assert (first.features().values.shape, second.features().values.shape) == ((1, 5, 17, 8, 8), (1, 6, 17, 8, 8))
    assert first.row.number("score") == 1
    assert store.read(workspace / "features/squats/heatmaps/a.h5").arrays["features"].dtype == np.float16
    code, _, err = aqa("extract-features", ".", "--backbone", "heatmaps")
    assert code == 2
    assert "Heat maps are made of poses, not of videos." in err


def test_maps__lie_beside_the_vectors(aqa, workspace, weights, videos) -> None:
    assert aqa("extract-features", videos / "day/0.mp4", *FAST, "--pool", "none")[0] == 0
    artifact = store.read(workspace / "features/0/tiny-maps/0.h5")
    assert (artifact.arrays["features"].shape, artifact.arrays["features"].dtype) == ((1, 2, tiny.DIMENSIONS, 4, 8, 8), np.float16)


def test_dry_run__writes_nothing(aqa, workspace, weights, videos) -> None:
    code, _, err = aqa("extract-features", videos, *FAST, "--dry-run")
    assert code == 0
    assert err.count("make ") == 5
    assert not workspace.exists()


def test_missing_weights__exit_5_with_which_file_goes_where(aqa, workspace, weights, videos) -> None:
    (weights / "tiny.pt").unlink()
    code, _, err = aqa("extract-features", videos, *FAST)
    assert code == 5
    assert f"The weights tiny.pt are not in {weights}" in err
    assert f"and put it at {weights}/tiny.pt" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "No video was given."),
        (("VIDEOS", "--backbone", "i3f"), 2, "Unknown backbone 'i3f'. Did you mean"),
        (("VIDEOS", "--sampling", "evem"), 2, "Unknown sampling 'evem'. Did you mean 'even'?"),
        (("VIDEOS", "--views", "flop"), 2, "Unknown view 'flop'. Did you mean 'flip'?"),
        (("VIDEOS", "--set", "sampling.pads=loop"), 2, "Unknown key 'sampling.pads' (--set). Did you mean 'sampling.pad'?"),
        (("VIDEOS", "--patches", "--pool", "none"), 2, "patches are pooled"),
        (("VIDEOS", "--patches"), 2, "There is no pose set in the workspace."),
        (("VIDEOS", "--patches", "--poses", "gone"), 2, "There are no poses 'gone'"),
        (("VIDEOS", "--checkpoint", "gone.pt"), 3, "gone.pt do not exist"),
        (("--backbone", "heatmaps", "--patches"), 2, "heatmaps know neither patches nor performer nor pool nor views"),
        (("VIDEOS", "--name", "a/b"), 2, "--name takes a plain name, found 'a/b'."),
        (("VIDEOS", "--device", "gpu"), 2, "Unknown device 'gpu'."),
        (("gone/",), 2, "gone does not exist."),
    ],
)
def test_errors__say_what_is_wrong(aqa, workspace, weights, videos, arguments, code, message) -> None:
    backbone = () if "--backbone" in arguments else ("--backbone", "tiny")
    found, _, err = aqa("extract-features", *(videos if part == "VIDEOS" else part for part in arguments), *backbone)
    assert found == code, err
    assert message in err


def test_rule__below_file_and_flags(aqa, workspace, tmp_path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("rule: 10x16\nsampling: {pad: loop}\n")
    code, out, _ = aqa("config", "show", "extract-features", "--config", file, "--set", "sampling.step=2")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if "rule 10x16" in line]
    lines = {line.split()[0].rstrip(":"): line for line in out.splitlines() if line.startswith("sampling.")}
    assert "103" in lines["sampling.frames"]
    assert "loop" in lines["sampling.pad"]
    assert "c.yaml" in lines["sampling.pad"]
    assert "--set" in lines["sampling.step"]


@pytest.mark.slow
def test_i3d__on_a_real_video(aqa, workspace, shared, tmp_path, monkeypatch) -> None:
    import torch

    from stages.extract_features.backbones.inception_i3d import InceptionI3D

    torch.manual_seed(0)
    torch.save(InceptionI3D().state_dict(), tmp_path / "rgb_imagenet.pt")
    video = shared / "data/videos/pose_squats.mp4"
    code, out, err = aqa("extract-features", video, "--weights-dir", tmp_path, "--segments", 2, "--views", "original,still")
    assert (code, out.split(";")[0]) == (0, "1 done, 0 skipped, 0 failed"), err
    features = store.read(workspace / "features/pose_squats/i3d/pose_squats.h5").arrays["features"]
    assert features.shape == (2, 2, 1024)
    assert np.isfinite(features).all()
