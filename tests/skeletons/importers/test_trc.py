"""TRC marker files."""

from __future__ import annotations

import numpy as np
import pytest

from tests.skeletons.importers.files import read_one, refuses, trc_text

HALPE = [
    *("Hip", "RHip", "RKnee", "RAnkle", "RBigToe", "RSmallToe", "RHeel", "LHip", "LKnee", "LAnkle", "LBigToe", "LSmallToe", "LHeel"),
    *("Neck", "Head", "Nose", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist"),
]


def _rows(frames: int = 4, markers: int = len(HALPE)) -> np.ndarray:
    return np.arange(frames * markers * 3, dtype=float).reshape(frames, markers, 3) / 100 + 0.01


@pytest.fixture
def file(tmp_path):
    return tmp_path / "squat.trc"


def test_trc__sports2d_markers_are_matched_by_name(file) -> None:
    rows = _rows()
    rows[1, 3] = np.nan
    file.write_text(trc_text(HALPE, rows))
    poses = read_one("trc", file)
    assert poses.layout.name == "openpose-25"
    index = poses.layout.index
    np.testing.assert_allclose(poses.positions[0, :, index["pelvis"]], rows[:, 0], rtol=1e-5)
    np.testing.assert_allclose(poses.positions[0, :, index["left_wrist"]], rows[:, -1], rtol=1e-5)
    assert np.isnan(poses.positions[0, 1, index["right_ankle"]]).all()
    assert poses.clip["joints_missing"] == ["right_eye", "left_eye", "right_ear", "left_ear"]
    assert poses.clip["joints_ignored"] == ["Head"]
    assert (poses.units, poses.fps, poses.clip["fps_from"]) == ("m", pytest.approx(60), "file")


@pytest.mark.parametrize(("units", "expected", "scale"), [("mm", "mm", 1), ("cm", "m", 0.01), ("px", "px", 1), ("inch", "unknown", 1)])
def test_trc__units(file, units, expected, scale) -> None:
    file.write_text(trc_text(HALPE, _rows(), units=units))
    poses = read_one("trc", file)
    assert poses.units == expected
    np.testing.assert_allclose(poses.positions[0, 0, poses.layout.index["pelvis"]], _rows()[0, 0] * scale, rtol=1e-4)


def test_trc__flat_files_are_2d(file) -> None:
    rows = _rows()
    rows[..., 2] = 0
    file.write_text(trc_text(HALPE, rows, units="px"))
    assert read_one("trc", file).positions.shape == (1, 4, 25, 2)


def test_trc__fps_option_goes_before_the_time_column(file) -> None:
    file.write_text(trc_text(HALPE, _rows()))
    assert read_one("trc", file, fps=10).fps == pytest.approx(10)


def test_trc__a_chosen_skeleton(file) -> None:
    file.write_text(trc_text(HALPE, _rows()))
    poses = read_one("trc", file, skeleton="coco-17")
    assert poses.layout.name == "coco-17"
    assert "left_eye" in poses.clip["joints_missing"]


def test_trc__defects(file) -> None:
    good = trc_text(HALPE, _rows())
    cases = {
        "": "line 1: expected a TRC header",
        good.replace("DataRate", "Rate"): "line 2: DataRate missing",
        good.replace("\t22\t", "\t23\t"): "line 4: expected 23 markers (NumMarkers), found 22",
        good.replace("\tRHip\t", "\tHip\t"): "the joint name(s) Hip appear twice",
        good[: good.rindex("\n", 0, -2) + 1]: "expected 4 frames (NumFrames), found 3; the file may be truncated",
        good[:-40]: "line 10: expected 68 cells, found",
        good.replace("0.010000", "0.01x", 1): "line 7: expected a number, found '0.01x'",
        good.replace("\t0.016667\t", "\t0.0\t"): "the times of the frames must increase",
        trc_text(HALPE, _rows(), frames=10**9): "expected 1000000000 frames (NumFrames), found 4",
        trc_text([f"M{n}" for n in range(22)], _rows()): "the joint names fit no skeleton; nearest is",
        trc_text(HALPE, np.full((2, 22, 3), np.nan)): "No joint was seen in any frame",
        trc_text(HALPE, _rows(0)): "the clip has no frames",
    }
    for text, message in cases.items():
        assert text != good, message
        file.write_text(text)
        refuses("trc", file, message)
