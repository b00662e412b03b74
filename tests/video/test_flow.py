"""TV-L1 flow: its bounds, which frames it needs, and that a cache changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from stages.artifacts import store
from stages.errors import MissingDependencyError
from stages.video import flow, opencv
from stages.video.flow import CHUNK, Cache


def _textured(shift: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A smooth random picture, moved ``shift`` pixels to the right."""
    noise = np.random.default_rng(0).uniform(0, 255, (height, width + 80)).astype(np.float32)
    smooth = opencv.cv2().GaussianBlur(noise, (0, 0), 3)
    stretched = np.clip((smooth - smooth.mean()) * 6 + 128, 0, 255).astype(np.uint8)
    return stretched[:, 40 - shift : 40 - shift + width]


def test_tv_l1__a_move_of_two_pixels_to_the_right() -> None:
    found = flow.tv_l1()(_textured(0), _textured(2))
    assert (found.dtype, found.shape) == (np.float16, (48, 64, 2))
    middle = found[10:-10, 10:-10].astype(np.float64) * flow.BOUND
    assert np.median(middle[..., 0]) == pytest.approx(2, abs=0.1)
    assert np.median(middle[..., 1]) == pytest.approx(0, abs=0.1)


def test_bounded__cut_off_at_twenty_pixels() -> None:
    assert flow.bounded(np.array([-50.0, -20, -10, 0, 5, 20, 21])).tolist() == [-1, -1, -0.5, 0, 0.25, 1, 1]


@pytest.mark.parametrize(
    ("wanted", "total", "needed"),
    [([0, 1, 2], 10, [0, 1, 2, 3]), ([2, 7], 10, [2, 3, 7, 8]), ([8, 9], 10, [8, 9]), ([9], 10, [8, 9]), ([0], 1, [0])],
    ids=["neighbours", "apart", "the last repeats the one before", "the last alone", "one frame"],
)
def test_frames_needed(wanted, total, needed) -> None:
    assert flow.frames_needed(wanted, total) == needed


def test_stream__each_frame_to_the_next_and_the_last_repeats() -> None:
    greys = [_textured(shift) for shift in (0, 1, 3, 6)]
    single = flow.tv_l1()
    found = dict(flow.stream(enumerate(greys), [0, 2, 3], 4))
    assert list(found) == [0, 2, 3]
    np.testing.assert_array_equal(found[0], single(greys[0], greys[1]))
    np.testing.assert_array_equal(found[2], single(greys[2], greys[3]))
    np.testing.assert_array_equal(found[3], found[2])


def test_stream__one_frame_does_not_move() -> None:
    [(index, found)] = flow.stream([(0, _textured(0))], [0], 1)
    assert index == 0
    assert (found == 0).all()


def _cache(folder, video: str = "a"):
    return Cache(folder, video, 256, np.arange(200) / 25)


def _numbered(asked: list[int]):
    def compute(missing):
        for index in missing:
            asked.append(index)
            yield index, np.full((2, 3, 2), index / 256, np.float16)

    return compute


def test_cache__keeps_what_was_computed_and_adds_to_it(tmp_path) -> None:
    asked: list[int] = []
    first = dict(_cache(tmp_path).stream([3, 5, CHUNK + 1], _numbered(asked)))
    assert asked == [3, 5, CHUNK + 1]
    second = dict(_cache(tmp_path).stream([3, 4, 5, CHUNK + 1], _numbered(asked)))
    assert asked == [3, 5, CHUNK + 1, 4]
    assert all((first[index] == second[index]).all() for index in first)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000.h5", f"{CHUNK:06d}.h5"]
    artifact = store.read(tmp_path / "000000.h5", "flow")
    assert artifact.documents["clip"]["frames"] == [3, 4, 5]
    assert artifact.arrays["flow"].shape == (3, 2, 2, 3)
    assert artifact.arrays["timestamps"].tolist() == [3 / 25, 4 / 25, 5 / 25]


@pytest.mark.parametrize("harm", ["another video", "damaged"])
def test_cache__what_does_not_fit_is_made_anew(tmp_path, harm) -> None:
    asked: list[int] = []
    list(_cache(tmp_path).stream([1, 2], _numbered(asked)))
    if harm == "damaged":
        path = tmp_path / "000000.h5"
        path.write_bytes(path.read_bytes()[:-100])
    list(_cache(tmp_path, "b" if harm == "another video" else "a").stream([1], _numbered(asked)))
    assert asked == [1, 2, 1]


def test_without_tv_l1__exit_5_with_the_command_that_mends_it(monkeypatch) -> None:
    monkeypatch.delattr(opencv.cv2(), "optflow")
    with pytest.raises(MissingDependencyError, match=r"has no TV-L1 optical flow[\s\S]*pip install opencv-contrib-python"):
        flow.tv_l1()
