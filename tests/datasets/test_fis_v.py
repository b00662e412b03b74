"""Fis-V: lists with and without a header, who skates, videos and features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.datasets import fis_v
from stages.datasets.check import check
from stages.datasets.foreign import load_features
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.video.frame import Source
from tests.datasets.trees import features

TRAIN = "1 28.71 29.36 1\n3 28.79 27.89 1\n"
TEST = "2 28.88 27.08 0\n"


def lists(folder: Path, train: str = TRAIN, test: str = TEST, names: str = "{}_dataset.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names.format("train")).write_text(train)
    (folder / names.format("test")).write_text(test)
    return folder


@pytest.mark.parametrize("header", ["", "Video_Name TES PCS Deduction\n"], ids=["no-header", "header"])
@pytest.mark.parametrize("names", ["{}_dataset.txt", "{}.txt"])
def test_scan__a_header_is_seen(tmp_path: Path, header: str, names: str) -> None:
    folder = lists(tmp_path / "fis-v", header + TRAIN, header + TEST, names)
    assert fis_v.locate(tmp_path) == fis_v.locate(folder) == folder
    found = fis_v.scan(folder)
    assert found.manifest.clips == ["1", "3", "2"]
    assert found.manifest.rows[0].values == {
        "score": 57.07,
        "score.tes": 28.71,
        "score.pcs": 29.36,
        "score.deductions": 1.0,
        "split": "train",
    }
    assert [problem.split(":")[0] for problem in found.problems] == ["labels alone"]


def test_scan__who_skates(tmp_path: Path) -> None:
    lists(tmp_path / "data")
    table = "number,total,tes,pcs,ded,,,\n1,57.07,28.71,29.36,1,Kaetlyn  OSMOND,2015,NHK\n2,55.96,28.8,27.08,0,Ann B,2016,WC\n501,,,,,,,\n"
    (tmp_path / "data/fs_dataset.csv").write_text(table)
    found = fis_v.scan(tmp_path)
    first = found.manifest.by_clip()["1"]
    assert (first.text("subject"), first.text("competition")) == ("Kaetlyn OSMOND", "NHK 2015")
    assert found.problems[0] == "2: fs_dataset.csv has score.tes 28.8, but 28.88 of the list is used"


def test_scan__videos_and_features(tmp_path: Path) -> None:
    lists(tmp_path)
    (tmp_path / "videos").mkdir()
    for name in ("1", "2", "600"):
        (tmp_path / f"videos/{name}.mp4").write_bytes(b"x")
    array = np.ones((5, 4), np.float32)
    features(tmp_path / "c3d_feat/1.npy", array)
    (tmp_path / "c3d_feat/1.npy").rename(tmp_path / "c3d_feat/1.binary")
    features(tmp_path / "Fis-feature/FISV_flow_I3D.npy", {1: array, "2": array, "3": array})
    found = fis_v.scan(tmp_path)
    assert found.videos == {clip: Source(tmp_path / f"videos/{clip}.mp4") for clip in ("1", "2")}
    assert {name: set(clips) for name, clips in found.features.items()} == {"c3d_feat": {"1"}, "flow_I3D": {"1", "2", "3"}}
    assert load_features(found.features["c3d_feat"]["1"]).shape == (5, 4)
    assert load_features(found.features["flow_I3D"]["1"]).shape == (5, 4)
    assert found.problems == [
        "600: not in the lists of scores, left out",
        "3: no recording in videos",
        "3: no features c3d_feat",
        "2: no features c3d_feat",
    ]
    report = check(fis_v.ADAPTER, tmp_path, Silent())
    assert report.usable
    assert [line.split(":")[0] for line in report.unreadable] == ["1", "2"]


def test_scan__every_defect_of_the_lists_is_named(tmp_path: Path) -> None:
    lists(tmp_path, TRAIN + "1 2 3 0\n4 x 3 0\n5 999 3 0\n6 20\n", "3 1 1 0\n7 20 21\n")
    found = fis_v.scan(tmp_path)
    assert found.problems[:5] == [
        "1: listed twice; the first is used",
        "train_dataset.txt, line 4: not a number with TES, PCS and deductions: '4 x 3 0'; left out",
        "train_dataset.txt, line 5: not a number with TES, PCS and deductions: '5 999 3 0'; left out",
        "train_dataset.txt, line 6: not a number with TES, PCS and deductions: '6 20'; left out",
        "3: listed to train and to test; the first is used",
    ]
    assert np.isnan(found.manifest.by_clip()["7"].number("score"))


def test_locate__nothing_or_another_data_set(tmp_path: Path, shared: Path) -> None:
    assert fis_v.locate(shared / "data/annotations") is None
    with pytest.raises(ArtifactError, match=r"name no programmes\.\n  hint: expected Fis-V/train_dataset\.txt"):
        fis_v.scan(tmp_path)
