"""UNLV-Dive: scores, split and difficulty put together from AQA-7, the authors' matrices and MTL-AQA."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from stages.datasets import aqa_7, unlv_dive
from stages.datasets.unlv_dive import CLIPS, FIRST, NOT_HERE
from stages.errors import ArtifactError
from stages.video.frame import Source
from tests.datasets.trees import frames, matrix, pickled

EVENTS = {3: 73, 2: 108, 1: 192}
SCORES = np.arange(1, CLIPS + 1) / 4 + 10
DIFFICULTIES = np.where(np.arange(CLIPS) % 2, 3.2, 3.0)


def authors(folder: Path) -> None:
    matrix(folder / "diving_overall_scores.mat", "overall_scores", SCORES[:, None])
    matrix(folder / "diving_difficulty_level.mat", "difficulty_level", DIFFICULTIES[:, None])
    matrix(folder / "split_300_70/training_idx.mat", "training_idx", [range(1, 301)])
    matrix(folder / "split_300_70/testing_idx.mat", "testing_idx", [range(301, 371)])


def release(folder: Path) -> None:
    """Write MTL-AQA's part: annotations with the two dives more, lists that count past them."""
    keys = [(event, dive) for event in (3, 2, 1) for dive in range(1, EVENTS[event] + 1) if (event, dive) != (1, 64)]
    numbers = iter(range(CLIPS))
    facts = {}
    for key in keys:
        index = None if key in NOT_HERE else next(numbers)
        facts[key] = {"final_score": 1.0 if index is None else SCORES[index], "difficulty": 9.9 if index is None else DIFFICULTIES[index]}
    counted = [(event, number - FIRST[event] + 1) for number in range(1, CLIPS + 1) for event in [event_of(number)]]
    pickled(folder / "final_annotations_dict.pkl", facts)
    for part, pairs in (("train", counted[:300]), ("test", counted[300:])):
        pickled(folder / f"{part}_split_370_4.pkl", [(np.uint8(event), np.uint8(dive)) for event, dive in pairs])
        pickled(folder / f"{part}_split_0.pkl", [(3, 1)])


def event_of(number: int) -> int:
    return next(event for event in (1, 2, 3) if number >= FIRST[event])


def test_real__class_1_of_aqa_7_with_the_difficulty_of_mtl_aqa(shared: Path) -> None:
    folder = unlv_dive.locate(shared / "data/annotations")
    assert folder == shared / "data/annotations"
    found = unlv_dive.scan(folder)
    rows = found.manifest.by_clip()
    assert {part: sum(row.text("split") == part for row in rows.values()) for part in ("train", "test")} == {"train": 300, "test": 70}
    dives = {row.clip.removeprefix("diving/"): row for row in aqa_7.scan(folder / "AQA-7").manifest.where(["action=diving"]).rows}
    assert {clip: (row.number("score"), row.text("split")) for clip, row in rows.items()} == {
        clip: (row.number("score"), row.text("split")) for clip, row in dives.items()
    }
    assert found.problems[:2] == [
        "073: final_annotations_dict_with_dive_number.pkl says 88.3, but 88.2 is used",
        "345: final_annotations_dict_with_dive_number.pkl says 67.2, but 67.3 is used",
    ]
    published = np.load(shared / "data/unlv-dive/p3d_train.npz", allow_pickle=False)
    for number, score, difficulty in zip(published["video_id"], published["score"], published["difficulty"], strict=True):
        row = rows[f"{number:03d}"]
        assert (row.number("score"), row.number("difficulty")) == (score, difficulty)
        assert row.number("score.execution") == pytest.approx(score / difficulty)


def test_real__without_mtl_aqa_there_is_no_execution_score(shared: Path) -> None:
    found = unlv_dive.scan(shared / "data/annotations/AQA-7")
    assert "no difficulty: expected diving_difficulty_level.mat" in found.problems[0]
    assert np.isnan(found.manifest.rows[0].number("score.execution"))


