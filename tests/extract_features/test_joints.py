"""Squares around joints and heat maps."""

from __future__ import annotations

import numpy as np
import pytest

from stages.errors import ArtifactError
from stages.extract_features import joints
from stages.extract_features.clip import draw
from stages.extract_features.config import ExtractFeaturesConfig, HeatmapConfig
from stages.skeletons.layouts import layout_named
from stages.skeletons.poses import sequence
from stages.video.sampling import Sampling

COCO = layout_named("coco-17")


def _poses(frames: int = 5, units: str = "px", axes: int = 2):
    positions = np.full((1, frames, 17, axes), np.nan, np.float32)
    positions[0, :, 0] = 10.0
    positions[0, 1, 1] = 20.0
    positions[0, 3, 1] = 40.0
    return sequence(positions, COCO, fps=10, units=units)


def test_centres__interpolated_in_time_and_held_at_the_ends() -> None:
    found = joints.centres(_poses(), np.array([0.0, 0.1, 0.15, 0.2, 0.3, 0.4]))
    assert found.shape == (6, 17, 2)
    np.testing.assert_allclose(found[:, 1, 0], [20, 20, 25, 30, 40, 40])
    assert np.isnan(found[:, 2:]).all()


@pytest.mark.parametrize(("units", "axes", "found"), [("m", 2, "2-D ones in m"), ("mm", 3, "3-D ones in mm")])
def test_centres__need_pixels(units, axes, found) -> None:
    with pytest.raises(ArtifactError, match=f"Patches need poses in pixels of the video, found {found}"):
        joints.centres(_poses(units=units, axes=axes), np.zeros(1))


def test_centres__of_the_clip_s_own_time_only() -> None:
    assert joints.centres(_poses(), np.linspace(0, 0.44, 12)).shape == (12, 17, 2), "a tenth at the end may be missing"
    message = r"of another stretch of time: they reach from 0\.00 to 0\.40 s, the clip from 0\.00 to 2\.00 s\.\n  hint: aqa extract-pose"
    with pytest.raises(ArtifactError, match=message):
        joints.centres(_poses(), np.linspace(0, 2, 20))
    with pytest.raises(ArtifactError, match=r"reach from 0\.00 to 0\.40 s, the clip from -1\.00 to 0\.40 s"):
        joints.centres(_poses(), np.linspace(-1, 0.4, 20))


def test_squares__as_large_as_the_trunk_says_whatever_the_size_of_the_picture() -> None:
    positions = np.full((2, 3, 17, 2), np.nan, np.float32)
    for name, place in (("left_hip", (10, 50)), ("right_hip", (20, 50)), ("left_shoulder", (10, 10)), ("right_shoulder", (20, 10))):
        positions[0, :, COCO.index[name]] = place
    positions[0, 2, COCO.index["left_hip"]] = positions[0, 2, COCO.index["right_hip"]] = (15, 410)
    positions[1] = 7.0
    poses, times = sequence(positions, COCO, fps=10, units="px"), np.array([0.0, 0.1, 0.2])
    config = ExtractFeaturesConfig(patches=True, patch_size=0.5, patch_unit="trunk")
    found = joints.squares(poses, times, config)
    assert found.side == 20, "half of the first person's median trunk, 40"
    assert found.resized(0.5, 0.5).side == 10
    assert found.resized(0.5, 0.25).centres[0, COCO.index["left_hip"]].tolist() == [5, 12.5]
    assert joints.squares(poses, times, ExtractFeaturesConfig(patches=True)).side is None
    positions[0, :, [COCO.index["left_hip"], COCO.index["right_hip"]]] = np.nan
    with pytest.raises(ArtifactError, match=r"In no frame are both hips and shoulders seen.*\n  hint: --set patch_unit=frame"):
        joints.squares(sequence(positions, COCO, fps=10, units="px"), times, config)


def test_config__the_unit_of_squares_counts_only_where_there_are_some() -> None:
    assert "patch_unit" not in ExtractFeaturesConfig(patch_unit="trunk").document()
    assert "patch_unit" not in ExtractFeaturesConfig(patches=True).document(), "as before there was a choice"
    assert ExtractFeaturesConfig(patches=True, patch_unit="trunk").document()["patch_unit"] == "trunk"


def test_heat_maps__a_gaussian_where_the_joint_is_as_high_as_its_confidence() -> None:
    positions = np.full((1, 2, 17, 2), np.nan, np.float32)
    positions[0, 0, :2] = [[0, 0], [100, 50]]
    positions[0, 1, 0] = [50, 50]
    confidence = np.zeros((1, 2, 17))
    confidence[0, 0, :2], confidence[0, 1, 0] = (1.0, 0.5), 1.0
    poses = sequence(positions, COCO, confidence=confidence, units="px")
    config = HeatmapConfig(size=11, sigma=1.0, margin=0.0)  # ten cells are 100 pixels; the square reaches from y = -25 to 75
    maps = joints.heat_maps(poses, np.array([0, 1, -1]), config)
    assert (maps.dtype, maps.shape) == (np.float16, (3, 17, 11, 11))
    rows = np.arange(11)
    expected = np.exp(-((rows[:, None] - 2.5) ** 2 + rows[None] ** 2) / 2)
    np.testing.assert_allclose(maps[0, 0], expected, atol=1e-3)
    assert maps[0, 1].max() == pytest.approx(0.5 * np.exp(-0.125), abs=1e-3)
    assert np.unravel_index(maps[1, 0].argmax(), (11, 11)) in {(7, 5), (8, 5)}
    assert (maps[0, 2:] == 0).all()
    assert (maps[2] == 0).all()


def test_heat_maps__of_several_people_the_larger_value() -> None:
    positions = np.zeros((2, 1, 17, 2), np.float32)
    positions[1] = 100
    both = joints.heat_maps(sequence(positions, COCO, units="px"), np.array([0]), HeatmapConfig(size=8))
    peaks = np.sort(both[0, 0].ravel())[-2:]
    assert (peaks > 0.2).all()
    with pytest.raises(ArtifactError, match="Heat maps need two-dimensional poses"):
        joints.heat_maps(_poses(axes=3), np.array([0]), HeatmapConfig())


def test_draw__one_segment_per_frame_or_as_many_as_are_asked_for() -> None:
    config = HeatmapConfig(size=8)
    whole = draw(_poses(), Sampling(), config, "float16")
    assert whole.features.shape == (1, 5, 17, 8, 8)
    assert whole.sampling["views"][0]["frames"] == [[0], [1], [2], [3], [4]]
    padded = draw(_poses(), Sampling(frames=7, pad="front"), config, "float16")
    assert [row[0] for row in padded.sampling["views"][0]["frames"]] == [-1, -1, 0, 1, 2, 3, 4]
    assert (padded.features[0, :2] == 0).all()
    assert (padded.features[0, 2:] == whole.features[0]).all()
