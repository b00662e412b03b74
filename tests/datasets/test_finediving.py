"""FineDiving: annotations by (video, number), the split, and folders of frames with a label each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.datasets import finediving
from stages.datasets.check import check
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.video.frame import Source
from tests.datasets.trees import frames, pickled

MEN, WOMEN = "FINADivingWorldCup2021_Men3m_final_r1", "Women10m_2"
DIVES = {
    (MEN, 0): ["107B", 77.5, 3.1, [2.0, 3.0], [1, 1, 2, 2]],
    (MEN, 1): ["107B", 62.0, 3.1, np.array([1.0, 2.0]), np.array([1, 2, 2])],
    (WOMEN, 0): ["5253B", 80.0, 3.2, [], [1, 2]],
}


def labels(folder: Path, dives: object = DIVES) -> None:
    pickled(folder / "fine-grained_annotation_aqa.pkl", dives)
    pickled(folder / "train_split.pkl", [(MEN, 0), (WOMEN, 0)])
    pickled(folder / "test_split.pkl", [(MEN, 1)])


@pytest.mark.parametrize("base", ["FineDiving", "FINADiving_MTL_256s"])
def test_scan__values_split_and_frames(tmp_path: Path, base: str) -> None:
    home = tmp_path / "FineDiving"
    labels(home / "Annotations")
    clips = {
        f"{video}/{number}": Source(frames(home / base / video / str(number), count, "{:05d}.jpg", first=489))
        for video, number, count in ((MEN, 0, 4), (MEN, 1, 3), (WOMEN, 0, 2))
    }
    assert finediving.locate(tmp_path) == finediving.locate(home) == home
    found = finediving.scan(home)
    assert found.videos == clips
    assert found.problems == []
    values = {"score": 77.5, "score.execution": 25.0, "difficulty": 3.1, "dive_number": "107B", "split": "train"}
    assert found.manifest.by_clip()[f"{MEN}/0"].values == values
    report = check(finediving.ADAPTER, home, Silent())
    assert (report.frames, report.warnings) == ((2, 3, 4), 0)
    assert {count.what: (count.found, count.published) for count in report.counts if count.published} == {
        "clips": (3, 3000),
        "split=train": (2, 2251),
        "split=test": (1, 749),
    }


def test_scan__every_defect_is_named(tmp_path: Path) -> None:
    dives = {**DIVES, (WOMEN, 1): ["x", None, 3.0, [], []], ("../up", 1): ["x", 1.0, 3.0], "odd": ["x"], (WOMEN, 2): ["x", 1.0]}
    labels(tmp_path, dives)
    pickled(tmp_path / "train_split.pkl", [(MEN, 0), (MEN, 0), ("Gone", 3), 7])
    pickled(tmp_path / "test_split.pkl", [(MEN, 0), (MEN, 1)])
    frames(tmp_path / "FineDiving" / MEN / "0", 5)
    frames(tmp_path / "FineDiving" / MEN / "9", 5)
    found = finediving.scan(tmp_path)
    file = "fine-grained_annotation_aqa.pkl"
    assert found.problems == [
        f"{file}: ('../up', 1) is not a (video, number) with its annotation; left out",
        f"{file}: odd is not a (video, number) with its annotation; left out",
        f"{file}: ('{WOMEN}', 2) is not a (video, number) with its annotation; left out",
        f"{MEN}/0: listed twice; the first is used",
        "train_split.pkl: Gone/3 has no annotation",
        "train_split.pkl: 7 has no annotation",
        f"{MEN}/0: listed to train and to test; the first is used",
        f"{WOMEN}/0: in neither part of the split",
        f"{WOMEN}/1: in neither part of the split",
        f"{WOMEN}/1: no score and difficulty that are numbers: None, 3.0",
        f"{MEN}/0: 5 frames, but labels of 4",
        f"{MEN}/1: no frames",
        f"{WOMEN}/0: no frames",
        f"{WOMEN}/1: no frames",
        f"{MEN}/9: no annotation, left out",
    ]


def test_scan__labels_alone_and_a_missing_list(tmp_path: Path) -> None:
    labels(tmp_path)
    (tmp_path / "test_split.pkl").unlink()
    assert finediving.scan(tmp_path).problems == [
        "there is no test_split.pkl: the dives that test are not known",
        f"{MEN}/1: in neither part of the split",
        "labels alone: no folders of frames such as FineDiving/<video>/0/00489.jpg are there",
    ]


def test_scan__unusable(tmp_path: Path) -> None:
    assert finediving.locate(tmp_path) is None
    with pytest.raises(ArtifactError, match=r"holds no annotations of FineDiving\.\n  hint: expected FineDiving/Annotations"):
        finediving.scan(tmp_path)
    labels(tmp_path, {})
    with pytest.raises(ArtifactError, match="holds no dives"):
        finediving.scan(tmp_path)