def test_scan__the_authors_matrices_and_videos(tmp_path: Path) -> None:
    authors(tmp_path)
    (tmp_path / "diving_samples_len_151_lstm").mkdir()
    video = tmp_path / "diving_samples_len_151_lstm/001.avi"
    video.write_bytes(b"x")
    assert unlv_dive.locate(tmp_path) == tmp_path
    found = unlv_dive.scan(tmp_path)
    first = found.manifest.by_clip()["001"]
    assert first.values == {"score": 10.25, "score.execution": 10.25 / 3.0, "difficulty": 3.0, "split": "train"}
    assert found.videos == {"001": Source(video)}
    assert found.problems == [f"{number:03d}: no recording in diving_samples_len_151_lstm" for number in range(2, 371)]


@pytest.mark.parametrize("lists", ["pickles", "matrices"])
def test_scan__the_part_of_mtl_aqa_alone_is_the_same(tmp_path: Path, lists: str) -> None:
    authors(tmp_path / "own")
    part = tmp_path / "MTL-AQA/MTL-AQA_dataset_release/Ready_2_Use/UNLV_Dive_split_4"
    release(part)
    if lists == "matrices":
        for name, numbers in (("train", range(1, 301)), ("test", range(301, 371))):
            (part / f"{name}_split_370_4.pkl").unlink()
            pairs = np.array([(event_of(n), n - FIRST[event_of(n)] + 1) for n in numbers], dtype=np.uint8)
            matrix(part / f"{name}_tupled_list.mat", f"{name}_tupled_list", pairs)
    found = unlv_dive.scan(tmp_path)
    assert found.manifest == unlv_dive.scan(tmp_path / "own").manifest
    assert [problem.split(":")[0] for problem in found.problems] == ["labels alone"]


def test_scan__sources_that_differ_and_lists_that_are_odd(tmp_path: Path) -> None:
    authors(tmp_path)
    release(tmp_path / "UNLV_Dive_split_4")
    matrix(tmp_path / "diving_difficulty_level.mat", "difficulty_level", [[*DIFFICULTIES[:-2], 0.0]])
    matrix(tmp_path / "split_300_70/testing_idx.mat", "testing_idx", [[1, *range(301, 370)]])
    pickled(tmp_path / "UNLV_Dive_split_4/test_split_370_4.pkl", [(8, 1), (3, 1)])
    frames(tmp_path / "diving-out/001", 2)
    problems = unlv_dive.scan(tmp_path).problems
    assert problems[:6] == [
        "diving_difficulty_level.mat: expected 370 values, found 369",
        "001: testing_idx.mat says test, but train is used",
        "UNLV_Dive_split_4: 1 entries of the test list are no dives of events 1 to 3",
        "001: UNLV_Dive_split_4's test list says test, but train is used",
        "369: final_annotations_dict.pkl says 3.0, but 0.0 is used",
        "369: no difficulty",
    ]
    assert "370: in neither part of the split" in problems
    assert "370: no recording in diving-out" in problems


def test_scan__annotations_that_are_not_these_dives(tmp_path: Path) -> None:
    authors(tmp_path)
    pickled(tmp_path / "UNLV_Dive_split_4/final_annotations_dict.pkl", {(1, 1): {"final_score": 3.0, "difficulty": 2.0}})
    assert "events 1 to 3 are not the 370 dives and 2 more that are published; not used" in unlv_dive.scan(tmp_path).problems[0]


def test_scan__nothing_there(tmp_path: Path, shared: Path) -> None:
    assert unlv_dive.locate(tmp_path) is None
    with pytest.raises(ArtifactError, match="holds no scores of UNLV-Dive"):
        unlv_dive.scan(tmp_path)
    shutil.copytree(shared / "data/annotations/AQA-7", tmp_path / "Split_4")
    assert len(unlv_dive.scan(tmp_path).manifest) == CLIPS


def s3d(folder: Path, part: str, numbers: list[int], name: str = "all_{}_v2.npy") -> None:
    """Write S3D's table of a part and its indices: features of 4 numbers, the dive's own."""
    folder.mkdir(parents=True, exist_ok=True)
    table = np.empty((3, len(numbers)), dtype=object)
    for row, number in enumerate(numbers):
        table[0, row], table[1, row], table[2, row] = np.full(4, number, np.float32), np.zeros(4), float(number)
    np.save(folder / name.format(part), table, allow_pickle=True)
    np.save(folder / f"{part}ing_idx.npy", np.array(numbers, np.uint16)[:, None])


