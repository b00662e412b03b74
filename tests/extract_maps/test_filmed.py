"""Silhouettes and frames of videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.extract_maps.config import ExtractMapsConfig
from stages.extract_maps.filmed import foreground, frames, silhouettes
from stages.video.frame import Source
from tests.extract_maps.made import room, walk
from tests.video.make import make_frames, make_video, number_of

CONFIG = ExtractMapsConfig(source="silhouettes", size=64)


def quiet(_: str) -> None:
    pass


@pytest.fixture
def film(tmp_path: Path) -> Source:
    return Source(make_video(tmp_path / "walk.avi", walk(), size=(160, 120), codec="MJPG"))


def test_silhouettes__follow_who_walks_in_one_square(film: Source) -> None:
    maps = silhouettes(film, CONFIG, quiet)
    assert (maps.images.shape, maps.facts["kind"]) == ((1, 30, 3, 64, 64), "silhouettes")
    assert (maps.images[0, :, 0] == maps.images[0, :, 2]).all()
    left, top, right, bottom = maps.facts["views"][0]["box"]
    assert right - left == bottom - top == pytest.approx(1.1 * (3 * 29 + 20), abs=6)
    inside = maps.images[0, :, 0] > 127
    centres = [np.flatnonzero(image.any(axis=0)).mean() for image in inside]
    scale = 64 / (right - left)
    np.testing.assert_allclose(np.diff(centres[5:25]).mean(), 3 * scale, rtol=0.05)
    heights, widths = (np.array([np.ptp(np.flatnonzero(image.any(axis=axis))) + 1 for image in inside]) for axis in (1, 0))
    np.testing.assert_allclose(heights, 60 * scale, atol=3.5)
    np.testing.assert_allclose(widths, 20 * scale, atol=3.5)


def test_silhouettes__of_large_frames_say_their_square_in_the_videos_own_pixels(tmp_path: Path) -> None:
    large = [np.repeat(np.repeat(image, 8, axis=0), 8, axis=1) for image in walk(12)]
    maps = silhouettes(Source(make_video(tmp_path / "large.avi", large, size=(1280, 960), codec="MJPG")), CONFIG, quiet)
    left, _, right, _ = maps.facts["views"][0]["box"]
    assert (left + right) / 2 == pytest.approx(8 * (20 + (3 * 11 + 20) / 2), abs=16)
    assert right - left == pytest.approx(8 * 1.1 * 60, abs=40)


def test_foreground__keeps_the_largest_parts() -> None:
    image = walk(30, second=True)[20]
    one, both = (foreground(image, room(), 30, people) for people in (1, None))
    assert (one[60, 90], one[20, 145]) == (255, 0)
    assert (both[60, 90], both[20, 145]) == (255, 255)
    assert not foreground(room(), room(), 30, None).any()
    speck = room()
    speck[5, 5] = 255
    assert not foreground(speck, room(), 30, None).any()


def test_foreground__a_small_hole_is_filled_and_a_gap_between_limbs_is_not() -> None:
    image = walk()[0]
    image[60:64, 27:31] = room()[60:64, 27:31]
    assert foreground(image, room(), 30, None)[61, 28] == 255
    ring = room()
    ring[20:100, 20:100] = 240
    ring[40:80, 40:80] = room()[40:80, 40:80]
    mask = foreground(ring, room(), 30, None)
    assert (mask[60, 60], mask[30, 60]) == (0, 255)


def test_foreground__faint_pixels_count_beside_clear_ones_only() -> None:
    image = room()
    image[40:80, 40:60] += 60
    image[40:80, 60:80] += 20
    image[40:80, 110:130] += 20
    mask = foreground(image, room(), 30, None)
    assert (mask[60, 50], mask[60, 70], mask[60, 120]) == (255, 255, 0)


def test_silhouettes__nobody_moves(tmp_path: Path) -> None:
    source = Source(make_video(tmp_path / "still.avi", [room()] * 8, size=(160, 120), codec="MJPG"))
    with pytest.raises(ArtifactError, match=r"still\.avi differs from its background by 20 of 255 or more: nobody moves, or too little"):
        silhouettes(source, CONFIG, quiet)


def test_frames__in_colour_thinned_by_time(tmp_path: Path) -> None:
    source = Source(make_frames(tmp_path / "clip", 20, size=(64, 48)))
    config = ExtractMapsConfig(source="frames", size=24, fps=10)
    maps = frames(source, config, quiet)
    assert (maps.images.shape, maps.facts["kind"]) == ((1, 7, 3, 24, 24), "frames")
    assert [number_of(image.transpose(1, 2, 0)) for image in maps.images[0]] == [0, 3, 6, 9, 12, 15, 18]
    np.testing.assert_allclose(maps.timestamps, np.arange(7) / 10, atol=1e-6)
    assert maps.facts["views"][0]["box"] == [8.0, 0.0, 56.0, 48.0]
    red = maps.images[0, 0, :, 1, 1]  # make_video's patch at the top left
    assert red.tolist() == [255, 0, 0]
