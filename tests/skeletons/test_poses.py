"""Pose sequences: what is filled in, what is refused, and the way into an artifact and back."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from stages.artifacts.store import Header
from stages.errors import ArtifactError
from stages.skeletons import poses
from stages.skeletons.layouts import COCO_17, KINECT_20
from stages.skeletons.poses import sequence

ONES = np.ones((4, 17, 2))


def test_sequence__fills_in_what_the_source_does_not_say() -> None:
    found = sequence(ONES, COCO_17, fps=25)
    assert found.positions.shape == (1, 4, 17, 2)
    assert found.positions.dtype == np.float32
    assert (found.confidence == 1).all()
    np.testing.assert_allclose(found.timestamps, [0, 0.04, 0.08, 0.12])
    assert found.frames == 4
    assert found.fps == pytest.approx(25)


def test_sequence__a_joint_with_a_missing_coordinate_is_missing() -> None:
    positions = ONES.copy()
    positions[1, 3, 0] = np.nan
    positions[2, 4, 1] = np.inf
    found = sequence(positions, COCO_17)
    assert np.isnan(found.positions[0, 1, 3]).all()
    assert np.isnan(found.positions[0, 2, 4]).all()
    assert np.argwhere(found.confidence == 0).tolist() == [[0, 1, 3], [0, 2, 4]]
    assert np.isinf(positions).sum() == 1, "the caller's array was changed"


def test_fps__single_frame() -> None:
    assert np.isnan(sequence(ONES[:1], COCO_17).fps)


@pytest.mark.parametrize(
    ("positions", "more", "expected"),
    [
        (np.ones((4, 20, 2)), {}, r"Expected positions \(M, T, 17, 2 or 3\) for coco-17, found \(1, 4, 20, 2\)"),
        (np.ones((4, 17, 4)), {}, r"found \(1, 4, 17, 4\)"),
        (np.ones((0, 17, 2)), {}, "The clip has no frames"),
        (np.full((4, 17, 2), np.nan), {}, "No joint was seen in any frame"),
        (ONES, {"confidence": np.ones((1, 3, 17))}, r"Expected confidence of shape \(1, 4, 17\), found \(1, 3, 17\)"),
        (ONES, {"timestamps": [0, 1, 2]}, r"Expected 4 increasing timestamps, found an array of shape \(3,\)"),
        (ONES, {"timestamps": [0, 1, 1, 2]}, "Expected 4 increasing timestamps"),
    ],
    ids=["joints", "axes", "no-frames", "all-nan", "confidence", "times", "times-stand-still"],
)
def test_sequence__refuses(positions, more, expected) -> None:
    with pytest.raises(ArtifactError, match=expected):
        sequence(positions, COCO_17, **more)


def test_artifact__round_trip() -> None:
    before = sequence(np.random.default_rng(0).normal(size=(2, 3, 20, 3)), KINECT_20, units="m", origin="camera", clip={"file": "a"})
    artifact = poses.to_artifact(before, Header("poses", "import-poses", 1, "f"), {}, {})
    after = poses.from_artifact(artifact, "a.h5")
    for field in dataclasses.fields(before):
        np.testing.assert_equal(getattr(after, field.name), getattr(before, field.name))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"layout": "kinect-99"}, "a.h5 has the unknown skeleton 'kinect-99'"),
        ({"joints": list(reversed(KINECT_20.joints))}, "a.h5: the joints are not in the order of kinect-20"),
    ],
    ids=["unknown-layout", "other-order"],
)
def test_artifact__other_skeleton(change, expected) -> None:
    artifact = poses.to_artifact(sequence(np.ones((3, 20, 3)), KINECT_20), Header("poses", "import-poses", 1, "f"), {}, {})
    artifact.documents["skeleton"].update(change)
    with pytest.raises(ArtifactError, match=expected):
        poses.from_artifact(artifact, "a.h5")