def plain(file: Path, numbers: list[int], **columns: object) -> None:
    """Write features as plain arrays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"video_id": numbers, "score": np.array(numbers) * 3.0, "difficulty": np.full(len(numbers), 3.0), **columns}
    values = np.array(numbers, np.float32)[:, None] * np.ones(4, np.float32)
    np.savez(file, features=values, **{name: np.asarray(column) for name, column in arrays.items()})


@pytest.mark.parametrize("home", ["diving-score/data_files", "UNLV-Dive", "data_files"])
def test_features__of_s3d_as_its_authors_publish_them(tmp_path: Path, home: str) -> None:
    folder = tmp_path / home
    s3d(folder, "train", [5, 2, 370])
    s3d(folder, "test", [1, 9], "all_{}.npy")
    np.save(folder / "overall_scores.npy", np.arange(1.0, 371.0)[None])
    np.save(folder / "difficulty_level.npy", np.full((1, 370), 2.0))
    assert unlv_dive.locate(tmp_path) == tmp_path
    found = unlv_dive.scan(tmp_path)
    published = found.features["p3d"]
    assert list(published) == ["001", "002", "005", "009", "370"]
    for clip, recording in published.items():
        assert unlv_dive.load_features(recording).tolist() == [[float(clip)] * 4]
    rows = found.manifest.by_clip()
    assert (rows["370"].values, rows["009"].text("split")) == (
        {"score": 370.0, "score.execution": 185.0, "difficulty": 2.0, "split": "train"},
        "test",
    )
    assert not any("labels alone" in problem for problem in found.problems)


def test_features__as_plain_arrays_bring_their_scores(tmp_path: Path) -> None:
    plain(tmp_path / "unlv-dive/p3d_train.npz", [7, 3])
    assert unlv_dive.locate(tmp_path) == tmp_path
    found = unlv_dive.scan(tmp_path)
    assert found.manifest.clips == list(found.features["p3d"]) == ["003", "007"]
    assert found.manifest.by_clip()["007"].values == {"score": 21.0, "score.execution": 7.0, "difficulty": 3.0, "split": "train"}
    assert unlv_dive.load_features(found.features["p3d"]["007"]).tolist() == [[7.0] * 4]
    assert found.problems == []
    authors(tmp_path)
    assert "70 of the dives that test have no features p3d" in unlv_dive.scan(tmp_path).problems


def test_features__that_are_odd(tmp_path: Path) -> None:
    authors(tmp_path)
    plain(tmp_path / "p3d_train.npz", [1, 2], score=[[1.0]])
    (tmp_path / "p3d_test.npz").write_bytes(b"PK no archive")
    found = unlv_dive.scan(tmp_path)
    assert found.features == {}
    wanted = "expected video_id, score, difficulty, one number for each dive that"
    assert found.problems[:2] == [f"p3d_{part}.npz: {wanted} {part}; not used" for part in ("train", "test")]
    s3d(tmp_path, "test", [301, 302])
    recording = unlv_dive.scan(tmp_path).features["p3d"]["302"]
    s3d(tmp_path, "test", [301])
    with pytest.raises(ArtifactError, match=r"all_test_v2\.npy holds 1 dives, expected 2 or more"):
        unlv_dive.load_features(recording)
    np.save(tmp_path / "all_test_v2.npy", np.array([None, {}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError, match=r"all_test_v2\.npy: expected rows of features, stage scores and scores"):
        unlv_dive.load_features(recording)
    np.save(tmp_path / "all_test_v2.npy", np.zeros((3, 2)))
    with pytest.raises(ArtifactError, match=r"all_test_v2\.npy"):
        unlv_dive.load_features(recording)
    np.save(tmp_path / "testing_idx.npy", {"a": np.ones(2), "b": np.ones(2)}, allow_pickle=True)
    (tmp_path / "split_300_70/testing_idx.mat").unlink()
    with pytest.raises(ArtifactError, match=r"testing_idx\.npy: expected one row of numbers"):
        unlv_dive.scan(tmp_path)
