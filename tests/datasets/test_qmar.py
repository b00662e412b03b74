"""QMAR in the layout of VI-Net's code."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from stages.datasets import protocols, qmar
from stages.datasets.check import check
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from tests.datasets import trees

HEADER = "action,action_type,abnormality,subject,folder,image_type,device,img_name,score"


def row(action: str, kind: str, subject: str, device: int, score: object, image: int = 1) -> str:
    kinds = ("Normal", "") if kind == "Normal" else ("Abnormal", kind)
    return f"{action},{kinds[0]},{kinds[1]},{subject},1,COLOR,device_{device},{image}.png,{score}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two training people, one of them with a simulated disease, and one tested; two devices."""
    home = tmp_path / "QMAR"
    lines = []
    for subject, stage, kind, score in (("01", "train", "Normal", 0), ("02", "train", "Parkinson", 3), ("03", "test", "Parkinson", 2)):
        for device in (0, 1):
            lines += [row("W-P", kind, subject, device, score, image) for image in (1, 2)]
            place = "Normal" if kind == "Normal" else f"Abnormal/{kind}"
            trees.frames(home / f"images/W-P/{stage}/{place}/{subject}/1/device_{device}/COLOR", 3)
    (home / "labels.csv").write_text("\n".join([HEADER, *lines]))
    return tmp_path


def scan(root: Path):
    folder = qmar.locate(root)
    assert folder == root / "QMAR"
    return qmar.scan(folder)


def add(root: Path, *lines: str) -> None:
    with (root / "QMAR/labels.csv").open("a") as file:
        file.write("\n" + "\n".join(lines))


def test_scan__one_clip_per_sequence_and_device(root: Path) -> None:
    found = scan(root)
    assert found.problems == []
    assert len(found.manifest) == 6
    assert found.manifest.by_clip()["W-P/Abnormal/Parkinson/02/1/device_1"].values == {
        "action": "W-P",
        "kind": "Parkinson",
        "subject": "02",
        "view": "device_1",
        "repetition": "1",
        "moment": "W-P/Abnormal/Parkinson/02/1",
        "score": 3.0,
        "label": "3",
        "split": "train",
    }
    assert found.videos["W-P/Normal/01/1/device_0"].path.parts[-3:] == ("1", "device_0", "COLOR")


def test_scan__clips_of_one_sequence_share_a_moment(root: Path) -> None:
    moments: dict[str, list[str]] = {}
    for row_ in scan(root).manifest.rows:
        moments.setdefault(row_.text("moment"), []).append(row_.clip)
    assert list(moments) == ["W-P/Normal/01/1", "W-P/Abnormal/Parkinson/02/1", "W-P/Abnormal/Parkinson/03/1"]
    for moment, clips in moments.items():
        assert clips == [f"{moment}/device_0", f"{moment}/device_1"]


def test_protocols__cross_subject_is_the_published_parts_and_cross_view_names_its_views(root: Path) -> None:
    rows = scan(root).manifest
    (fold,) = protocols.folds(rows, "qmar/cross-subject", 0, rows.clips)
    assert {clip.split("/")[-3] for clip in fold.test} == {"03"}
    (fold,) = protocols.folds(rows, "qmar/cross-view:train=device_0:test=device_1", 0, rows.clips)
    assert {clip[-1] for clip in fold.train} == {"0"}


def test_scan__everything_odd_is_named(root: Path) -> None:
    images = root / "QMAR/images"
    trees.frames(images / "W-P/train/Normal/03/2/device_0/COLOR", 1)
    trees.frames(images / "W-P/test/Normal/01/1/device_0/COLOR", 1)
    trees.frames(images / "W-P/Normal/01/device_0/COLOR", 1)
    (images / "W-P/train/Abnormal/Parkinson/09/1/device_0/COLOR").mkdir(parents=True)
    add(
        root,
        row("W-P", "Parkinson", "09", 0, 1),
        row("W-P", "Parkinson", "08", 0, 2.5),
        row("W-P", "Normal", "01", 0, 1),
        row("W-P", "Normal", "../01", 0, 1),
        ",Normal,,01,1,COLOR,device_0,1.png,0",
    )
    (root / "QMAR/more.csv").write_text(f"{HEADER}\n{row('W-P', 'Parkinson', '02', 0, 1)}\n")
    assert scan(root).problems == [
        "labels.csv, line 17: expected action, action_type, subject, folder and device; left out",
        "labels.csv, line 18: expected action, action_type, subject, folder and device; left out",
        "W-P/Normal/01/1/device_0: 2 different scores in labels.csv, the most frequent (0) is used",
        "W-P/Abnormal/Parkinson/08/1/device_0: the score in labels.csv is no class: 2.5",
        "W-P/Abnormal/Parkinson/02/1/device_0: 1 in more.csv, 3 in another list, which is used",
        "images/W-P/Normal/01/device_0/COLOR: not a path of the form ACTION/STAGE/Normal/SUBJECT/FOLDER/DEVICE/COLOR",
        "W-P/Abnormal/Parkinson/09/1/device_0: no images in images/W-P/train/Abnormal/Parkinson/09/1/device_0/COLOR",
        "W-P/Normal/01/1/device_0: images in two places, images/W-P/test/Normal/01/1/device_0/COLOR is used",
        "W-P/Normal/03/2/device_0: images without a score, left out",
        "W-P/Abnormal/Parkinson/09/1/device_0: no images",
        "W-P/Abnormal/Parkinson/08/1/device_0: no images",
        "W-P: subject 01 is in training and in test",
    ]


def test_check_and_export__whole_commands(aqa, workspace, root: Path, tmp_path: Path) -> None:
    code, out, err = aqa("datasets", "check", "QMAR", "--data-root", root)
    assert code == 0, err
    assert "subject           3  of 38 published" in out
    code, _, err = aqa("datasets", "export", "qmar", "-o", tmp_path / "m.csv", "--data-root", root)
    assert code == 0, err
    assert len(list(csv.DictReader(io.StringIO((tmp_path / "m.csv").read_text())))) == 6


def test_check__frames_with_a_gap_are_unreadable(root: Path) -> None:
    next((root / "QMAR/images").rglob("img_00002.jpg")).unlink()
    report = check(qmar.ADAPTER, root / "QMAR", Silent())
    assert len(report.unreadable) == 1
    assert "1 of these frames are missing" in report.unreadable[0]


def test_scan__labels_alone_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(f"{HEADER}\n{row('W-S', 'Stroke', '01', 2, 4)}\n")
    assert qmar.scan(tmp_path).problems == ["labels alone: there are no images"]
    (tmp_path / "labels.csv").write_text(HEADER + "\n")
    with pytest.raises(ArtifactError, match="name no sequences"):
        qmar.scan(tmp_path)
    (tmp_path / "labels.csv").write_text("a,b\n1,2\n")
    assert qmar.locate(tmp_path) is None
