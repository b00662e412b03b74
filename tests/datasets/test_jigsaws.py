"""JIGSAWS: the real score files and folds, and a small tree in the published layout, defects included."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import idct

from stages.datasets import jigsaws, protocols
from stages.datasets.check import Count, check
from stages.datasets.jigsaws.kinematics import Trial, dct_features, load_features, tool_tips
from stages.datasets.registry import adapter_for
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from tests.datasets import trees

META = {
    "Suturing": "Suturing_B001\t\tN\t13\t\t3\t2\t1\t2\t2\t3\r\nSuturing_B002\t\tN\t17\t\t4\t2\t2\t3\t3\t3\r\n"
    "Suturing_C001\t\tI\t26\t\t4\t4\t4\t5\t4\t5\r\nSuturing_C002\t\tI\t20\t\t4\t3\t3\t4\t3\t3\r\n\r\n",
    "Knot_Tying": "Knot_Tying_B001\t\tE\t13\t\t2\t2\t2\t2\t2\t3\n",
}


def table(frames: int = 200, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, 76))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two tasks, complete but for knot tying's transcription."""
    home = tmp_path / "JIGSAWS"
    for task, text in META.items():
        for part in ("kinematics/AllGestures", "transcriptions"):
            (home / task / part).mkdir(parents=True)
        (home / task / f"meta_file_{task}.txt").write_text(text, newline="")
        for trial in (line.split()[0] for line in text.split("\n") if line.strip()):
            np.savetxt(home / task / f"kinematics/AllGestures/{trial}.txt", table(), fmt="%.6f")
            (home / task / f"transcriptions/{trial}.txt").write_text("80 120 G1 \n121 180 G5 \n")
            for capture in (1, 2):
                trees.frames(home / task / f"video/{trial}_capture{capture}", 3)
    folds = {"Suturing": [["Suturing_B001", "Suturing_C001"], ["Suturing_B002", "Suturing_C002"]], "Knot_Tying": [["Knot_Tying_B001"], []]}
    trees.pickled(home / "info/splits.pkl", folds)
    return tmp_path


def spoil(root: Path, file: str, old: str, new: str) -> None:
    path = root / "JIGSAWS" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def scan(root: Path):
    folder = jigsaws.locate(root)
    assert folder == root / "JIGSAWS"
    return jigsaws.scan(folder)


def test_scan__scores_labels_folds_gestures_and_recordings(root: Path) -> None:
    found = scan(root)
    assert found.problems == ["Needle_Passing: no meta_file_Needle_Passing.txt"]
    row = found.manifest.by_clip()["Suturing_B002"]
    assert row.values == {
        "score": 17.0,
        **dict(
            zip(
                [f"score.{name}" for name in ("tissue", "handling", "motion", "flow", "performance", "quality")],
                (4, 2, 2, 3, 3, 3),
                strict=True,
            )
        ),
        "action": "Suturing",
        "label": "novice",
        "subject": "B",
        "supertrial": "2",
        "fold": "1",
        "gestures": "G1 G5",
    }
    assert found.videos["Suturing_B002"].path.name == "Suturing_B002_capture1"
    assert set(found.features) == {"dct", "kinematics"}
    assert set(found.features["dct"]) == set(found.manifest.clips) == found.recorded


def test_scan__stereo_has_each_trial_once_per_camera_and_keeps_it_in_one_fold(root: Path) -> None:
    adapter = adapter_for("jigsaws-stereo")
    found = adapter.scan(root / "JIGSAWS")
    assert len(found.manifest) == 10
    rows = found.manifest.by_clip()
    assert rows["Suturing_C001_right"].text("view") == "right"
    assert found.videos["Suturing_C001_right"].path.name == "Suturing_C001_capture2"
    assert found.features["dct"]["Suturing_C001_right"] == found.features["dct"]["Suturing_C001"]
    for fold in protocols.folds(found.manifest, "4-fold", 0, found.manifest.clips):
        assert {rows[clip].text("trial") for clip in fold.train}.isdisjoint(rows[clip].text("trial") for clip in fold.test)


