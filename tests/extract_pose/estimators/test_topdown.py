"""The arithmetic around a top-down network, against mmpose's own over one crop at a time."""

from __future__ import annotations

import numpy as np
import pytest

from stages import openmmlab
from stages.extract_pose.estimators import topdown
from stages.extract_pose.estimators.letterbox import Letterbox
from stages.extract_pose.estimators.topdown import Crop

RANDOM = np.random.default_rng(0)
FRAMES = [RANDOM.integers(0, 256, (120 + 10 * number, 160, 3), dtype=np.uint8) for number in range(6)]
CORNERS = RANDOM.uniform(-20, 100, (6, 2))
BOXES = np.concatenate([CORNERS, CORNERS + RANDOM.uniform(1, 90, (6, 2))], axis=1).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    openmmlab.prepare()


@pytest.mark.parametrize("udp", [False, True], ids=["plain", "udp"])
@pytest.mark.parametrize("size", [(192, 256), (96, 64), (48, 48)], ids=["tall", "wide", "square"])
def test_cut__is_topdown_affine_to_the_byte(size: tuple[int, int], udp: bool) -> None:
    from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

    crop = Crop(size, padding=1.3, udp=udp, rgb=False)
    ours = np.zeros((len(FRAMES), size[1], size[0], 3), dtype=np.uint8)
    regions = topdown.cut(FRAMES, BOXES, crop, ours)
    for number, (frame, box) in enumerate(zip(FRAMES, BOXES, strict=True)):
        theirs = TopdownAffine(size, use_udp=udp)(GetBBoxCenterScale(1.3)({"img": frame, "bbox": box[None]}))
        assert np.array_equal(ours[number], theirs["img"])
        assert np.array_equal(regions.centres[number], theirs["input_center"])
        assert np.array_equal(regions.extents[number], theirs["input_scale"])


def test_cut__rgb_turns_the_channels() -> None:
    plain, turned = (np.zeros((1, 64, 48, 3), dtype=np.uint8) for _ in range(2))
    topdown.cut(FRAMES[:1], BOXES[:1], Crop((48, 64), rgb=False), plain)
    topdown.cut(FRAMES[:1], BOXES[:1], Crop((48, 64), rgb=True), turned)
    assert np.array_equal(plain[..., ::-1], turned)


def test_heatmap_joints__is_msra_heatmap_for_every_place_of_the_peak() -> None:
    from mmpose.codecs import MSRAHeatmap

    maps = RANDOM.random((12 * 16, 2, 16, 12)).astype(np.float32)
    for number in range(12 * 16):  # each place once: corners, edges and inside
        maps[number, 0, number // 12, number % 12] = 2.0
    maps[0, 1] = -1.0  # nothing seen
    codec = MSRAHeatmap(input_size=(48, 64), heatmap_size=(12, 16), sigma=2)
    positions, confidence = topdown.heatmap_joints(maps, (48, 64))
    for number, each in enumerate(maps):
        theirs, sure = codec.decode(each)
        assert np.array_equal(positions[number], theirs[0]), number
        assert np.array_equal(confidence[number], sure[0])


def test_simcc_joints__is_simcc_label() -> None:
    from mmpose.codecs import SimCCLabel

    along_x, along_y = (RANDOM.normal(0, 1, (5, 17, bins)).astype(np.float32) for bins in (96, 128))
    along_x[0, 0] = -1.0
    codec = SimCCLabel(input_size=(48, 64), sigma=6.0, simcc_split_ratio=2.0, normalize=False, use_dark=False)
    positions, confidence = topdown.simcc_joints(along_x, along_y, (48, 64))
    theirs, sure = codec.decode(along_x, along_y)
    assert np.array_equal(positions, theirs)
    assert np.array_equal(confidence, sure)


@pytest.mark.parametrize("frame", [*FRAMES[:3], FRAMES[0].transpose(1, 0, 2)], ids=["wide", "wider", "widest", "tall"])
def test_letterbox__is_bottomup_resize_to_the_byte(frame: np.ndarray) -> None:
    from mmpose.datasets.transforms import BottomupResize

    frame = np.ascontiguousarray(frame)
    theirs = BottomupResize((128, 128), pad_val=(114, 114, 114))({"img": frame, "ori_shape": frame.shape[:2]})
    box = Letterbox((128, 128))
    assert np.array_equal(box.fit(frame), theirs["img"])
    place = np.array([[3.0, 50.0]])
    expected = place / theirs["input_size"] * theirs["input_scale"] + theirs["input_center"] - 0.5 * theirs["input_scale"]
    assert np.allclose(box.to_frame(place, frame), expected)


@pytest.mark.parametrize("corner", [False, True], ids=["centred", "corner"])
def test_letterbox__there_and_back(corner: bool) -> None:
    frame = np.zeros((50, 100, 3), dtype=np.uint8)
    frame[39:42, 69:72] = 255
    box = Letterbox((64, 64), corner=corner)
    y, x = np.argwhere((box.fit(frame) > 200).all(2)).mean(0)
    assert np.abs(box.to_frame(np.array([x, y]), frame) - (70, 40)).max() < 1.5
