"""MMFS-63 in the layout of skeleton networks' data: arrays and pickled lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.datasets import mmfs_63
from stages.datasets.check import Count, check
from stages.datasets.registry import inputs_of
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.skeletons.layouts import COCO_17
from tests.datasets import trees
from tests.small import clip as moving

COUNTS = {"train": 12, "test": 6}


def skater(quality: float, seed: int, frames: int = 12, padded: int = 20) -> np.ndarray:
    """One clip (3, T, 17, 1), zeros at the end."""
    array = np.zeros((3, padded, 17, 1), np.float32)
    array[:2, :frames, :, 0] = 100 + 50 * moving(quality, frames, seed, COCO_17)[0, :, :, :2].transpose(2, 0, 1)
    array[2, :frames] = 0.9
    return array


@pytest.fixture
def root(tmp_path: Path) -> Path:
    home = tmp_path / "MMFS-63"
    for part, count in COUNTS.items():
        qualities = np.linspace(0.1, 1, count)
        trees.features(home / f"{part}_data.npy", np.stack([skater(quality, number) for number, quality in enumerate(qualities)]))
        trees.pickled(home / f"{part}_label.pkl", [number % 2 for number in range(count)])
        trees.pickled(home / f"{part}_score.pkl", [float(10 * quality) for quality in qualities])
        trees.pickled(home / f"{part}_name.pkl", [f"{part[0]}{number}" for number in range(count)])
    return tmp_path


def scan(root: Path):
    folder = mmfs_63.locate(root)
    assert folder == root / "MMFS-63"
    return mmfs_63.scan(folder)


def test_scan__labels_scores_names_and_split(root: Path) -> None:
    found = scan(root)
    assert found.problems == []
    assert len(found.manifest) == 18
    assert found.manifest.by_clip()["test/t5"].values == {"split": "test", "action": "1", "score": 10.0}


def test_load__padding_is_cut_and_unseen_joints_are_missing(root: Path) -> None:
    file = root / "MMFS-63/train_data.npy"
    data = np.load(file)
    data[3, :, 2, 5] = 0
    np.save(file, data)
    recording = scan(root).sources["train/t3"]
    poses = mmfs_63.load_poses(recording)
    assert (poses.positions.shape, poses.layout.name, poses.units) == ((1, 12, 17, 2), "coco-17", "px")
    assert np.isnan(poses.positions[0, 2, 5]).all()
    np.testing.assert_array_equal(poses.positions[0, 0], data[3, :2, 0, :, 0].T)
    assert poses.confidence[0, 0, 0] == pytest.approx(0.9)


def test_recording__is_its_row_and_the_content_of_its_file_wherever_that_lies(root: Path) -> None:
    first = scan(root).sources
    (root / "MMFS-63").rename(root / "MMFS")
    second = mmfs_63.scan(root / "MMFS").sources
    assert {clip: inputs_of(recording) for clip, recording in first.items()} == {
        clip: inputs_of(recording) for clip, recording in second.items()
    }
    assert len({str(inputs_of(recording)) for recording in first.values()}) == 18


def test_scan__everything_odd_is_named(root: Path) -> None:
    home = root / "MMFS-63"
    trees.pickled(home / "train_score.pkl", [1.0] * 11 + ["high"])
    trees.pickled(home / "train_name.pkl", ["a", "a", *(f"n{number}" for number in range(10))])
    trees.pickled(home / "test_score.pkl", [1.0] * 5)
    (home / "test_label.pkl").unlink()
    trees.features(home / "val_data.npy", np.zeros((1, 3, 2, 17, 1)))
    found = scan(root)
    assert found.problems == [
        "val_data.npy is left out: test_data.npy is there",
        "a: 2 times in train_name.pkl; its clips are called by their rows",
        "train/n9: the score is no number: 'high'",
        "there is no test_label.pkl",
        "test_score.pkl has 5 entries for 6 clips and is not used",
    ]
    assert {"train/00000", "train/00001", "train/n0"} <= set(found.sources)


def test_scan__pairs_of_names_and_labels_and_pickles_of_arrays(root: Path) -> None:
    home = root / "MMFS-63"
    (home / "train_name.pkl").unlink()
    trees.pickled(home / "train_label.pkl", ([f"x/{number}" for number in range(12)], np.arange(12)))
    trees.pickled(home / "train_score.pkl", np.arange(12.0))
    found = scan(root)
    assert found.problems == []
    assert found.manifest.by_clip()["train/x_11"].values == {"split": "train", "action": "11", "score": 11.0}


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((2, 3, 4, 16, 1)), "train: Expected 17 (coco-17), 18 (openpose-18), 25 (openpose-25) joints, found 16."),
        (np.zeros((2, 3, 4, 17)), "train: train_data.npy: expected numbers (N, 2 or 3, T, V, M), found float64 (2, 3, 4, 17)."),
        (np.zeros(3, dtype=object), "train: train_data.npy is not a readable NumPy array of numbers (ValueError)."),
    ],
    ids=["joints", "axes", "objects"],
)
def test_scan__an_array_that_cannot_be_read_leaves_the_other_part(root: Path, array: np.ndarray, expected: str) -> None:
    trees.features(root / "MMFS-63/train_data.npy", array)
    found = scan(root)
    assert found.problems == [expected]
    assert {row.text("split") for row in found.manifest.rows} == {"test"}


def test_scan__refuses_pickles_that_would_run(root: Path) -> None:
    trees.pickled(root / "MMFS-63/train_score.pkl", Path("x"))
    assert any("train_score.pkl is refused" in problem for problem in scan(root).problems)


def test_scan__nothing_usable(root: Path) -> None:
    for part in COUNTS:
        (root / f"MMFS-63/{part}_data.npy").write_bytes(b"nothing")
    with pytest.raises(ArtifactError, match=r"holds no clips.(.|\n)*test_data.npy is not a readable NumPy array"):
        scan(root)


def test_check__counts_and_clips_without_joints(root: Path) -> None:
    file = root / "MMFS-63/test_data.npy"
    data = np.load(file)
    data[2] = 0
    np.save(file, data)
    report = check(mmfs_63.ADAPTER, root / "MMFS-63", Silent())
    assert Count("split=train", 12, 3959) in report.counts
    assert report.unreadable == ("test/t2: test_data.npy, row 2 holds no joints (all numbers are zero).",)
    assert report.frames == (12, 12, 12)
