"""KIMORE in its published layout: a small tree with every wart, and the real recordings."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from stages.datasets import kimore
from stages.datasets.kimore import Recording
from stages.datasets.registry import Scan
from stages.errors import ArtifactError

TITLES = ["Subject ID", *(f"clinical {short} Ex#{number}" for short in ("cTS", "cPO", "cCF") for number in range(1, 6))]


def line(frame: int, bodies: int = 1, state: int = 2) -> str:
    """One row of a JointPosition file: joint j of body b at (j, b, frame)."""
    cells = [f"{joint},{body},{frame},{state}" for body in range(bodies) for joint in range(25)]
    return ",".join(cells) + ",\n"


def write_scores(folder: Path, subject: str, **scores: object) -> None:
    """Write ``ClinicalAssessment``; ``scores`` are like ``cTS5=40``."""
    book = openpyxl.Workbook()
    book.active.append(TITLES)
    book.active.append([subject, *(scores.get(f"{short}{number}") for short in ("cTS", "cPO", "cCF") for number in range(1, 6))])
    folder.mkdir(parents=True, exist_ok=True)
    book.save(folder / f"ClinicalAssessment_{subject}.xlsx")


def write_exercise(root: Path, place: str, text: str | None, **scores: object) -> Path:
    """Write one exercise folder; no text, no recording."""
    folder = root / place
    (folder / "Raw").mkdir(parents=True)
    if text is not None:
        (folder / "Raw" / "JointPosition170717_123456.csv").write_text(text)
    write_scores(folder / "Label", folder.parent.name, **scores)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "KiMoRe"
    write_exercise(root, "CG/Expert/E_ID1/Es5", "\n" * 40 + line(0) + line(1) + "\n", cTS5=44, cPO5=12, cCF5=32)
    write_exercise(root, "CG/Expert/E_ID10/Es5", line(0), cTS5="41,5", cPO5=None)
    write_exercise(root, "CG/Expert/E_ID2/Es5", line(0, bodies=2) + line(1), cTS5=40, cPO5=10, cCF5=28)
    write_exercise(root, "GPP/Stroke/S_ID5/Es3", None, cTS3=20)
    write_exercise(root, "GPP/Stroke/S_ID6/Es3", line(0, bodies=3), cTS5=20)
    write_exercise(root, "GPP/BackPain/B_ID1/Es1", line(0), cTS1="good", cPO1=16)
    odd = write_exercise(root, "GPP/BackPain/B_ID2/Es1", line(0))
    (odd / "Label" / "ClinicalAssessment_B_ID2.xlsx").write_bytes(b"not a workbook")
    bare = write_exercise(root, "GPP/Parkinson/P_ID1/Es2", line(0))
    (bare / "Label" / "ClinicalAssessment_P_ID1.xlsx").unlink()
    (bare / "Raw" / "JointPosition170717_999999.csv").write_text(line(0))
    (root / "CG" / "Expert" / "readme.txt").write_text("not a subject")
    return root


def test_scan__scores_subjects_and_order(tree: Path) -> None:
    found = kimore.scan(tree)
    rows = found.manifest.by_clip()
    assert rows["CG/Expert/E_ID1/Es5"].values == {
        "score": 44.0,
        "score.po": 12.0,
        "score.cf": 32.0,
        "subject": "E_ID1",
        "action": "Es5",
        "cohort": "Expert",
    }
    assert [row.text("subject") for row in found.manifest.rows[:3]] == ["E_ID1", "E_ID2", "E_ID10"]
    assert rows["CG/Expert/E_ID10/Es5"].number("score") == 41.5
    assert len(found.manifest) == 8
    assert "GPP/Stroke/S_ID5/Es3" not in found.sources


def test_scan__names_every_defect(tree: Path) -> None:
    assert kimore.scan(tree).problems == [
        "CG/Expert/E_ID2/Es5: the total 40 is not PO + CF = 38; the total is used",
        "GPP/BackPain/B_ID1/Es1: ClinicalAssessment_B_ID1.xlsx: clinical cTS Ex#1 is no number: 'good'",
        "GPP/BackPain/B_ID1/Es1: ClinicalAssessment_B_ID1.xlsx: clinical cPO Ex#1 is outside 0 to 15: 16",
        "GPP/BackPain/B_ID1/Es1: no clinical score",
        "GPP/BackPain/B_ID2/Es1: ClinicalAssessment_B_ID2.xlsx is not readable (BadZipFile)",
        "GPP/BackPain/B_ID2/Es1: no clinical score",
        "GPP/Parkinson/P_ID1/Es2: 2 JointPosition files, using JointPosition170717_123456.csv",
        "GPP/Parkinson/P_ID1/Es2: no ClinicalAssessment file in Label",
        "GPP/Parkinson/P_ID1/Es2: no clinical score",
        "GPP/Stroke/S_ID5/Es3: no JointPosition file in Raw",
        "GPP/Stroke/S_ID6/Es3: no clinical score",
    ]


def test_scan__workbook_without_scores(tmp_path: Path) -> None:
    folder = write_exercise(tmp_path, "CG/Expert/E_ID1/Es1", line(0))
    book = openpyxl.Workbook()
    book.active.append(TITLES)
    book.save(folder / "Label" / "ClinicalAssessment_E_ID1.xlsx")
    assert "ClinicalAssessment_E_ID1.xlsx has no row of scores" in kimore.scan(tmp_path).problems[0]


def test_scan__empty_folder(tmp_path: Path) -> None:
    (tmp_path / "CG").mkdir()
    with pytest.raises(ArtifactError, match="holds no exercise folders"):
        kimore.scan(tmp_path)


def test_locate__data_root_or_folder_itself(tree: Path, tmp_path: Path) -> None:
    assert kimore.locate(tree.parent) == kimore.locate(tree) == tree
    assert kimore.locate(tmp_path / "elsewhere") is None


def test_load__leading_blank_lines_and_trailing_comma(tree: Path) -> None:
    poses = kimore.load_poses(kimore.scan(tree).sources["CG/Expert/E_ID1/Es5"])
    assert poses.positions.shape == (1, 2, 25, 3)
    np.testing.assert_array_equal(poses.positions[0, 1, 7], [7, 0, 1])
    assert (poses.confidence == 1).all()
    assert poses.units == "m"
    assert poses.fps == pytest.approx(30)
    assert "defects" not in poses.clip


@pytest.mark.parametrize("bodies", [2, 3])
def test_load__several_bodies_keep_the_first(tmp_path: Path, bodies: int) -> None:
    file = tmp_path / "JointPosition1.csv"
    file.write_text(line(0) + line(1, bodies))
    poses = kimore.load_poses(Recording(file))
    assert poses.positions.shape == (1, 2, 25, 3)
    assert (poses.positions[..., 1] == 0).all()
    assert poses.clip["defects"] == [f"{bodies} bodies in the file: the first is used"]


def test_load__states_become_confidence(tmp_path: Path) -> None:
    file = tmp_path / "JointPosition1.csv"
    file.write_text(line(0, state=2) + line(1, state=1) + line(2, state=0) + line(3).replace("0,0,3,2", "nan,0,3,2", 1))
    poses = kimore.load_poses(Recording(file))
    assert poses.confidence[0, :, 0].tolist() == [1, 0.5, 0, 0]
    assert poses.confidence[0, :, 1].tolist() == [1, 0.5, 0, 1]
    assert np.isnan(poses.positions[0, 2]).all()
    assert np.isnan(poses.positions[0, 3, 0]).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n\n", "JointPosition1.csv holds no frames."),
        ("\n" + "1,2,3,\n", r"line 2: expected 100 columns \(25 joints × 4\), found 3"),
        (line(0) + line(1).replace("7,0,1,2", "7,x,1,2"), "line 2: not a row of numbers"),
        (line(0, state=0), "No joint was seen in any frame"),
    ],
    ids=["blank", "short", "text", "nobody"],
)
def test_load__unreadable(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "JointPosition1.csv"
    file.write_text(text)
    with pytest.raises(ArtifactError, match=expected):
        kimore.load_poses(Recording(file))


@pytest.fixture(scope="session")
def real(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """The real exercises 3 and 5, written out in the published layout."""
    root = tmp_path_factory.mktemp("kimore")
    data = shared / "data" / "kimore"
    recordings = [data / "es3.npz.xz", data / "es5.npz.xz"]
    subprocess.run([sys.executable, shared / "tools" / "kimore_tree.py", root, *recordings, "--labels", data / "labels.csv"], check=True)
    return kimore.scan(root)


@pytest.mark.slow
def test_real__recordings_scores_and_known_defects(real: Scan, shared: Path) -> None:
    assert len(real.sources) == 152
    assert [problem for problem in real.problems if "PO + CF" not in problem] == [
        "CG/Expert/E_ID17/Es3: no clinical score",
        "CG/Expert/E_ID17/Es5: no clinical score",
        "GPP/Parkinson/P_ID7/Es5: no JointPosition file in Raw",
        "GPP/Stroke/S_ID5/Es3: no JointPosition file in Raw",
    ]
    with (shared / "data/kimore/labels.csv").open() as file:
        labels = {(row["subject"], f"Es{row['exercise']}"): row for row in csv.DictReader(file)}
    compared = 0
    for row in real.manifest.rows:
        label = labels.get((row.text("subject"), row.text("action")), {})
        for column, title in (("score", "score_total"), ("score.po", "score_po"), ("score.cf", "score_cf")):
            expected = label.get(title, "")
            np.testing.assert_equal(row.number(column), float(expected) if expected else np.nan)
            compared += bool(expected)
    assert compared >= 3 * 150


@pytest.mark.slow
def test_real__every_recording_is_a_standing_person(real: Scan, shared: Path) -> None:
    with (shared / "data/kimore/labels.csv").open() as file:
        frames = {(row["subject"], f"Es{row['exercise']}"): int(row["frames"]) for row in csv.DictReader(file) if row["frames"]}
    rows = real.manifest.by_clip()
    for clip, source in list(real.sources.items())[::10]:
        poses = kimore.load_poses(source)
        assert poses.frames == frames[rows[clip].text("subject"), rows[clip].text("action")]
        head, feet = (
            np.nanmedian(poses.positions[0, :, poses.layout.numbers(names), 1]) for names in (("head",), ("left_foot", "right_foot"))
        )
        assert 0.8 < head - feet < 2.2
