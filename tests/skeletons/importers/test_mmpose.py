"""MMPose prediction JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.skeletons.importers.files import COCO, mmpose_frame, person, read_one, refuses


def _write(path, document):
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("wrapped", [True, False], ids=["with meta_info", "bare list"])
def test_mmpose__a_video(tmp_path, wrapped) -> None:
    frames = [mmpose_frame(0, [person(0), person(500)]), mmpose_frame(1, [person(501), person(1)])]
    meta = {"dataset_name": "coco", "keypoint_id2name": {str(number): name for number, name in enumerate(COCO)}}
    poses = read_one("mmpose", _write(tmp_path / "v.json", {"meta_info": meta, "instance_info": frames} if wrapped else frames))
    assert poses.layout.name == "coco-17"
    np.testing.assert_allclose(poses.positions[0], np.stack([person(0), person(1)]))
    np.testing.assert_allclose(poses.positions[1], np.stack([person(500), person(501)]))
    assert poses.confidence.min() == pytest.approx(0.8)


def test_mmpose__an_image_is_one_frame(tmp_path) -> None:
    poses = read_one("mmpose", _write(tmp_path / "i.json", mmpose_frame(0, [person()])["instances"]))
    assert poses.positions.shape == (1, 1, 17, 2)


def test_mmpose__halpe_26_becomes_openpose_25(tmp_path) -> None:
    poses = read_one("mmpose", _write(tmp_path / "v.json", [mmpose_frame(0, [person(0, 26)])]))
    assert poses.layout.name == "openpose-25"
    assert poses.clip["joints_ignored"] == ["head"]
    np.testing.assert_allclose(poses.positions[0, 0, poses.layout.index["pelvis"]], person(0, 26)[19])
    np.testing.assert_allclose(poses.positions[0, 0, poses.layout.index["right_heel"]], person(0, 26)[25])


def test_mmpose__whole_body_is_cut_to_the_body(tmp_path) -> None:
    poses = read_one("mmpose", _write(tmp_path / "v.json", [mmpose_frame(0, [person(0, 133)])]))
    assert poses.layout.name == "coco-17"
    np.testing.assert_allclose(poses.positions[0, 0], person(0, 133)[:17])


def test_mmpose__3d_and_scores_of_zero(tmp_path) -> None:
    frame = mmpose_frame(0, [person(0, 17, 3)])
    frame["instances"][0]["keypoint_scores"][2] = 0.0
    frame["instances"][0]["keypoint_scores"][3] = 1.2
    poses = read_one("mmpose", _write(tmp_path / "v.json", [frame]))
    assert poses.positions.shape == (1, 1, 17, 3)
    assert np.isnan(poses.positions[0, 0, 2]).all()
    assert poses.confidence[0, 0, 3] == 1
    assert poses.units == "unknown"


def test_mmpose__track_ids_go_before_distance(tmp_path) -> None:
    frames = [mmpose_frame(0, [person(0), person(500)]), mmpose_frame(1, [person(0), person(500)])]
    for frame, ids in zip(frames, ([4, 8], [8, 4]), strict=True):
        for instance, track in zip(frame["instances"], ids, strict=True):
            instance["track_id"] = track
    poses = read_one("mmpose", _write(tmp_path / "v.json", frames))
    np.testing.assert_allclose(poses.positions[0], np.stack([person(0), person(500)]))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("text", "expected 'instance_info' or a list of frames, found text"),
        ({"meta_info": {}}, "the key 'instance_info' is missing"),
        ([], "the clip has no frames"),
        ([{"frame_id": 0, "instances": []}], "nobody was detected"),
        ([{"frame_id": "0", "instances": []}], "'frame_id' must be a whole number, found text"),
        ([{"frame_id": True, "instances": []}], "'frame_id' must be a whole number, found true or false"),
        ([mmpose_frame(1, [person()])] * 2, "frame 1 appears twice"),
        ([mmpose_frame(0, [person(0, 9)])], "instances[0]: expected 17, 18, 20, 25, 26, 33, 133 joints, found 9"),
        (
            [mmpose_frame(0, [person()]), mmpose_frame(1, [person(0, 18)])],
            "frame 1, instances[0]: expected 17 keypoints of 2 numbers, found (18, 2)",
        ),
        (
            [{"frame_id": 0, "instances": [{"keypoints": [[1, 2]] * 17, "keypoint_scores": [1]}]}],
            "keypoint_scores: expected 17 numbers, found 1",
        ),
        ([{"frame_id": 0, "instances": [{"keypoints": [[1, 2], [1]]}]}], "keypoints[1]: expected 2 numbers, found 1"),
        ([{"frame_id": 0, "instances": [{"keypoints": [1, 2]}]}], "'keypoints' must be [V][2 or 3]"),
        ({"meta_info": {"keypoint_id2name": {"1": "nose"}}, "instance_info": []}, "must number the joints from 0, found 1"),
    ],
)
def test_mmpose__defects(tmp_path, document, message) -> None:
    refuses("mmpose", _write(tmp_path / "v.json", document), message)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[" + "9" * 10_000 + "]"], ids=["empty", "cut", "deep", "huge number"])
def test_mmpose__text_that_is_no_json(tmp_path, text) -> None:
    file = tmp_path / "v.json"
    file.write_text(text)
    refuses("mmpose", file, "JSON")
