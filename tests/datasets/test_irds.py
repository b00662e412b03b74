"""IntelliRehabDS: labels in file names, the sensor's own clock, and files that need repair."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from stages.datasets import irds
from stages.datasets.irds import Recording
from stages.errors import ArtifactError


def line(number: int, time: int, body: int = 5, state: str = "Tracked", x: float = 0.5) -> str:
    joints = ",".join(f"({name},{state},{x},{joint},2.0,100.5,-Infinity)" for joint, name in enumerate(irds.JOINTS))
    return f"{number},{body},{time},{joints}\n"


def load(folder: Path, *lines: str):
    file = folder / "101_18_0_1_1_stand.txt"
    file.write_text("Version0.1\n" + "".join(lines))
    return irds.load_poses(Recording(file))


def test_scan__labels_are_in_the_name(tmp_path: Path) -> None:
    folder = tmp_path / "SkeletonData" / "RawData"
    folder.mkdir(parents=True)
    for name in ("203_18_4_7_2_stand-frame", "101_18_0_1_1_Chair", "101_18_9_1_1_stand", "notes"):
        (folder / f"{name}.txt").write_text("")
    assert irds.locate(tmp_path) == irds.locate(folder) == folder
    found = irds.scan(folder)
    assert found.manifest.by_clip()["203_18_4_7_2_stand-frame"].values == {
        "label": "incorrect",
        "subject": "203",
        "action": "g4",
        "position": "stand-frame",
        "session": "18",
        "repetition": "7",
    }
    assert found.manifest.by_clip()["101_18_0_1_1_Chair"].text("position") == "chair"
    assert [problem.split(":")[0] for problem in found.problems] == ["101_18_9_1_1_stand.txt", "notes.txt"]


def test_scan__nothing_usable(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no repetitions"):
        irds.scan(tmp_path)
    assert irds.locate(tmp_path) is None


def test_load__joints_by_name_times_and_states(tmp_path: Path) -> None:
    poses = load(tmp_path, line(7, 1000), line(8, 1033, state="Inferred"), line(9, 1070, state="NotTracked"))
    assert poses.positions.shape == (1, 3, 25, 3)
    np.testing.assert_allclose(poses.positions[0, 0, 20], [0.5, 20, 2.0])
    np.testing.assert_allclose(poses.timestamps, [0, 0.033, 0.07])
    assert poses.confidence[0, :, 0].tolist() == [1, 0.5, 0]
    assert np.isnan(poses.positions[0, 2]).all()
    assert "defects" not in poses.clip


def test_load__joints_in_another_order(tmp_path: Path) -> None:
    head, *joints = line(1, 0).rstrip("\n").split(",(")
    poses = load(tmp_path, ",(".join([head, *reversed(joints)]) + "\n")
    np.testing.assert_array_equal(poses.positions[0, 0, :, 1], np.arange(25))


def test_load__repairs_are_noted(tmp_path: Path) -> None:
    cut = line(4, 99)[:200] + "\n"
    poses = load(tmp_path, line(1, 0), line(1, 5, body=3, x=9.0), line(2, 33), line(3, 33), cut, line(5, 132))
    assert poses.timestamps.tolist() == pytest.approx([0, 0.033, 0.132])
    assert (poses.positions[..., 0] == 0.5).all()
    assert poses.clip["defects"] == [
        "1 line(s) without 25 readable joints were dropped",
        "2 bodies: the one with most frames is used",
        "1 frame(s) whose time does not increase were dropped",
    ]


def test_load__no_frame(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no frame of 25 Kinect joints"):
        load(tmp_path, "1,2,3\n")


def test_real__twelve_files(shared: Path, tmp_path: Path) -> None:
    with tarfile.open(shared / "data/irds/irds_sample.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = irds.locate(tmp_path)
    assert folder is not None
    found = irds.scan(folder)
    assert len(found.sources) == 12
    assert {row.text("position") for row in found.manifest.rows} == {"stand", "wheelchair"}
    assert {row.text("label") for row in found.manifest.rows} == {"correct", "incorrect"}
    for source in found.sources.values():
        poses = irds.load_poses(source)
        assert 25 < poses.fps < 32
        assert "defects" not in poses.clip
        assert 0.1 < np.nanmedian(poses.positions[0, :, 3, 1] - poses.positions[0, :, 0, 1]) < 1.2  # the head is above the hips
