"""The generated people on film: what is painted lies where the truth says, and is the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.datasets.generated import Clip, film
from stages.datasets.generated.film import camera, figure, room, wardrobe
from stages.datasets.generated.film.shoot import shoot
from stages.engine.progress import Silent
from stages.engine.seeding import generator
from stages.errors import UsageError
from stages.skeletons.layouts import COCO_17


@pytest.fixture(scope="module")
def shot() -> film.Film:
    whole = film.film_of(Clip("s01/c1", 0))
    return film.Film(whole.clip, whole.body[::20], whole.lens)


def test_frames__are_the_same_each_time_and_differ_between_clips(shot) -> None:
    first, again = list(film.frames(shot)), list(film.frames(shot))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[0].shape == (film.SIZE[1], film.SIZE[0], 3)
    assert first[0].dtype == np.uint8
    other = film.film_of(Clip("s01/c2", 0))
    assert not np.array_equal(next(film.frames(other)), first[0])


def test_truth__joints_lie_on_the_painted_body_and_nowhere_else_is_painted(shot) -> None:
    look = wardrobe.draw_look(shot.clip.random_of_subject("look"))
    grey = np.full((film.SIZE[1], film.SIZE[0], 3), 128, np.uint8)
    joints = film.truth(shot).positions[0]
    for image, points in zip(figure.painted(grey, shot.body, shot.lens, look), joints, strict=True):
        person = (np.abs(image.astype(int) - 128) > 3).any(axis=2)
        rows, columns = np.nonzero(person)
        inside = [person[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].any() for x, y in points]
        assert all(inside)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = 0.25 * (high - low).max()  # flesh, hands and hair
        assert low[0] - margin < columns.min() <= columns.max() < high[0] + margin
        assert low[1] - margin < rows.min() <= rows.max() < high[1] + margin


def test_truth__whole_movement_is_in_the_picture_and_the_left_hand_on_its_right() -> None:
    for number in range(1, 8):
        clip = film.film_of(Clip(f"s{number:02d}/c1", 3))
        joints = film.truth(clip).positions[0]
        assert (joints >= 0).all()
        assert (joints <= np.array(film.SIZE) - 1).all()
        left, right = (joints[:, COCO_17.index[f"{side}_hip"], 0].mean() for side in ("left", "right"))
        assert left > right  # people face the camera


def test_coco__nose_is_before_the_head_and_ears_beside_it(shot) -> None:
    points = dict(zip(COCO_17.joints, camera.coco(shot.body)[0], strict=True))
    centre, (left, up, forward) = (array[0] for array in camera.head_axes(shot.body))
    assert np.allclose([left @ up, left @ forward, up @ forward], 0, atol=1e-9)
    assert forward[2] < 0  # towards the camera
    assert (points["nose"] - centre) @ forward == pytest.approx(camera.HEAD)
    assert (points["left_ear"] - centre) @ left == pytest.approx(0.85 * camera.HEAD)
    assert (points["right_ear"] - centre) @ left == pytest.approx(-0.85 * camera.HEAD)


def test_exposed__adds_noise_of_the_stated_strength() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    images = np.stack(list(room.exposed([grey] * 30, generator("film"))))
    assert np.std(images.astype(float) - images.mean(axis=(1, 2, 3), keepdims=True)) == pytest.approx(room.NOISE, rel=0.1)
    assert np.std(images.mean(axis=(1, 2, 3))) > 0.5


def test_shoot__writes_each_video_once_and_the_manifest(tmp_path: Path) -> None:
    from stages.video.opencv import cv2

    assert shoot("generated-1x2+0", tmp_path, Silent()) == (2, 0)
    assert (tmp_path / "manifest.csv").read_text(encoding="utf-8").count("s01/c") == 2
    video = cv2().VideoCapture(str(tmp_path / "s01" / "c1.mp4"))
    assert video.get(cv2().CAP_PROP_FRAME_COUNT) == len(film.film_of(Clip("s01/c1", 0)).body)
    (tmp_path / "s01" / "c1.mp4").unlink()
    assert shoot("generated-1x2+0", tmp_path, Silent()) == (1, 1)
    assert shoot("generated-1x2+0", tmp_path, Silent(), overwrite=True) == (2, 0)


def test_shoot__only_generated_sets() -> None:
    with pytest.raises(UsageError, match="Only a generated set can be filmed, found 'kimore'"):
        shoot("kimore", Path("unused"), Silent())
