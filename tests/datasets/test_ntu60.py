"""NTU RGB+D: a small tree in the published layout, defects included, and the real clip."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stages.artifacts import store
from stages.datasets import ntu60
from stages.datasets.check import check
from stages.datasets.registry import adapter_for
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.skeletons.layouts import KINECT_25
from stages.video.opencv import cv2
from tests.datasets import trees
from tests.small import clip as moving


def skeleton(file: Path, quality: float = 0.5, bodies: int = 1) -> None:
    """Write one person who raises the arms."""
    file.parent.mkdir(parents=True, exist_ok=True)
    frames = moving(quality, 12, 0, KINECT_25)[0]
    lines = [str(len(frames))]
    for joints in frames:
        lines.append(str(bodies))
        for body in range(bodies):
            lines += [f"7205759{body} 0 1 1 1 1 0 0.01 0.02 2", "25", *(f"{x:.5f} {y:.5f} {z:.5f} 0 0 0 0 0 0 0 0 2" for x, y, z in joints)]
    file.write_text("\n".join(lines) + "\n")


def name(person: int, action: int, camera: int = 1) -> str:
    return f"S001C{camera:03d}P{person:03d}R001A{action:03d}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for person in (1, 2, 3, 6):
        for action in (1, 2):
            for camera in (1, 2):
                skeleton(tmp_path / f"nturgb+d_skeletons/{name(person, action, camera)}.skeleton", 0.9 if action == 2 else 0.2)
    return tmp_path


def test_scan__names_hold_the_labels(root: Path) -> None:
    found = ntu60.scan(root)
    assert found.manifest.by_clip()[name(3, 2, 2)].values == {
        "setup": "S001",
        "view": "C002",
        "subject": "P003",
        "repetition": "R001",
        "action": "A002",
        "moment": "S001P003R001A002",
    }
    assert found.problems == [f"S001P{person:03d}R001: 176 of 180 clips of this session are not there" for person in (1, 2, 3, 6)]


def test_scan__every_clip_that_a_nearly_whole_session_lacks_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "nturgb+d_skeletons"
    folder.mkdir()
    for action in range(1, 61):
        for camera in (1, 2, 3):
            (folder / f"{name(1, action, camera)}.skeleton").write_text("")
    (folder / f"{name(1, 7, 2)}.skeleton").unlink()
    (folder / f"{name(1, 60, 3)}.skeleton").unlink()
    assert ntu60.scan(tmp_path).problems == [f"{clip}: neither skeletons nor video" for clip in (name(1, 7, 2), name(1, 60, 3))]


def test_scan__videos_missing_files_and_other_names(root: Path) -> None:
    (root / "nturgb+d_rgb").mkdir()
    (root / f"nturgb+d_rgb/{name(1, 1)}_rgb.avi").write_bytes(b"")
    (root / f"nturgb+d_rgb/{name(8, 1)}_rgb.avi").write_bytes(b"")
    (root / "nturgb+d_skeletons/copy of S001.skeleton").write_text("")
    (root / "nturgb+d_skeletons/S001C001P001R001A061.skeleton").write_text("")
    (root / "nturgb+d_skeletons/S018C001P041R001A001.skeleton").write_text("")
    (root / "NTU_RGBD_samples_with_missing_skeletons.txt").write_text(f"{name(1, 2)}\n{name(9, 1)}\n")
    found = ntu60.scan(root)
    assert set(found.videos) == {name(1, 1), name(8, 1)}
    assert name(1, 2) not in found.sources
    assert name(1, 2) in found.manifest.clips
    assert [problem for problem in found.problems if "session" not in problem and "no colour" not in problem] == [
        "copy of S001.skeleton: not a name of the form SsssCcccPpppRrrrAaaa, left out",
        "2 skeleton file(s) of NTU RGB+D 120 or of no known setup, camera, person or action are left out",
        f"{name(1, 2)}: listed by the authors as without usable skeletons, left out",
        f"{name(8, 1)}: no skeleton file",
    ]
    assert sum("no colour video" in problem for problem in found.problems) == 15


def test_scan__masked_depth_in_place_of_colour(root: Path) -> None:
    trees.frames(root / f"nturgb+d_depth_masked/{name(1, 1)}", 3, name="MDepth-{:08d}.png")
    adapter = adapter_for("ntu60-depth")
    found = adapter.scan(root)
    assert {clip: source.path.parent.name for clip, source in found.videos.items()} == {name(1, 1): "nturgb+d_depth_masked"}


def test_scan__densepose_maps_in_place_of_colour(root: Path) -> None:
    trees.frames(root / f"nturgb+d_densepose/{name(1, 1)}", 3)
    found = adapter_for("ntu60-densepose").scan(root)
    assert {clip: source.path.parent.name for clip, source in found.videos.items()} == {name(1, 1): "nturgb+d_densepose"}
    assert found.manifest.name == "ntu60-densepose"
    assert f"{name(1, 2)}: no folder of DensePose maps" in found.problems
    with pytest.raises(ArtifactError) as error:
        adapter_for("ntu60-densepose").scan(root / "nturgb+d_densepose")
    assert "nturgb+d_densepose/S001C001P001R001A001/img_00001.png" in str(error.value.hint)


def test_pretrain__pairs_are_performances_before_the_training_cameras(aqa, workspace: Path, tmp_path: Path) -> None:
    for person in (1, 2):
        for camera in (1, 2, 3):
            for number in (1, 2, 3):
                path = tmp_path / f"data/nturgb+d_densepose/{name(person, 1, camera)}/img_{number:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                picture = np.zeros((16, 16, 3), np.uint8)
                picture[4 : 8 + number, 4 + person : 8 + camera] = (camera, 90, 180)
                cv2().imwrite(str(path), picture)
    maps = ("extract-maps", "--dataset", "ntu60-densepose", "--data-root", tmp_path / "data", "--source", "pictures", "--size", 16)
    code, _, err = aqa(*maps)
    assert code == 0, err
    sizes = ("--set", "settings.encoder_settings={width: 2, features: 6}", "--epochs", 1)
    learn = ("pretrain", "--method", "u-vi", "--set", "settings.pairs=clips", *sizes)
    code, _, err = aqa(*learn, "--protocol", "ntu60/cross-view")
    assert code == 0, err
    seen = store.read(workspace / "encoders/u-vi/cross-view.h5").documents["training"]["clips"]
    assert {clip[4:8] for clip in seen} == {"C002", "C003"}
    code, _, err = aqa(*learn, "--where", "view=C001", "--name", "alone")
    assert (code, "so none are synchronous" in err) == (2, True)


def test_scan__nothing_usable(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no clips"):
        ntu60.scan(tmp_path)
    assert ntu60.locate(tmp_path) is None


def test_check__a_file_without_bodies_is_named(root: Path) -> None:
    skeleton(root / f"nturgb+d_skeletons/{name(1, 1)}.skeleton", bodies=0)
    report = check(ntu60.ADAPTER, root, Silent())
    assert report.usable
    assert len(report.unreadable) == 1
    assert report.unreadable[0].startswith(f"{name(1, 1)}: ")


@pytest.mark.parametrize(("protocol", "fold"), [("ntu60/cross-subject", "cross-subject"), ("cross-view", "cross-view")])
def test_whole_path__import_finetune_evaluate(aqa, workspace: Path, root: Path, protocol: str, fold: str) -> None:
    assert aqa("import-poses", "--dataset", "NTU-60", "--data-root", root)[0] == 0
    sizes = ["--set", "settings.encoder_settings={width: 8, blocks: 2}", "--set", "settings.input.frames=8"]
    code, _, err = aqa(
        "finetune",
        "--task",
        "action",
        "--protocol",
        protocol,
        "--method",
        "knn-probe",
        "--init",
        "none",
        *sizes,
        "--set",
        "settings.neighbours=1",
    )
    assert code == 0, err
    assert (workspace / f"models/ntu60-knn-probe/{fold}/0.h5").is_file()
    code, _, err = aqa("evaluate")
    assert code == 0, err
    metrics = json.loads((workspace / "evaluations/ntu60-knn-probe/metrics.json").read_text())
    assert metrics["overall"]["accuracy"]["value"] > 0.9


def test_real__the_clip(shared: Path) -> None:
    folder = ntu60.locate(shared / "data")
    assert folder == shared / "data/ntu"
    found = ntu60.scan(folder)
    assert list(found.sources) == list(found.videos) == ["S001C001P001R001A001"]
    poses = ntu60.load_poses(found.sources["S001C001P001R001A001"])
    assert poses.positions.shape == (1, 103, 25, 3)
    assert np.isfinite(poses.positions).mean() > 0.99
