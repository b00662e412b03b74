"""Joint names, frame numbers and people: what the importers share."""

from __future__ import annotations

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.skeletons.importers.matching import match_count, match_names
from stages.skeletons.importers.people import Detection, gather, timeline
from stages.skeletons.layouts import COCO_17, KINECT_25, LAYOUTS, OPENPOSE_25, canonical_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LShoulder", "left_shoulder"),
        ("shoulder_left", "left_shoulder"),
        ("Shoulder.L", "left_shoulder"),
        ("Left Shoulder", "left_shoulder"),
        ("RBigToe", "right_big_toe"),
        ("LEFT_EYE_INNER", "left_eye_inner"),
        ("HandTipRight", "right_hand_tip"),
        ("SpineBase", "spine_base"),
        ("nose", "nose"),
    ],
)
def test_canonical_name__spellings(name, expected) -> None:
    assert canonical_name(name) == expected


@pytest.mark.parametrize(
    ("name", "joint"), [("MidHip", "pelvis"), ("CHip", "pelvis"), ("lhip", "left_hip"), ("rwrist", "right_wrist"), ("tail", None)]
)
def test_layout__joint_knows_other_tools_names(name, joint) -> None:
    assert OPENPOSE_25.joint(name) == joint


def test_layout__joint_knows_kinect_sdk_names() -> None:
    assert [KINECT_25.joint(name) for name in ("SpineBase", "SpineMid", "SpineShoulder", "ThumbLeft", "HandTipLeft")] == [
        "pelvis",
        "spine",
        "spine_shoulder",
        "left_thumb",
        "left_hand_tip",
    ]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=str)
def test_match_names__every_layout_is_found_from_its_own_names(layout) -> None:
    match = match_names(layout.joints[::-1], None, "file")
    assert match.layout is layout
    assert not match.missing
    values = np.arange(len(layout.joints), dtype=float)[::-1]
    np.testing.assert_array_equal(match.place(values, axis=0), np.arange(len(layout.joints)))


def test_match_names__an_exact_name_goes_before_an_alias() -> None:
    match = match_names(["Hip", *OPENPOSE_25.joints], None, "file")
    assert match.columns[OPENPOSE_25.index["pelvis"]] == OPENPOSE_25.index["pelvis"] + 1
    assert match.ignored == ("Hip",)


def test_match_names__too_few() -> None:
    with pytest.raises(ArtifactError, match=r"the joint names fit no skeleton; nearest is .* found snout, tail"):
        match_names(["snout", "tail"], None, "file")
    with pytest.raises(ArtifactError, match="nearest is coco-17 with 1 of 17 joints"):
        match_names(["nose"], COCO_17, "file")


def test_match_count__25_joints_depend_on_the_axes() -> None:
    assert match_count(25, 2, None, "file").layout is OPENPOSE_25
    assert match_count(25, 3, None, "file").layout is KINECT_25
    assert match_count(25, 2, KINECT_25, "file").layout is KINECT_25


def test_match_count__the_chosen_skeleton_has_another_number() -> None:
    with pytest.raises(ArtifactError, match=r"file: expected 17 \(coco-17\) joints, found 19"):
        match_count(19, 2, COCO_17, "file")


def test_timeline__gaps_and_steps() -> None:
    assert timeline([4, 5, 7], "f") == ([0, 1, 3], 4, 1)
    assert timeline([10, 0, 5], "f") == ([2, 0, 1], 3, 5)
    assert timeline([8], "f") == ([0], 1, 1)


def test_gather__people_who_cross_keep_their_place() -> None:
    path = np.linspace(0, 100, 21)
    detections = []
    for row, x in enumerate(path):
        left, right = np.full((17, 2), (x, 0.0)), np.full((17, 2), (100 - x, 40.0))
        detections += [Detection(row, points, np.ones(17)) for points in ((left, right) if row % 2 else (right, left))]
    positions, _ = gather(detections, len(path), "f")
    assert positions.shape[0] == 2
    assert {tuple(np.unique(person[..., 1])) for person in positions} == {(0.0,), (40.0,)}


def test_gather__who_leaves_and_comes_back() -> None:
    def at(row: int, x: float) -> Detection:
        return Detection(row, np.full((17, 2), x), np.ones(17))

    positions, confidence = gather([at(0, 0), at(0, 90), at(1, 91), at(2, 1), at(2, 92)], 3, "f")
    np.testing.assert_array_equal(positions[:, :, 0, 0], [[90, 91, 92], [0, np.nan, 1]])
    assert confidence[1, 1].max() == 0


def test_gather__a_track_twice_in_a_frame() -> None:
    twice = [Detection(0, np.ones((17, 2)), np.ones(17), "1")] * 2
    with pytest.raises(ArtifactError, match="a track id appears twice in one frame"):
        gather(twice, 1, "f")