def test_scan__everything_odd_is_named(root: Path) -> None:
    spoil(root, "Suturing/meta_file_Suturing.txt", "N\t17", "N\t18")
    spoil(root, "Suturing/meta_file_Suturing.txt", "I\t20\t\t4\t3", "I\t20\t\t7\t3")
    with (root / "JIGSAWS/Suturing/meta_file_Suturing.txt").open("a") as file:
        file.write("Suturing_B001\tN\t6\t1\t1\t1\t1\t1\t1\nSuturing_Z001\tN\t6\t1\t1\t1\t1\t1\t1\n")
    home = root / "JIGSAWS/Suturing"
    (home / "kinematics/AllGestures/Suturing_C001.txt").unlink()
    (home / "transcriptions/Suturing_B001.txt").write_text("80 120 G1\n200 120 G2\nnothing\n")
    (home / "video/Suturing_B002_capture1").rename(home / "video/Suturing_H002_capture1")
    lists = root / "JIGSAWS/Experimental_setup/Suturing/unBalanced/GestureRecognition/UserOut/2_Out/itr_1"
    lists.mkdir(parents=True)
    (lists / "Test.txt").write_text("Suturing_B001_000080_000120.txt           G1\nSuturing_C001_000080_000120.txt           G1\n")
    assert scan(root).problems == [
        "Needle_Passing: no meta_file_Needle_Passing.txt",
        "Suturing_B002: the score 18 is not the sum of its parts, 17; the sum is used",
        "Suturing_C002: scores outside 1 to 5 in meta_file_Suturing.txt: tissue 7; left out",
        "Suturing_B001: listed twice in meta_file_Suturing.txt, the first is used",
        "meta_file_Suturing.txt, line 7: not a trial of Suturing with level, score and 6 parts: 'Suturing_Z001 N 6 1 1 1 1 1 1'; left out",
        "Suturing_B001: tested in UserOut/2_Out of GestureRecognition, though its subject is B",
        "Suturing_C002: in fold 1 of splits.pkl, but without a score",
        "Suturing_C001: no kinematics/AllGestures/Suturing_C001.txt",
        "Suturing_C002: in kinematics/AllGestures, but without a score, left out",
        "Suturing_C002: in transcriptions, but without a score, left out",
        "Suturing_B001: transcription, line 2: not first frame, last frame and gesture: '200 120 G2'",
        "Suturing_B001: transcription, line 3: not first frame, last frame and gesture: 'nothing'",
        "Suturing_B002: no video Suturing_B002_capture1",
        "Suturing_C002_capture1: a video without a score, left out",
        "Suturing_H002_capture1: a video without a score, left out",
    ]


def test_scan__folds_that_overlap_lack_trials_or_cannot_be_read(root: Path) -> None:
    file = root / "JIGSAWS/info/splits.pkl"
    trees.pickled(file, {"Suturing": [["Suturing_B001"], ["Suturing_B001", "Suturing_C001"]]})
    assert scan(root).problems[1:] == [
        "Suturing_B001: in folds 0 and 1 of splits.pkl, the first is used",
        "Knot_Tying_B001: in no fold of splits.pkl",
        "Suturing_B002: in no fold of splits.pkl",
        "Suturing_C002: in no fold of splits.pkl",
    ]
    trees.pickled(file, {"Suturing": "B001"})
    assert "splits.pkl: expected task → folds → names of trials." in scan(root).problems
    trees.pickled(file, Path("x"))
    assert any("splits.pkl is refused" in problem for problem in scan(root).problems)
    file.unlink()
    assert any(problem.startswith("no splits.pkl: the usual 4 folds (jigsaws/4-fold) are not known") for problem in scan(root).problems)


def test_scan__nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "meta_file_Suturing.txt").write_text("Suturing_B001 N\n")
    with pytest.raises(ArtifactError, match="holds no scored trials"):
        jigsaws.scan(tmp_path)
    assert jigsaws.locate(tmp_path / "nothing") is None


def test_scan__task_folders_that_were_unpacked_into_themselves(root: Path) -> None:
    (root / "JIGSAWS/Suturing").rename(root / "JIGSAWS/inner")
    (root / "JIGSAWS/Suturing").mkdir()
    (root / "JIGSAWS/inner").rename(root / "JIGSAWS/Suturing/Suturing")
    found = scan(root)
    assert len(found.manifest) == 5
    assert len(found.problems) == 1


def test_check__counts_and_unreadable_kinematics(root: Path) -> None:
    (root / "JIGSAWS/Suturing/kinematics/AllGestures/Suturing_B001.txt").write_text("1 2 3\n")
    report = check(adapter_for("jigsaws"), root / "JIGSAWS", Silent())
    assert report.usable
    assert Count("action=Suturing", 4, 39) in report.counts
    assert Count("scored", 5, None) in report.counts
    assert report.unreadable == ("Suturing_B001: Suturing_B001.txt, line 1: expected 76 columns (4 manipulators × 19), found 3.",) * 2


