"""Plain CSV: frame, joint_x, joint_y[, joint_z][, joint_confidence]."""

from __future__ import annotations

import numpy as np
import pytest

from tests.skeletons.importers.files import COCO, generic_text, read_one, refuses


def _rows(columns: int = 34, frames: int = 5) -> np.ndarray:
    return np.random.default_rng(3).uniform(1, 9, size=(frames, columns))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "clip.csv"


def test_csv__2d(file) -> None:
    rows = _rows()
    rows[2, 4] = np.nan
    file.write_text(generic_text(COCO, rows))
    poses = read_one("csv", file, fps=20)
    rows[2, 5] = np.nan  # a joint with one coordinate is no joint
    np.testing.assert_allclose(poses.positions[0], rows.reshape(5, 17, 2), rtol=1e-6)
    assert poses.confidence[0, 2, 2] == 0
    assert poses.fps == pytest.approx(20)


def test_csv__3d_with_confidence_and_other_spellings(file) -> None:
    rows = _rows(17 * 4)
    rows[:, 3::4] = 0.5
    names = tuple("".join(word.title() for word in name.split("_")).replace("Left", "L").replace("Right", "R") for name in COCO)
    file.write_text("﻿" + generic_text(names, rows, ("x", "y", "z", "confidence")))
    poses = read_one("csv", file)
    assert poses.layout.name == "coco-17"
    np.testing.assert_allclose(poses.positions[0], rows.reshape(5, 17, 4)[..., :3], rtol=1e-6)
    assert np.unique(poses.confidence).tolist() == [0.5]


def test_csv__defects(file) -> None:
    good = generic_text(COCO, _rows())
    cases = {
        "": "line 1: expected columns frame, <joint>_x, <joint>_y …; found nothing",
        good.replace("frame,", "time,"): "line 1: expected columns frame",
        good.replace("nose_y", "nose_w"): "line 1: expected <joint>_x, _y, _z or _confidence, found 'nose_w'",
        good.replace("nose_y", "nose_z"): "line 1: the column(s) nose_y are missing",
        good.replace("nose_y", "nose_x"): "line 1: the column 'nose_x' appears twice",
        good.replace("nose_y", "frame"): "line 1: the column 'frame' appears twice",
        good[:-30]: "row 6: expected 35 cells, found",
        good.replace("\n1,", "\none,"): "row 3, frame: expected a whole number, found 'one'",
        good.replace("\n1,", "\n2,"): "frame 2 appears twice",
        good.replace("\n4,", "\n4000000000,"): "5 frames are numbered 0 to 4000000000: too few for one clip",
        good.replace("\n4,", "\n4,x", 1): "row 6, nose_x: expected a number, found 'x",
        good.splitlines()[0]: "the clip has no frames",
        good.splitlines()[0] + "\n0" + "," * 34: "No joint was seen",
        generic_text(("a", "b"), _rows(4)): "the joint names fit no skeleton",
        good + '"' + "x" * 200_000: "is not a CSV file",
    }
    for text, message in cases.items():
        assert text != good, message
        file.write_text(text)
        refuses("csv", file, message)
