"""Published maps: DensePose's IUV and masked depth in their layouts, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.extract_maps.config import ExtractMapsConfig
from stages.extract_maps.pictures import pictures
from stages.skeletons.body_maps import nearness
from stages.video.frame import Source
from tests.extract_maps.made import depth, iuv, write

CONFIG = ExtractMapsConfig(source="pictures", size=32)


def test_iuv__one_square_around_all_frames_in_the_published_channels(tmp_path: Path) -> None:
    folder = write(tmp_path / "clip", [iuv(12, 10), iuv(24, 40), np.zeros_like(iuv())], "frame_{:04d}_IUV.png")
    maps = pictures(Source(folder), CONFIG)
    assert (maps.images.shape, maps.images.dtype, maps.facts["kind"]) == ((1, 3, 3, 32, 32), np.uint8, "iuv")
    np.testing.assert_allclose(maps.timestamps, [0, 1 / 30, 2 / 30])
    view = maps.facts["views"][0]
    assert (view["name"], view["yaw"], view["pitch"], view["box"]) == ("original", 0.0, 0.0, [8.0, 3.0, 52.0, 47.0])
    first, second, empty = maps.images[0]
    assert [set(np.unique(image[0])) for image in (first, second, empty)] == [{0, 120}, {0, 240}, {0}]
    assert first[2].max() == 200
    assert (np.diff(first[1][first[0] > 0].reshape(-1, (first[0] > 0).any(axis=0).sum())[:, 0].astype(int)) >= 0).all()
    columns = [np.flatnonzero(image[0].any(axis=0)).mean() for image in (first, second)]
    assert columns[1] - columns[0] == pytest.approx(30 * 32 / 44, abs=0.6)


def test_depth__nearness_in_each_frame_around_its_own_body(tmp_path: Path) -> None:
    maps = pictures(Source(write(tmp_path / "S001C001P001R001A001", [depth(), depth(near=4000), np.zeros_like(depth())])), CONFIG)
    assert maps.facts["kind"] == "depth"
    first, second, empty = maps.images[0]
    np.testing.assert_array_equal(first, second)
    assert not empty.any()
    assert (first == first[:1]).all()
    values = first[0]
    assert values.max() == round(float(nearness(np.array(-0.5))))
    assert np.median(values[values > 0]) == round(float(nearness(np.array(0.0))))
    assert not values[0].any()


def test_window_and_thinning__take_the_pictures_of_the_clip(tmp_path: Path) -> None:
    folder = write(tmp_path / "clip", [iuv(number + 1) for number in range(20)], "{:03d}.png")
    maps = pictures(Source(folder, 0.2, 0.6), CONFIG)
    assert [int(image[0].max()) // 10 for image in maps.images[0]] == list(range(7, 19))
    assert maps.timestamps[0] == 0
    thinned = pictures(Source(folder), CONFIG.model_copy(update={"fps": 6.0}))
    assert [int(image[0].max()) // 10 for image in thinned.images[0]] == [1, 6, 11, 16]
    few = pictures(Source(folder), CONFIG.model_copy(update={"frames": 3}))
    assert [int(image[0].max()) // 10 for image in few.images[0]] == [1, 11, 20]
    with pytest.raises(ArtifactError, match="window lies behind the 20 pictures"):
        pictures(Source(folder, 5.0, 6.0), CONFIG)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (iuv()[..., 0], r"0002.png has 8 bits and 1 channel\(s\); expected DensePose's IUV \(8 bits, three channels\) or masked depth"),
        (np.dstack([iuv(), iuv()[..., :1]]), r"has 8 bits and 4 channel\(s\)"),
        (iuv().astype(np.uint16), r"has 16 bits and 3 channel\(s\)"),
        (iuv(25), r"0002.png is no IUV map: its first channel goes up to 25, DensePose has 24 parts"),
        (iuv(size=(80, 48)), r"0002.png is 80 × 48 of 8 bits, the pictures before it are 64 × 48 of 8 bits"),
        (depth(), r"0002.png is 64 × 48 of 16 bits, the pictures before it are 64 × 48 of 8 bits"),
    ],
    ids=["grey", "four-channels", "sixteen-bits", "parts", "size", "kind"],
)
def test_pictures__of_another_kind(tmp_path: Path, wrong: np.ndarray, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        pictures(Source(write(tmp_path / "clip", [iuv(), wrong], "{:04d}.png")), CONFIG)


def test_pictures__unreadable_empty_and_none(tmp_path: Path) -> None:
    folder = write(tmp_path / "clip", [iuv(), iuv()])
    (folder / "MDepth-00000002.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(ArtifactError, match=r"MDepth-00000002.png cannot be read as a picture"):
        pictures(Source(folder), CONFIG)
    with pytest.raises(ArtifactError, match=r"All pictures in .*blank are empty: they show background only"):
        pictures(Source(write(tmp_path / "blank", [np.zeros_like(depth())] * 3)), CONFIG)
    (tmp_path / "none").mkdir()
    with pytest.raises(ArtifactError, match="holds no numbered images"):
        pictures(Source(tmp_path / "none"), CONFIG)
    with pytest.raises(ArtifactError, match="is a video, expected a folder of numbered pictures"):
        pictures(Source(tmp_path / "film.mp4"), CONFIG)
