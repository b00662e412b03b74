"""AQA-7: both units of score, every place of lists and clips, and the published statistics."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from stages.datasets import aqa_7, aqa_7_trampoline
from stages.datasets.check import Count, check
from stages.datasets.registry import resolve_name
from stages.engine.progress import Silent
from stages.engine.targets import Target, TargetConfig
from stages.errors import ArtifactError
from stages.video.frame import Source
from tests.datasets.trees import frames, matrix

TRAIN = [[1, 3, 84.15], [1, 7, 70.0], [2, 1, 15.2], [3, 2, 40.0], [4, 2, 41.5], [5, 9, 80.0], [6, 1, 75.6]]
TEST = [[1, 5, 60.0], [2, 4, 14.0]]
DEVIATIONS = {
    "diving": 13.9535,
    "gym_vault": 0.8547,
    "ski_big_air": 11.7017,
    "snowboard_big_air": 12.9717,
    "sync_diving_3m": 14.5913,
    "sync_diving_10m": 15.1862,
}
"""Of the published training scores, dividing by N."""


def lists(folder: Path, train: list = TRAIN, test: list = TEST, file: str = "split_4_{}_list.mat") -> None:
    for part, rows in (("train", train), ("test", test)):
        matrix(folder / file.format(part), f"consolidated_{part}_list", np.asarray(rows, dtype=float))


@pytest.fixture(scope="module")
def real(shared: Path) -> Path:
    return shared / "data/annotations/AQA-7"


def test_real__published_counts_without_any_problem(real: Path) -> None:
    assert aqa_7.locate(real.parent) == aqa_7.locate(real) == real
    report = check(aqa_7.ADAPTER, real, Silent())
    assert {count.what: count.found for count in report.counts if count.published is not None} == dict(aqa_7.ADAPTER.published)
    assert (report.counts[0], Count("split=train", 803, 803) in report.counts) == (Count("clips", 1106, 1106), True)
    assert report.problems == ("labels alone: no folder of clips such as diving-out/001/img_00001.jpg is there",)
    assert not report.usable


def test_real__class_deviations_of_the_training_split(real: Path) -> None:
    rows = [row for row in aqa_7.scan(real).manifest.rows if row.text("split") == "train"]
    target = Target.fit(rows, TargetConfig(scaling="class-std"))
    assert dict(zip(target.groups, target.scale.round(4).tolist(), strict=True)) == DEVIATIONS


def test_real__a_copy_with_scores_times_100_is_recognised(real: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        rows = scipy.io.loadmat(real / f"split_4_{part}_list.mat")[f"consolidated_{part}_list"]
        matrix(tmp_path / f"consolidated_{part}_list.mat", f"consolidated_{part}_list", rows * [1, 1, 100])
    found = aqa_7.scan(tmp_path)
    assert found.manifest == aqa_7.scan(real).manifest
    assert found.problems[0] == "consolidated_train_list.mat: the scores are × 100 (up to 10488); they are divided by 100"
    assert found.problems[1].startswith("consolidated_test_list.mat: the scores are × 100")


@pytest.mark.parametrize(
    ("home", "place", "clips"),
    [
        ("AQA-7", "Split_4", "diving-out"),
        ("AQA-7", "Split_4", "data/diving-out"),
        ("AQA-7/data", "Split_4", "diving-out"),
        ("AQA_7", "info", "frames/diving-out"),
        ("aqa7", "", "diving_v1_samples_lstm_103/frames"),
        ("AQA_dataset", "Split_4", "Diving_raw"),
    ],
    ids=["zip", "data", "data-as-root", "tpt", "parmar", "raw"],
)
def test_scan__lists_and_frames_of_every_layout(tmp_path: Path, home: str, place: str, clips: str) -> None:
    base = tmp_path / home
    lists(base / place)
    clip = frames(base / clips / "003", 3)
    root = tmp_path if home.count("/") == 0 else tmp_path / home
    folder = aqa_7.locate(root)
    assert folder == base
    found = aqa_7.scan(folder)
    assert found.videos == {"diving/003": Source(clip)}
    assert len(found.manifest) == 9
    assert found.manifest.by_clip()["diving/003"].values == {"score": 84.15, "action": "diving", "split": "train"}


def test_scan__every_defect_is_named(tmp_path: Path) -> None:
    lists(tmp_path / "Split_4", [*TRAIN, [1, 3, 50.0], [7, 1, 10.0], [1, 2.5, 10.0], [1, 8, float("nan")]], [*TEST, [1, 7, 1.0]])
    lists(tmp_path, TRAIN, [[1, 5, 61.0], [2, 4, 14.0]])
    frames(tmp_path / "diving-out/003", 2)
    frames(tmp_path / "diving-out/099", 2)
    frames(tmp_path / "diving-out/notes", 1)
    (tmp_path / "diving-out/7.avi").write_bytes(b"x")
    (tmp_path / "diving-out/007.avi").write_bytes(b"x")
    (tmp_path / "data/diving-out").mkdir(parents=True)
    found = aqa_7.scan(tmp_path)
    assert found.problems == [
        f"split_4_train_list.mat differs from {Path('Split_4/split_4_train_list.mat')}, which is used",
        "diving/003: listed twice; the first, 84.15, is used",
        "split_4_train_list.mat, row 9: not a class from 1 to 6, a number and a score: 7, 1, 10; left out",
        "split_4_train_list.mat, row 10: not a class from 1 to 6, a number and a score: 1, 2.5, 10; left out",
        "split_4_train_list.mat, row 11: not a class from 1 to 6, a number and a score: 1, 8, nan; left out",
        f"split_4_test_list.mat differs from {Path('Split_4/split_4_test_list.mat')}, which is used",
        "diving/007: listed to train and to test; the first, 70, is used",
        f"diving: {tmp_path / 'data/diving-out'} is another folder of its clips and is not read",
        "diving: 'notes' in diving-out is not numbered and is left out",
        "diving/007: 2 recordings (007.avi, 7.avi), using 007.avi",
        "diving/005: no recording in diving-out",
        "diving/099: not in the lists of scores, left out",
        "gym_vault: 2 clips, but no folder of them",
        "ski_big_air: 1 clips, but no folder of them",
        "snowboard_big_air: 1 clips, but no folder of them",
        "sync_diving_3m: 1 clips, but no folder of them",
        "sync_diving_10m: 1 clips, but no folder of them",
    ]
    report = check(aqa_7.ADAPTER, tmp_path, Silent())
    assert report.usable
    assert report.unreadable[0].startswith("diving/007: ")


def test_scan__one_list_is_missing_or_both(tmp_path: Path) -> None:
    frames(tmp_path / "AQA-7/diving-out/003", 2)
    assert aqa_7.locate(tmp_path) == tmp_path / "AQA-7"
    with pytest.raises(ArtifactError, match=r"has no list of AQA-7's scores\.\n  hint: expected Split_4/split_4_train_list\.mat"):
        aqa_7.scan(tmp_path / "AQA-7")
    matrix(tmp_path / "AQA-7/split_4_train_list.mat", "consolidated_train_list", np.asarray(TRAIN))
    found = aqa_7.scan(tmp_path / "AQA-7")
    assert found.problems[0] == "there is no Split_4/split_4_test_list.mat: the clips that test are not known"
    assert {row.text("split") for row in found.manifest.rows} == {"train"}


def test_trampoline__is_a_set_of_its_own(tmp_path: Path) -> None:
    lists(tmp_path / "Split_4")
    clip = frames(tmp_path / "trampoline-out/001", 2)
    frames(tmp_path / "diving-out/003", 2)
    assert resolve_name("aqa7-trampoline") == "aqa-7-trampoline"
    assert "trampoline/001" not in aqa_7.scan(tmp_path).manifest.clips
    assert aqa_7_trampoline.locate(tmp_path) == tmp_path
    found = aqa_7_trampoline.scan(tmp_path)
    assert found.videos == {"trampoline/001": Source(clip)}
    assert found.manifest.rows[0].values == {"action": "trampoline"}
    with pytest.raises(ArtifactError, match="holds no trampoline clips"):
        aqa_7_trampoline.scan(tmp_path / "Split_4")


def test_command__check_and_export_of_labels_alone(aqa, real: Path, tmp_path: Path, workspace) -> None:
    code, out, err = aqa("datasets", "check", "aqa7", "--data-root", real.parent)
    assert code == 3
    assert re.search(r"action=sync_diving_10m split=test +28  of 28 published", out)
    assert "no recording can be read.\n  hint: expected AQA-7/Split_4" in err
    code, out, _ = aqa("datasets", "export", "AQA-7", "--data-root", real.parent, "-o", tmp_path / "m.csv")
    assert (code, out) == (0, f"1106 clips in {tmp_path / 'm.csv'}\n")
    assert (tmp_path / "m.csv").read_text().splitlines()[:2] == ["clip,score,action,split", "diving/054,84.15,diving,train"]
