"""COCO keypoint JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.skeletons.importers.files import COCO, coco_results, person, read_all, read_one, refuses, with_confidence


def _write(path, document):
    path.write_text(json.dumps(document))
    return path


def _annotated(images, people, names=COCO):
    """Return annotations; people are (image id, (V, 3))."""
    annotations = [
        {"id": number, "image_id": image, "category_id": 1, "keypoints": one.reshape(-1).tolist(), "num_keypoints": 17, "iscrowd": 0}
        for number, (image, one) in enumerate(people)
    ]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person", "keypoints": list(names)}]}


def test_coco__results(tmp_path) -> None:
    frames = [[with_confidence(person(0), 0.7)], [], [with_confidence(person(2), 3.0)]]
    poses = read_one("coco", _write(tmp_path / "r.json", coco_results(frames)))
    assert poses.positions.shape == (1, 2, 17, 2)
    np.testing.assert_allclose(poses.timestamps, [0, 2 / 30])
    assert poses.confidence[0, :, 0] == pytest.approx([0.7, 1.0])


def test_coco__alphapose_results_name_their_images(tmp_path) -> None:
    results = coco_results([[with_confidence(person(0))], [with_confidence(person(1))]])
    for result in results:
        result["image_id"] = f"{result['image_id']}.jpg"
    poses = read_one("coco", _write(tmp_path / "r.json", results))
    assert poses.frames == 2


def test_coco__annotations_make_a_clip_per_folder_and_visibility_is_confidence(tmp_path) -> None:
    names = [f"{video}/img_{number:03d}.jpg" for video in ("dive", "vault") for number in range(2)]
    images = [{"id": number, "file_name": name} for number, name in enumerate(names, start=10)]
    one = with_confidence(person(), 2)
    one[3, 2], one[4] = 1, 0
    document = _annotated(images, [(10, one), (11, one), (12, one), (13, one)])
    clips = read_all("coco", _write(tmp_path / "a.json", document))
    assert list(clips) == ["dive", "vault"]
    poses, _ = clips["dive"]
    assert poses.frames == 2
    assert poses.confidence[0, 0, 2:5].tolist() == [1, 0.5, 0]
    assert np.isnan(poses.positions[0, 0, 4]).all()


def test_coco__names_of_joints_go_before_their_number(tmp_path) -> None:
    document = _annotated([{"id": 1, "file_name": "0.jpg"}], [(1, with_confidence(person(), 2))], names=COCO[::-1])
    poses = read_one("coco", _write(tmp_path / "a.json", document))
    np.testing.assert_allclose(poses.positions[0, 0], person()[::-1])


def test_coco__videos_frames_and_tracks(tmp_path) -> None:
    images = [{"id": n, "video_id": 5, "frame_id": n} for n in range(2)]
    document = _annotated(
        images, [(0, with_confidence(person(0), 2)), (1, with_confidence(person(900), 2)), (1, with_confidence(person(1), 2))]
    )
    for annotation, track in zip(document["annotations"], (1, 1, 2), strict=True):
        annotation["track_id"] = track
    poses = read_one("coco", _write(tmp_path / "a.json", document))
    np.testing.assert_allclose(poses.positions[0], np.stack([person(0), person(900)]))
    assert poses.positions.shape[0] == 2


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("x", "expected COCO annotations or results, found text"),
        ([], "nobody was detected"),
        ({"images": []}, "the key 'annotations' is missing"),
        ({"annotations": []}, "the key 'images' is missing"),
        ({"images": [], "annotations": [{"image_id": 3}]}, "annotations[0]: there is no image with the id 3"),
        ({"images": [{"id": 1}, {"id": 1}], "annotations": []}, "images[1]: the image id 1 appears twice"),
        ({"images": [{"id": 1, "file_name": 4}], "annotations": []}, "'file_name' must be text, found a whole number"),
        ([{"image_id": 1.5}], "'image_id' must be a whole number or text, found a number"),
        ([{"image_id": "front"}], "must be a number or a file name that ends in one, found 'front'"),
        ([{"image_id": 1, "keypoints": [1] * 50}], "expected three numbers per joint, found 50 numbers"),
        ([{"image_id": 1, "keypoints": [1] * 30}], "expected 17, 18, 20, 25, 26, 33, 133 joints, found 10"),
        ([{"image_id": 1, "keypoints": [1] * 51}, {"image_id": 2, "keypoints": [1] * 54}], "[1], keypoints: expected 51 numbers, found 54"),
        (
            [{"image_id": n, "keypoints": [1] * 51} for n in (139, 140, 2_000_139)],
            "3 frames are numbered 139 to 2000139: too few for one clip",
        ),
        (_annotated([{"id": 1}], [(1, person(0, 17, 3))]), "expected a visibility of 0, 1 or 2, found 3"),
        (_annotated([{"id": 1}], [(1, person(0, 18, 3) * 0)]), "category 1 names 17 joints, found 18"),
        (_annotated([{"id": 1}], [(1, person(0, 17, 3) * 0)], names=["a"] * 17), "the joint name(s) a appear twice"),
        ({"images": [], "annotations": [], "categories": 3}, "'categories' must be a list, found a whole number"),
    ],
)
def test_coco__defects(tmp_path, document, message) -> None:
    refuses("coco", _write(tmp_path / "c.json", document), message)
