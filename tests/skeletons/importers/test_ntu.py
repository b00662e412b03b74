"""NTU RGB+D ``.skeleton``."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.skeletons.importers.files import ntu_text, read_all, read_one, refuses


@pytest.fixture
def file(tmp_path):
    return tmp_path / "S001C002P003R001A050.skeleton"


def test_ntu__the_real_clip(shared) -> None:
    clip = shared / "data/ntu/S001C001P001R001A001.skeleton"
    poses, values = read_all("ntu", clip)[""]
    assert poses.positions.shape == (1, 103, 25, 3)
    assert poses.fps == pytest.approx(30)
    assert (poses.units, poses.origin, poses.layout.name) == ("m", "camera", "kinect-25")
    assert poses.positions[0, 0, 0] == pytest.approx([0.2181153, 0.1725972, 3.785547])
    seen = poses.positions[0]
    index = poses.layout.index
    height = np.linalg.norm(seen[:, index["head"]] - (seen[:, index["left_ankle"]] + seen[:, index["right_ankle"]]) / 2, axis=1)
    assert 1.2 < np.median(height) < 1.9
    assert values == {"setup": "S001", "view": "C001", "subject": "P001", "repetition": "R001", "action": "A001"}
    assert set(np.unique(poses.confidence)) <= {0.5, 1.0}


def test_ntu__bodies_are_tracked_by_id_whatever_their_order(file) -> None:
    file.write_text(ntu_text([{"7": 0.1, "9": 2.0}, {"9": 2.1, "7": 0.2}, {"9": 2.2}, {}]))
    poses = read_one("ntu", file)
    assert poses.positions.shape == (2, 4, 25, 3)
    assert poses.clip["bodies"] == [{"id": "9", "frames": 3}, {"id": "7", "frames": 2}]
    np.testing.assert_allclose(poses.positions[0, :, 0, 0], [2.0, 2.1, 2.2, np.nan])
    np.testing.assert_allclose(poses.positions[1, :, 0, 0], [0.1, 0.2, np.nan, np.nan])
    assert poses.confidence[1, 2].max() == 0


@pytest.mark.parametrize(("state", "confidence"), [(1, 0.5), (2, 1.0)])
def test_ntu__tracking_state_is_confidence(file, state, confidence) -> None:
    file.write_text(ntu_text([{"1": 0.5}], state=state))
    assert read_one("ntu", file).confidence.min() == confidence


def test_ntu__joints_that_were_not_tracked_are_missing(file) -> None:
    lines = ntu_text([{"1": 0.5}]).splitlines()
    lines[4] = lines[4][:-1] + "0"
    file.write_text("\n".join(lines))
    poses = read_one("ntu", file)
    assert np.isnan(poses.positions[0, 0, 0]).all()
    assert np.isfinite(poses.positions[0, 0, 1:]).all()


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (0, "two", "line 1, the number of frames: expected a whole number, found 'two'"),
        (0, "-1", "line 1: expected the number of frames, found -1"),
        (0, "3", "truncated after line 57: expected the number of bodies in frame 3 of 3"),
        (0, "1", "line 30: expected the end of the file"),
        (2, "7 0 1", "line 3: expected 10 values for a body of frame 1 of 2, found 3"),
        (3, "24", "line 4: expected 25 joints, found 24"),
        (5, "1 2 3", "line 6: expected 12 values for a joint in frame 1 of 2, found 3"),
        (6, "x 1 3 4 5 6 7 8 9 10 11 2", "line 7: expected a number, found 'x'"),
        (6, "0 1 3 4 5 6 7 8 9 10 11 5", "line 7: expected a tracking state of 0, 1 or 2, found 5"),
    ],
)
def test_ntu__defects_name_the_line(file, line, text, message) -> None:
    lines = ntu_text([{"1": 0.5}, {"1": 0.6}]).splitlines()
    lines[line] = text
    file.write_text("\n".join(lines) + "\n")
    refuses("ntu", file, message)


def test_ntu__a_body_twice_in_a_frame(file) -> None:
    text = ntu_text([{"1": 0.5, "2": 0.6}]).replace("\n2 0 1 1", "\n1 0 1 1")
    file.write_text(text)
    refuses("ntu", file, "body 1 appears twice in frame 1 of 1")


@pytest.mark.parametrize("text", ["", "0\n", "1\n0\n"])
def test_ntu__nothing_in_it(file, text) -> None:
    file.write_text(text)
    refuses("ntu", file, {"": "truncated", "0\n": "no frames", "1\n0\n": "no frames"}[text])


def test_ntu__a_header_that_lies_costs_nothing(file) -> None:
    file.write_text(ntu_text([{"1": 0.5}], announced=10**9))
    started = time.monotonic()
    refuses("ntu", file, "frame 2 of 1000000000, found the end of the file")
    assert time.monotonic() - started < 2


def test_ntu__binary_garbage(file) -> None:
    file.write_bytes(b"\x89PNG\xff\xfe")
    refuses("ntu", file, "expected UTF-8 text, found the byte 0x89")


def test_ntu__another_skeleton_cannot_be_asked_for(file) -> None:
    file.write_text(ntu_text([{"1": 0.5}]))
    refuses("ntu", file, "has the joints of kinect-25, not of coco-17", skeleton="coco-17")
