"""Rhythmic Gymnastics: the published lists, videos, and features in the layouts of three papers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from stages.datasets import rhythmic_gymnastics as rg
from stages.datasets.check import check
from stages.datasets.foreign import FeatureFile, load_features
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.video.frame import Source
from tests.datasets.trees import features

HEADER = "Video_Name\tDifficulty_Score    Execution_Score Total_Score\tPenalty\tVideo_length\n"
TRAIN = HEADER + "Ball_001\t10.50\t8.30\t18.80\t0.00\t92\nHoop_002\t7.20\t4.20\t10.80\t0.60\t93\n"
TEST = HEADER + "Ball_022\t9.10\t7.60\t16.70\t0.00\t91\n"


def lists(folder: Path, train: str = TRAIN, test: str = TEST) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.txt").write_text(train)
    (folder / "test.txt").write_text(test)
    return folder


def test_real__four_times_200_and_50_without_any_problem(shared: Path) -> None:
    folder = rg.locate(shared / "data/annotations")
    assert folder == shared / "data/annotations/RG"
    found = rg.scan(folder)
    counts = Counter((row.text("action"), row.text("split")) for row in found.manifest.rows)
    assert counts == {(action, part): count for action in rg.APPARATUS for part, count in (("train", 200), ("test", 50))}
    assert [problem.split(":")[0] for problem in found.problems] == ["labels alone"]
    assert max(row.number("score") for row in found.manifest.rows) <= 25


def test_scan__values_and_videos(tmp_path: Path) -> None:
    home = lists(tmp_path / "RG_public" / "data").parent
    (home / "videos").mkdir()
    for name in ("Ball_001.mp4", "Hoop_002.mp4", "Hoop_002.avi", "Clubs_777.mp4", "readme.txt"):
        (home / "videos" / name).write_bytes(b"x")
    assert rg.locate(tmp_path) == home
    found = rg.scan(home)
    assert found.manifest.by_clip()["Hoop_002"].values == {
        "score": 10.8,
        "score.difficulty": 7.2,
        "score.execution": 4.2,
        "score.penalty": 0.6,
        "action": "Hoop",
        "split": "train",
    }
    assert found.videos == {
        clip: Source(home / "videos" / file) for clip, file in (("Ball_001", "Ball_001.mp4"), ("Hoop_002", "Hoop_002.avi"))
    }
    assert found.problems == [
        "Clubs_777: not in the lists of scores, left out",
        "Hoop_002: 2 recordings (Hoop_002.avi, Hoop_002.mp4), using Hoop_002.avi",
        "Ball_022: no recording in videos",
    ]


def test_scan__features_of_every_layout(tmp_path: Path) -> None:
    lists(tmp_path)
    array = np.arange(12, dtype=np.float32).reshape(4, 3)
    for clip in ("Ball_001", "Hoop_002", "Ball_022"):
        features(tmp_path / f"swintx_avg_fps25_clip32/{clip}.npy", array)
    features(tmp_path / "features/dynamic_feat/Ball_001.npy", array[0])
    features(tmp_path / "RG-feature/Ball_rgb_VST.npy", {"Ball_001": array, "Ball_022": array[:2]})
    found = rg.scan(tmp_path)
    assert {name: sorted(clips) for name, clips in found.features.items()} == {
        "swintx_avg_fps25_clip32": ["Ball_001", "Ball_022", "Hoop_002"],
        "rgb_VST": ["Ball_001", "Ball_022"],
        "dynamic_feat": ["Ball_001"],
    }
    assert found.problems == ["Hoop_002: no features rgb_VST", "Hoop_002: no features dynamic_feat", "Ball_022: no features dynamic_feat"]
    np.testing.assert_array_equal(load_features(found.features["swintx_avg_fps25_clip32"]["Ball_001"]), array)
    np.testing.assert_array_equal(load_features(found.features["rgb_VST"]["Ball_022"]), array[:2])
    assert load_features(found.features["dynamic_feat"]["Ball_001"]).shape == (1, 3)
    assert check(rg.ADAPTER, tmp_path, Silent()).frames == (1, 4, 4)


def test_load_features__errors(tmp_path: Path) -> None:
    features(tmp_path / "a.npy", {"Ball_001": np.ones((2, 3))})
    features(tmp_path / "b.npy", np.array([1.0, np.inf]))
    (tmp_path / "c.npy").write_bytes(b"no numbers")
    with pytest.raises(ArtifactError, match=r"a\.npy has no clip 'Ball_002'; it holds 1: Ball_001"):
        load_features(FeatureFile(tmp_path / "a.npy", "Ball_002"))
    with pytest.raises(ArtifactError, match=r"b\.npy: 1 values are infinite"):
        load_features(FeatureFile(tmp_path / "b.npy"))
    with pytest.raises(ArtifactError, match=r"c\.npy is not a readable \.npy file"):
        load_features(FeatureFile(tmp_path / "c.npy"))


def test_scan__every_defect_of_the_lists_is_named(tmp_path: Path) -> None:
    train = TRAIN + "Ball_001 1 1 2 0 90\nRope_001 1 1 2 0 90\nBall_003 1 x 2 0 90\nBall_004 9 9 17 0 90\n"
    lists(tmp_path, train, "Ball_001 1 1 2 0 90\n")
    assert rg.scan(tmp_path).problems == [
        "Ball_001: listed twice; the first is used",
        "train.txt, line 5: not a routine with four scores and a length: 'Rope_001 1 1 2 0 90'; left out",
        "train.txt, line 6: not a routine with four scores and a length: 'Ball_003 1 x 2 0 90'; left out",
        "Ball_004: the total 17 is not difficulty + execution - penalty = 9 + 9 - 0; the total is used",
        "Ball_001: listed to train and to test; the first is used",
        "labels alone: no videos/Ball_001.mp4 and no features such as swintx_avg_fps25_clip32/Ball_001.npy are there",
    ]


def test_locate__lists_of_another_data_set(tmp_path: Path) -> None:
    lists(tmp_path, "1 28.71 29.36 1\n", "2 28.88 27.08 1\n")
    assert rg.locate(tmp_path) is None
    with pytest.raises(ArtifactError, match=r"name no routines\.\n  hint: expected RG/train\.txt"):
        rg.scan(tmp_path)


def test_scan__one_list_is_missing(tmp_path: Path) -> None:
    lists(tmp_path)
    (tmp_path / "test.txt").unlink()
    assert rg.scan(tmp_path).problems[0] == "there is no test.txt: the routines that test are not known"
