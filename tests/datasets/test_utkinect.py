"""UTKinect-Action3D: one file holds ten actions; the label file cuts them out."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from stages.datasets import utkinect
from stages.datasets.utkinect import Recording
from stages.errors import ArtifactError


def line(number: int, x: float) -> str:
    return f"{number}   " + "  ".join(f"{x} {joint} 2.0" for joint in range(20)) + "\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "joints").mkdir()
    # two bodies at frame 14: the second row is nearer to the one before
    rows = [(10, 0.0), (12, 0.1), (14, 5.0), (14, 0.2), (20, 0.3), (22, 0.4)]
    (tmp_path / "joints" / "joints_s01_e01.txt").write_text("".join(line(*row) for row in rows))
    (tmp_path / "actionLabel.txt").write_text(
        "s01_e01\nwalk: 10 16\nsitDown: 20 22 \nstandUp:  NaN NaN\npickUp: 19 23\ncarry: 100 200\njump: 1 2\n\ns02_e01\nwalk: 1 2\n"
    )
    return tmp_path


def test_scan__actions_and_problems(root: Path) -> None:
    found = utkinect.scan(root)
    assert list(found.sources) == ["s01_e01_walk", "s01_e01_sitDown", "s01_e01_pickUp", "s01_e01_carry"]
    assert found.manifest.by_clip()["s01_e01_standUp"].values == {"action": "standUp", "subject": "s01", "episode": "e01"}
    assert found.problems == [
        "actionLabel.txt, line 7: not a sequence nor an action with two frame numbers: 'jump: 1 2'",
        "s01_e01_standUp: actionLabel.txt gives no first and last frame",
        "s01_e01_pickUp: contains the frames of sitDown",
        "s02_e01_walk: no joints_s02_e01.txt",
    ]


def test_scan__no_labels(tmp_path: Path) -> None:
    (tmp_path / "actionLabel.txt").write_text("\n")
    with pytest.raises(ArtifactError, match="names no actions"):
        utkinect.scan(tmp_path)


def test_locate(root: Path) -> None:
    assert utkinect.locate(root) == root
    assert utkinect.locate(root / "joints") is None


def test_load__cut_by_frame_numbers_with_their_gaps(root: Path) -> None:
    poses = utkinect.load_poses(utkinect.scan(root).sources["s01_e01_walk"])
    np.testing.assert_allclose(poses.timestamps, [0, 2 / 30, 4 / 30])
    np.testing.assert_allclose(poses.positions[0, :, 0, 0], [0, 0.1, 0.2], rtol=1e-6)
    assert poses.clip["first_frame"] == 10
    assert poses.clip["defects"] == ["1 frame number(s) occur twice: the body nearer to the frame before is used"]


def test_load__no_frame_in_the_segment(root: Path) -> None:
    with pytest.raises(ArtifactError, match="has no frame from 100 to 200"):
        utkinect.load_poses(utkinect.scan(root).sources["s01_e01_carry"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("\n", "holds no frames"), ("1 2 3\n", r"expected 61 columns \(frame, 20 joints × 3\), found 3"), ("1 x\n", "line 1: not a row")],
    ids=["blank", "short", "text"],
)
def test_load__unreadable(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "joints.txt").write_text(text)
    with pytest.raises(ArtifactError, match=expected):
        utkinect.load_poses(Recording(tmp_path / "joints.txt", 1, 2))


def test_real__whole_data_set(shared: Path, tmp_path: Path) -> None:
    with tarfile.open(shared / "data/utkinect/joints.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = utkinect.locate(tmp_path)
    assert folder is not None
    found = utkinect.scan(folder)
    assert len(found.manifest) == 200
    assert len(found.sources) == 199
    assert found.problems == [
        "s03_e01_push: contains the frames of throw",
        "s10_e02_carry: actionLabel.txt gives no first and last frame",
    ]
    for clip in list(found.sources)[::25]:
        poses = utkinect.load_poses(found.sources[clip])
        assert (np.diff(poses.timestamps) > 0).all()
        assert 0.8 < np.median(poses.positions[0, :, 3, 1] - poses.positions[0, :, 15, 1]) < 2.2
