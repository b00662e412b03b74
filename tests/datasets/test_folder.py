"""Any folder with a manifest: videos with windows, folders of frames, pose files and features, each named by its row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.datasets import folder
from stages.datasets.check import check
from stages.datasets.foreign import FeatureFile, load_features
from stages.datasets.registry import find_folder
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.skeletons.layouts import COCO_17
from stages.video.frame import Source
from tests.datasets.trees import features, frames, pickled

JOINTS = COCO_17.joints
POSES = "\n".join(
    [",".join(["frame", *(f"{joint}_{axis}" for joint in JOINTS for axis in "xy")]), *(f"{frame}" + ",1,2" * 17 for frame in (0, 1))]
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "anna").mkdir()
    for name in ("anna/1.mp4", "long.mp4", "stray.mp4", "twin.mp4", "twin.avi"):
        (tmp_path / name).write_bytes(b"x")
    frames(tmp_path / "ben", 4)
    features(tmp_path / "anna/2.npy", np.ones((3, 5)))
    np.savez(tmp_path / "carl.npz", positions=np.ones((4, 17, 2)), joints=JOINTS)
    np.savez(tmp_path / "dora.npz", features=np.ones((2, 5)))
    (tmp_path / "elsa.csv").write_text(POSES)
    rows = [
        "anna/1,7,,,",
        "part,6,long.mp4,1.5,3",
        "ben,5,,,",
        "anna/2,4,,,",
        "carl,3,,,",
        "dora,2,,,",
        "elsa,1,,,",
        "gone,,,,",
        "twin,1,,,",
    ]
    (tmp_path / "manifest.csv").write_text("clip,score,video,start,end\n" + "\n".join(rows) + "\n")
    return tmp_path


def test_scan__recordings_of_every_kind_and_every_problem(home: Path) -> None:
    found = folder.scan(home)
    assert found.videos == {
        "anna/1": Source(home / "anna/1.mp4"),
        "part": Source(home / "long.mp4", 1.5, 3.0),
        "ben": Source(home / "ben"),
    }
    assert {name: set(clips) for name, clips in found.features.items()} == {"features": {"anna/2", "dora"}}
    assert {clip: recording.format for clip, recording in found.sources.items()} == {"carl": "npz", "elsa": "csv"}
    assert found.manifest.by_clip()["anna/1"].number("score") == 7
    assert [problem.split(": ")[0] for problem in found.problems] == ["gone", "twin", "stray.mp4", "twin.avi", "twin.mp4"]
    assert found.problems[0] == f"gone: no video, pose file or features of that name in {home}"
    assert "several videos are called 'twin'" in found.problems[1]
    assert found.problems[2] == "stray.mp4: no row of manifest.csv names it, left out"


def test_load__features_and_poses(home: Path) -> None:
    found = folder.scan(home)
    assert load_features(found.features["features"]["dora"]).shape == (2, 5)
    assert load_features(FeatureFile(home / "anna/2.npy")).shape == (3, 5)
    assert folder.load_poses(found.sources["elsa"]).frames == 2
    assert folder.load_poses(found.sources["carl"]).frames == 4


def test_check__is_usable_with_what_can_be_read(home: Path) -> None:
    report = check(folder.ADAPTER, home, Silent())
    assert report.usable
    assert [line.split(":")[0] for line in report.unreadable] == ["anna/1", "part"]


def test_scan__poses_that_are_no_single_clip(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("clip\nmany\nodd\nkeys\n")
    (tmp_path / "odd.json").write_text("[]")
    (tmp_path / "keys.h5").write_bytes(b"no hdf5")
    pickle_of_two = [{"frame_dir": name, "keypoint": np.ones((1, 2, 17, 2)), "total_frames": 2, "label": 0} for name in "ab"]
    pickled(tmp_path / "many.pkl", pickle_of_two)
    found = folder.scan(tmp_path)
    assert found.problems[0] == "odd: odd.json has none of the known formats of poses"
    assert found.problems[1].startswith("keys: keys.h5")
    with pytest.raises(ArtifactError, match=r"many\.pkl holds 2 clips, expected one\.\n  hint: aqa import-poses many\.pkl"):
        folder.load_poses(found.sources["many"])


def test_locate__manifest_or_the_only_table(tmp_path: Path) -> None:
    assert folder.locate(tmp_path) is None
    with pytest.raises(ArtifactError, match=r"folder was not found under .*\n  hint: expected manifest\.csv, or a single CSV file"):
        find_folder(folder.ADAPTER, tmp_path)
    with pytest.raises(ArtifactError, match="holds no manifest"):
        folder.scan(tmp_path)
    (tmp_path / "labels.csv").write_text("clip,score\na,1\n")
    assert folder.locate(tmp_path) == tmp_path
    assert folder.scan(tmp_path).manifest.clips == ["a"]
    (tmp_path / "more.csv").write_text("clip\na\n")
    assert folder.locate(tmp_path) is None
    (tmp_path / "manifest.csv").write_text("clip\nb\n")
    assert folder.scan(tmp_path).manifest.clips == ["b"]


def test_command__export_and_check(aqa, home: Path, tmp_path: Path, workspace) -> None:
    code, out, _ = aqa("datasets", "export", "folder", "--data-root", home, "-o", tmp_path / "out.csv")
    assert (code, out) == (0, f"7 clips in {tmp_path / 'out.csv'}\n")
    (tmp_path / "out.csv").unlink()
    code, out, _ = aqa("datasets", "check", "folder", "--data-root", home)
    assert code == 0
    assert "recordings" in out
    (home / "manifest.csv").write_text("clip,score\na,x\na,1\n")
    code, _, err = aqa("datasets", "check", "folder", "--data-root", home)
    assert code == 3
    assert "line 2: score must be a number, found 'x'" in err
    assert "duplicate clip id 'a'" in err