def test_export__labels_and_parts_as_csv(aqa, workspace, root: Path, tmp_path: Path) -> None:
    code, out, err = aqa("datasets", "export", "JIGSAWS", "-o", tmp_path / "m.csv", "--data-root", root)
    assert code == 0, err
    assert "5 clips" in out
    with (tmp_path / "m.csv").open() as file:
        assert {row["clip"]: row["score.flow"] for row in csv.DictReader(file)}["Suturing_C001"] == "5.0"


def test_dct__coefficients_are_the_spectrum_of_the_tool_tips() -> None:
    data = table(200)
    found = dct_features(data, "x")
    assert found.shape == (10, 192)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    first = tool_tips(data)[:20]
    np.testing.assert_allclose(found[0].reshape(4, 3, 16)[..., 0], np.abs(first.mean(axis=0)), rtol=1e-5)
    np.testing.assert_array_equal(tool_tips(data)[:, 2], data[:, 38:41])  # slave left, as public code reads it
    smooth = np.zeros_like(data)
    spectrum = np.zeros(20)
    spectrum[:3] = (2.0, -1.0, 0.5)
    smooth[:20, 57] = idct(spectrum, norm="ortho")
    np.testing.assert_allclose(dct_features(smooth, "x")[0].reshape(4, 3, 16)[3, 0, :3], np.array([2, 1, 0.5]) / np.sqrt(20), rtol=1e-5)


def test_dct__does_not_grow_with_the_time_a_trial_takes() -> None:
    steady = np.ones((400, 76))
    np.testing.assert_allclose(dct_features(steady, "x"), dct_features(steady[:200], "x"), atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "t.txt holds no frames"),
        (["1 " * 75], r"t.txt, line 1: expected 76 columns \(4 manipulators × 19\), found 75"),
        (["1 " * 76, "x " * 76], "t.txt, line 2: not a row of numbers"),
        (["1 " * 76, "nan " * 76], "t.txt, frame 2: a number is not finite"),
        (["1 " * 76] * 159, "t.txt holds 159 frames: 10 segments of 16 coefficients need 160"),
    ],
    ids=["empty", "columns", "text", "nan", "short"],
)
def test_load__unreadable(tmp_path: Path, rows: list[str], expected: str) -> None:
    (tmp_path / "t.txt").write_text("\n".join(rows))
    with pytest.raises(ArtifactError, match=expected):
        load_features(Trial(tmp_path / "t.txt", "dct"))


def test_load__kinematics_as_they_are(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "t.txt", table(5))
    assert load_features(Trial(tmp_path / "t.txt", "kinematics")).shape == (5, 76)


def test_real__published_counts_scores_and_folds(shared: Path) -> None:
    folder = jigsaws.locate(shared / "data/annotations")
    assert folder is not None
    found = jigsaws.scan(folder)
    rows = found.manifest.rows
    assert Counter(row.text("action") for row in rows) == {"Suturing": 39, "Needle_Passing": 28, "Knot_Tying": 36}
    assert all("no folder" in problem or "no videos" in problem for problem in found.problems)  # every score is the sum of its parts
    by_clip = found.manifest.by_clip()
    sizes = {
        task: [
            sum(by_clip[clip].text("action") == task for clip in fold.test)
            for fold in protocols.folds(found.manifest, "4-fold", 0, by_clip)
        ]
        for task in ("Suturing", "Needle_Passing", "Knot_Tying")
    }
    assert sizes == {"Suturing": [9, 10, 10, 10], "Needle_Passing": [7] * 4, "Knot_Tying": [9] * 4}
    needle = found.manifest.where(["action=Needle_Passing"])
    assert "without-G" not in [fold.name for fold in protocols.folds(found.manifest, "jigsaws/louo", 0, needle.clips)]
    assert len(protocols.folds(found.manifest, "jigsaws/louo", 0, by_clip)) == 8
    assert len(protocols.folds(found.manifest, "jigsaws/loso", 0, by_clip)) == 5
    published = json.loads((folder / "four_fold_splits.json").read_text())
    assert all(
        by_clip[name].text("fold") == str(number) for parts in published.values() for number, part in enumerate(parts) for name in part
    )
