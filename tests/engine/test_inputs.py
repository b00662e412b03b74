"""Copies: views of clips that are further training clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.datasets.manifest import Row
from stages.engine.batch import joined
from stages.engine.inputs import FeatureInput, Inputs, PatchInput, skeleton_of_patches, to_clips
from stages.engine.records import FeatureClip, Record
from stages.errors import ArtifactError, UsageError

VIEWS = ("original", "flip", "still", "flip+still")


def record(name: str, segments: int) -> Record:
    """A clip whose view number v has v + 1 everywhere."""
    values = np.broadcast_to(np.arange(1.0, 1 + len(VIEWS))[:, None, None], (len(VIEWS), segments, 2)).astype(np.float32)
    return Record(Row(name, {}), {"features": FeatureClip(name, values, VIEWS)})


def test_with_copies__each_stands_where_the_clip_itself_stands() -> None:
    inputs = Inputs(features={"features": FeatureInput(segments=3, views=("original", "still"), copies=("flip",))})
    records = [record("a", 3), record("b", 2)]
    clips = joined([to_clips(records, each) for each in inputs.with_copies()])
    assert clips.ids == ("a", "b", "a", "b")
    seen = clips.features["features"]
    assert seen.values[:, :, 0, 0].tolist() == [[1, 3], [1, 3], [2, 3], [2, 3]]
    assert seen.mask.sum(dim=1).tolist() == [3, 2, 3, 2]


def test_joined__targets_and_annotations_follow_their_clips() -> None:
    inputs = Inputs(features={"features": FeatureInput(segments=3)})
    one = to_clips([record("a", 3), record("b", 2)], inputs, torch.tensor([1.0, 2.0]), torch.tensor([0, 1]))
    one = replace(one, annotations={"kind": torch.tensor([4, 5])})
    both = joined([one, one]).take([3, 0])
    assert (both.ids, both.target.tolist(), both.group.tolist()) == (("b", "a"), [2.0, 1.0], [1, 0])  # type: ignore[union-attr]
    assert both.annotations["kind"].tolist() == [5, 4]
    assert joined([one]) is one


def test_with_copies__without_any_is_the_input_itself() -> None:
    inputs = Inputs(features={"features": FeatureInput(segments=3)})
    assert inputs.with_copies() == [inputs]
    assert Inputs().with_copies() == [Inputs()]


def test_with_copies__as_many_of_all_features() -> None:
    inputs = Inputs(features={"features": FeatureInput(copies=("flip",)), "flow": FeatureInput()})
    with pytest.raises(UsageError, match=r"All features must have as many copies, not 1 of features and 0 of flow\."):
        inputs.with_copies()


def test_to_clips__a_copy_that_is_no_view() -> None:
    inputs = Inputs(features={"features": FeatureInput(segments=3, copies=("rotate-90",))})
    with pytest.raises(ArtifactError, match=r"a has no view 'rotate-90'; it has original, flip, still, flip\+still\."):
        to_clips([record("a", 3)], inputs.with_copies()[1])


def squares(name: str, skeleton: str) -> Record:
    """A clip with features of squares around 17 joints of a skeleton."""
    return Record(Row(name, {}), {"patches": FeatureClip(name, np.ones((1, 3, 2, 17), np.float32), ("original",), skeleton)})


def test_patches__are_around_the_joints_of_one_skeleton() -> None:
    records = [squares("a", "coco-17"), squares("b", "coco-17")]
    assert skeleton_of_patches(records, "patches", PatchInput()) == "coco-17"
    assert to_clips(records, Inputs(features={"patches": PatchInput(segments=3)})).features["patches"].values.shape == (2, 1, 3, 2, 17)
    expected = (
        r"b: expected squares around the joints of coco-17, found those of openpose-17\.\n  hint: .*the poses of one estimator for all"
    )
    with pytest.raises(ArtifactError, match=expected):
        skeleton_of_patches([records[0], squares("b", "openpose-17")], "patches", PatchInput())
    with pytest.raises(ArtifactError, match=r"a: expected squares around the joints of kinect-20, found those of coco-17"):
        to_clips(records, Inputs(features={"patches": PatchInput(segments=3, skeleton="kinect-20")}))
    none = r"c: expected features of squares around joints \(dimensions × joints\), found 2 × 17 without joints that are known"
    with pytest.raises(ArtifactError, match=none):
        to_clips([squares("c", "")], Inputs(features={"patches": PatchInput(segments=3)}))
