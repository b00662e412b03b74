"""MTL-AQA: scores with and without difficulty, marks, description, captions, and the exact window of every layout of frames."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.datasets import mtl_aqa
from stages.datasets.check import check
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.video import reader
from stages.video.frame import Source
from tests.datasets.trees import frames, pickled


def dive(end: int = 105, **more: object) -> dict[str, object]:
    facts = {"position": 2, "armstand": 0, "rotation_type": 3, "ss_no": 5, "tw_no": 1, "start_frame": end - 80, "end_frame": end}
    return {"primary_view": 0, "difficulty": 3.2, "final_score": 72.0, **facts, **more}


MARKS = np.array([7.0, 7.5, 7.5, 7.5, 7.5, 8.0, 9.0])
DIVES = {(1, 1): dive(), (1, 2): dive(110, difficulty=2.0, final_score=50.0), (2, 105): dive(103)}


def labels(folder: Path, dives: dict = DIVES, name: str = "final_annotations_dict.pkl") -> None:
    pickled(folder / name, dives)
    pickled(folder / "train_split_0.pkl", [(1, 1), (1, 2)])
    pickled(folder / "test_split_0.pkl", [(2, 105)])


def test_real__published_counts_and_every_column(shared: Path) -> None:
    folder = mtl_aqa.locate(shared / "data/annotations")
    assert folder == shared / "data/annotations/MTL-AQA"
    found = mtl_aqa.scan(folder)
    rows = found.manifest.rows
    assert len(rows) == 1412
    assert Counter(row.text("split") for row in rows) == {"train": 1059, "test": 353}
    scores = [row.number("score") for row in rows]
    assert (min(scores), max(scores)) == (0.0, 104.5)
    difficulties = [row.number("difficulty") for row in rows]
    assert (min(difficulties), max(difficulties)) == (1.5, 4.1)
    assert max(row.number("score.execution") for row in rows) == pytest.approx(29.0)
    first = found.manifest.by_clip()["01_01"]
    assert [first.number(f"score.judge_{number}") for number in range(1, 8)] == [9.5, 9.0, 9.5, 9.0, 8.5, 9.5, 8.5]
    assert [first.text(column) for column in ("dive_number", "position", "armstand", "rotation_type", "ss_no", "tw_no", "event")] == [
        *("407C", "2", "0", "2", "7", "0", "01")
    ]
    assert Counter(problem.partition(": ")[2].split(" × ")[0] for problem in found.problems) == {
        "the middle three marks": 27,
        "no frames or videos such as whole_videos_frames/01/000001.jpg are there": 1,
    }


def test_scan__values_of_a_dive(tmp_path: Path) -> None:
    labels(tmp_path, {**DIVES, (1, 1): dive(judge_scores=MARKS, dive_number="405C")}, "augmented_final_annotations_dict.pkl")
    labels(tmp_path)
    pickled(tmp_path / "final_captions_dict.pkl", {(np.int64(1), 1): ["<sos>", "a", "nice", "dive", "<eos>"], (9, 9): ["x"]})
    found = mtl_aqa.scan(tmp_path)
    assert found.manifest.by_clip()["01_01"].values == {
        "score": 72.0,
        "score.execution": 72.0 / 3.2,
        "difficulty": 3.2,
        "event": "01",
        "position": "2",
        "armstand": "0",
        "rotation_type": "3",
        "ss_no": "5",
        "tw_no": "1",
        "dive_number": "405C",
        **{f"score.judge_{number}": mark for number, mark in enumerate(MARKS, start=1)},
        "split": "train",
        "caption": "a nice dive",
    }
    assert found.problems[:3] == ["01_02: no caption", "02_105: no caption", "09_09: a caption, but no annotation"]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("MTL-AQA_dataset_release/Ready_2_Use/MTL-AQA_split_0_data", "final_annotations_dict.pkl"),
        ("info", "final_annotations_dict_with_dive_number"),
        ("", "augmented_final_annotations_dict.pkl"),
    ],
    ids=["release", "core", "musdl"],
)
def test_locate__every_place_of_the_annotations(tmp_path: Path, place: str, name: str) -> None:
    labels(tmp_path / "MTL-AQA" / place, name=name)
    assert mtl_aqa.locate(tmp_path) == mtl_aqa.locate(tmp_path / "MTL-AQA") == tmp_path / "MTL-AQA"
    assert len(mtl_aqa.scan(tmp_path / "MTL-AQA").manifest) == 3


@pytest.mark.parametrize(("place", "name"), [("whole_videos_frames", "{:06d}.jpg"), ("new/new_total_frames_256s", "{:08d}.jpg")])
def test_scan__the_window_of_an_events_frames_is_exact(tmp_path: Path, place: str, name: str) -> None:
    ends = {(1, number): dive(end) for number, end in enumerate((103, 104, 107, 127, 150), start=1)}
    pickled(tmp_path / "final_annotations_dict.pkl", ends)
    folder = frames(tmp_path / place / "01", 150, name)
    for number in range(1, 151):  # every frame shows its own number
        cv2.imwrite(str(folder / name.format(number)), np.full((8, 8, 3), number, np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 100])
    videos = mtl_aqa.scan(tmp_path).videos
    for (_, number), facts in ends.items():
        source = videos[f"01_{number:02d}"]
        shown = [round(float(frame.image.mean())) for frame in reader.read(source)]
        assert shown == list(range(facts["end_frame"] - 102, facts["end_frame"] + 1))  # images are numbered from 1


def test_scan__windows_at_high_frame_numbers_keep_103_frames() -> None:
    from stages.video.frame import window_of

    for end in range(100_000, 300_000, 997):
        source = Source(Path(), (end - 103) / 30, end / 30)
        assert window_of(400_000, source) == (end - 103, end)


def test_scan__a_dives_own_frames(tmp_path: Path) -> None:
    labels(tmp_path)
    long = frames(tmp_path / "frames_long/01_01", 106, "{:08d}.jpg", first=17977)
    short = frames(tmp_path / "frames_long/01_02", 90)
    frames(tmp_path / "frames_long/05_05", 1)
    found = mtl_aqa.scan(tmp_path)
    assert found.videos == {"01_01": Source(long, 3 / 30), "01_02": Source(short)}
    assert reader.count(found.videos["01_01"]) == 103
    assert found.problems == [
        "01_02: 90 frames in frames_long/01_02, fewer than 103; all are used",
        "02_105: no frames in frames_long",
        "frames_long/05_05: no annotation, left out",
    ]


def test_scan__an_events_video(tmp_path: Path) -> None:
    labels(tmp_path)
    (tmp_path / "whole_videos").mkdir()
    file = tmp_path / "whole_videos/01.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (16, 16))
    for _ in range(107):
        writer.write(np.zeros((16, 16, 3), np.uint8))
    writer.release()
    (tmp_path / "whole_videos/02.mp4").write_bytes(b"no video")
    found = mtl_aqa.scan(tmp_path)
    assert found.videos == {"01_01": Source(file, 2 / 25, 105 / 25)}
    assert reader.count(found.videos["01_01"]) == 103
    assert found.problems[0] == "01_02: ends at frame 110, but 01.avi has 107"
    assert found.problems[1].startswith("event 02: ")


def test_scan__every_defect_is_named(tmp_path: Path) -> None:
    odd = {
        (1, 1): dive(judge_scores=MARKS[:5]),
        (1, 2): dive(50, judge_scores=MARKS, final_score=30.0),
        (1, 3): dive(difficulty=0.0, tw_no=None),
        (2, 105): dive(999),
        (3, 1): dive(),
        "x": dive(),
    }
    labels(tmp_path, odd)
    pickled(tmp_path / "final_annotations_dict_with_dive_number.pkl", {(1, 1): dive(final_score=70.0)})
    pickled(tmp_path / "train_split_0.pkl", [(1, 1), (1, 1), (4, 4), (1, 2)])
    pickled(tmp_path / "test_split_0.pkl", [(1, 2), (2, 105)])
    frames(tmp_path / "whole_videos_frames/01", 106)
    frames(tmp_path / "whole_videos_frames/02", 106)
    found = mtl_aqa.scan(tmp_path)
    assert found.problems == [
        "01_01: final_annotations_dict.pkl has final_score 72, but 70 of final_annotations_dict_with_dive_number.pkl is used",
        "final_annotations_dict.pkl: x is not an (event, dive) with its annotation; left out",
        "01_01: listed twice; the first is used",
        "train_split_0.pkl: 04_04 has no annotation",
        "01_02: listed to train and to test; the first is used",
        "01_03: in neither part of the split",
        "03_01: in neither part of the split",
        "01_01: expected 7 marks from 0 to 10, found [7.0, 7.5, 7.5, 7.5, 7.5]; left out",
        "01_02: the middle three marks × difficulty are 72.00, the score 30 is used",
        "01_03: no score and difficulty that are numbers: 72.0, 0.0",
        "01_03: no tw_no",
        "event 03: not in whole_videos_frames, so 1 dives have no recording",
        "01_02: no end_frame of 103 or more: 50",
        "02_105: ends at frame 999, but 02 has 106",
    ]
    assert set(found.videos) == {"01_01", "01_03"}
    assert math.isnan(found.manifest.by_clip()["01_03"].number("score"))
    report = check(mtl_aqa.ADAPTER, tmp_path, Silent())
    assert (report.usable, report.frames) == (True, (103, 103, 103))


def test_scan__pickles_that_want_to_run_something(tmp_path: Path) -> None:
    (tmp_path / "final_annotations_dict.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ArtifactError, match=r"final_annotations_dict\.pkl is refused: .* asks for os\.system"):
        mtl_aqa.scan(tmp_path)
    pickled(tmp_path / "final_annotations_dict.pkl", [1])
    with pytest.raises(ArtifactError, match=r"final_annotations_dict\.pkl: expected a dict, found a list"):
        mtl_aqa.scan(tmp_path)
    with pytest.raises(ArtifactError, match=r"holds no annotations of MTL-AQA\.\n  hint: expected MTL-AQA/info"):
        mtl_aqa.scan(tmp_path / "none")


def test_scan__one_list_of_the_split_is_missing(tmp_path: Path, shared: Path) -> None:
    for name in ("final_annotations_dict_with_dive_number.pkl", "train_split_0.pkl"):
        shutil.copy(shared / "data/annotations/MTL-AQA" / name, tmp_path)
    found = mtl_aqa.scan(tmp_path)
    assert "there is no test_split_0.pkl: the dives that test are not known" in found.problems
    assert sum(row.text("split") == "train" for row in found.manifest.rows) == 1059
