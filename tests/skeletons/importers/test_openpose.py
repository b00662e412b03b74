"""OpenPose JSON, one file per frame."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stages.errors import ArtifactError
from tests.skeletons.importers.files import openpose_frame, person, read_all, read_one, refuses, with_confidence


def test_openpose__body_25_several_people(tmp_path) -> None:
    left, right = person(0, 25), person(500, 25)
    files = [
        openpose_frame(tmp_path, 0, [with_confidence(left), with_confidence(right)]),
        openpose_frame(tmp_path, 1, [with_confidence(right + 1), with_confidence(left + 1)]),
        openpose_frame(tmp_path, 2, [with_confidence(left + 2)]),
    ]
    poses = read_one("openpose", *files, fps=25)
    assert poses.layout.name == "openpose-25"
    assert poses.positions.shape == (2, 3, 25, 2)
    np.testing.assert_allclose(poses.positions[0], np.stack([left, left + 1, left + 2]))
    np.testing.assert_allclose(poses.positions[1, :2], np.stack([right, right + 1]))
    assert np.isnan(poses.positions[1, 2]).all()
    assert poses.confidence[0].min() == pytest.approx(0.9)
    assert poses.fps == pytest.approx(25)
    assert poses.clip["fps_from"] == "option"
    assert (poses.units, poses.origin) == ("px", "image top left")


def test_openpose__18_joints_and_zero_confidence(tmp_path) -> None:
    found = with_confidence(person(0, 18))
    found[4] = 0
    poses = read_one("openpose", openpose_frame(tmp_path, 0, [found]))
    assert poses.layout.name == "openpose-18"
    assert np.isnan(poses.positions[0, 0, 4]).all()
    assert poses.confidence[0, 0, 4] == 0
    assert poses.clip["fps_from"] == "assumed"


def test_openpose__frames_that_are_missing_become_gaps(tmp_path) -> None:
    files = [openpose_frame(tmp_path, number, [with_confidence(person(number, 25))]) for number in (3, 4, 6)]
    poses = read_one("openpose", *files)
    assert poses.frames == 4
    assert np.isnan(poses.positions[0, 2]).all()
    assert poses.clip["frames_missing"] == 1


def test_openpose__every_fifth_frame_keeps_its_time(tmp_path) -> None:
    files = [openpose_frame(tmp_path, number, [with_confidence(person(number, 25))]) for number in (0, 5, 10)]
    poses = read_one("openpose", *files, fps=50)
    np.testing.assert_allclose(poses.timestamps, [0, 0.1, 0.2])


def test_openpose__empty_frames_are_frames(tmp_path) -> None:
    files = [openpose_frame(tmp_path, 0, []), openpose_frame(tmp_path, 1, [with_confidence(person(0, 25))])]
    poses = read_one("openpose", *files)
    assert poses.frames == 2
    assert np.isnan(poses.positions[0, 0]).all()


def test_openpose__nobody_anywhere(tmp_path) -> None:
    with pytest.raises(ArtifactError, match="nobody was detected in any frame"):
        read_all("openpose", openpose_frame(tmp_path, 0, []))


def test_openpose__the_number_of_joints_changes(tmp_path) -> None:
    files = [openpose_frame(tmp_path, 0, [with_confidence(person(0, 25))]), openpose_frame(tmp_path, 1, [with_confidence(person(0, 18))])]
    with pytest.raises(ArtifactError, match=r"squat_000000000001_keypoints.json, people\[0\]: 18 joints, but earlier frames"):
        read_all("openpose", *files)


def test_openpose__frame_numbers_that_lie_cost_nothing(tmp_path) -> None:
    files = [openpose_frame(tmp_path, number, [with_confidence(person(0, 25))]) for number in (0, 1, 999_999_999_999)]
    with pytest.raises(ArtifactError, match="3 frames are numbered 0 to 999999999999: too few for one clip"):
        read_all("openpose", *files)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "expected an object with 'people', found a list"),
        ({"persons": []}, "the key 'people' is missing; found persons"),
        ({"people": {}}, "'people' must be a list, found an object"),
        ({"people": [{"pose_keypoints_2d": [1, 2, 3]}]}, "expected 75 (25 joints) or 54 (18 joints) numbers, found 3"),
        ({"people": [{"pose_keypoints_2d": ["a"] * 75}]}, "people[0], pose_keypoints_2d: expected numbers, found text"),
        ({"people": [{"pose_keypoints_2d": [10**400] * 75}]}, "a number is too large"),
        ({"people": [{}]}, "the key 'pose_keypoints_2d' is missing"),
    ],
)
def test_openpose__defects(tmp_path, document, message) -> None:
    file = tmp_path / "squat_000000000000_keypoints.json"
    file.write_text(json.dumps(document))
    refuses("openpose", file, message)


def test_openpose__truncated(tmp_path) -> None:
    file = openpose_frame(tmp_path, 0, [with_confidence(person(0, 25))])
    file.write_text(file.read_text()[:100])
    refuses("openpose", file, "line 1, column")


def test_openpose__too_many_people(tmp_path) -> None:
    file = openpose_frame(tmp_path, 0, [with_confidence(person(0, 18))] * 101)
    with pytest.raises(ArtifactError, match="expected at most 100 people in a frame, found 101"):
        read_all("openpose", file)
