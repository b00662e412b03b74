"""NW-UCLA in its published layout."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from stages.datasets import nw_ucla, splits
from stages.datasets.nw_ucla import Recording
from stages.errors import ArtifactError


def write(folder: Path, name: str, frames: int = 3) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    positions = np.arange(frames * 60, dtype=float).reshape(frames, 20, 3)
    (folder / f"{name}.json").write_text(json.dumps({"file_name": name, "skeletons": positions.tolist()}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a01_s01_e00_v01", "a01_s01_e00_v03", "a12_s02_e03_v02"):
        write(tmp_path / "all_sqe", name)
    return tmp_path / "all_sqe"


def test_scan__names_hold_the_labels_and_view_3_tests(folder: Path) -> None:
    found = nw_ucla.scan(folder)
    assert found.problems == []
    assert found.manifest.by_clip()["a01_s01_e00_v03"].values == {
        "action": "a01",
        "subject": "s01",
        "view": "v03",
        "episode": "e00",
        "moment": "a01_s01_e00",
        "split": "test",
    }
    (fold,) = splits.folds(found.manifest, "official")
    assert fold.test == ("a01_s01_e00_v03",)


def test_scan__odd_names_are_problems(folder: Path) -> None:
    write(folder, "a07_s01_e00_v01")
    write(folder, "notes")
    problems = nw_ucla.scan(folder).problems
    assert [problem.split(":")[0] for problem in problems] == ["a07_s01_e00_v01.json", "notes.json"]
    assert "not a name of the form aAA_sSS_eEE_vVV" in problems[0]


def test_scan__nothing_usable(tmp_path: Path) -> None:
    write(tmp_path, "a07_s01_e00_v01")
    with pytest.raises(ArtifactError, match="holds no clips"):
        nw_ucla.scan(tmp_path)


def test_locate(folder: Path) -> None:
    assert nw_ucla.locate(folder) == nw_ucla.locate(folder.parent) == folder
    assert nw_ucla.locate(folder.parent.parent / "nothing") is None


def test_load__shape_units_and_one_frame(folder: Path) -> None:
    write(folder, "a02_s09_e04_v02", frames=1)
    poses = nw_ucla.load_poses(Recording(folder / "a02_s09_e04_v02.json"))
    assert poses.positions.shape == (1, 1, 20, 3)
    assert (poses.units, poses.origin, poses.layout.name) == ("m", "camera", "kinect-20")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "x.json is not an NW-UCLA clip: JSONDecodeError"),
        ("{}", "x.json is not an NW-UCLA clip: KeyError"),
        ('{"skeletons": [[1, 2], [3]]}', "x.json is not an NW-UCLA clip: ValueError"),
        ('{"skeletons": [[[1, 2, 3]]]}', r"x.json: expected skeletons \[T\]\[20\]\[3\], found \(1, 1, 3\)"),
        ('{"skeletons": []}', r"expected skeletons \[T\]\[20\]\[3\], found \(0,\)"),
    ],
    ids=["cut-off", "no-key", "ragged", "joints", "empty"],
)
def test_load__unreadable(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ArtifactError, match=expected):
        nw_ucla.load_poses(Recording(tmp_path / "x.json"))


def test_real__views_1_and_2(shared: Path, tmp_path: Path) -> None:
    with tarfile.open(shared / "data/nw-ucla/all_sqe_views_1_2.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = nw_ucla.locate(tmp_path)
    assert folder is not None
    found = nw_ucla.scan(folder)
    assert len(found.sources) == 1020
    assert found.problems == []
    assert {row.text("action") for row in found.manifest.rows} == set(nw_ucla.ACTIONS)
    assert len({row.text("subject") for row in found.manifest.rows}) == 10
    assert nw_ucla.load_poses(found.sources["a02_s09_e04_v02"]).frames == 1
