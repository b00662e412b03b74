"""An encoder's specification is used on clips that it can see, and on no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.datasets.manifest import Row
from stages.encoders.segments import SegmentInputs
from stages.encoders.spec import PoseSpec, PretrainedEncoder, SegmentSpec, spec_from_json
from stages.engine.inputs import Inputs, to_clips
from stages.engine.records import FeatureClip, Record
from stages.errors import ArtifactError, UsageError
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence

FLAT = PoseInput(frames=8, flat=True)


def record(axes: int) -> Record:
    return Record(Row(f"clip-{axes}", {}), {"poses": sequence(np.random.default_rng(axes).normal(size=(9, 20, axes)), KINECT_20)})


def pretrained(records: list[Record], prepared: PoseInput) -> PretrainedEncoder:
    return PretrainedEncoder(PoseSpec.fresh("gru", {"units": 4}, prepared, records), {}, "", {}, {}, frozenset(), {})


@pytest.mark.parametrize(("prepared", "channels"), [(PoseInput(frames=8), 3), (FLAT, 2)])
def test_fresh__channels_are_those_that_the_input_keeps(prepared: PoseInput, channels: int) -> None:
    spec = PoseSpec.fresh("gru", {"units": 4}, prepared, [record(3)])
    assert (spec.channels, PoseSpec.from_json(spec.to_json())) == (channels, spec)
    assert to_clips([record(3)], Inputs(spec.input)).poses.shape == (1, channels, 8, 20, 1)


def test_check__an_encoder_of_flat_bodies_sees_clips_of_both_kinds() -> None:
    encoder = pretrained([record(3)], FLAT)
    encoder.spec.check([record(2)])
    encoder.spec.check([record(3)])
    assert to_clips([record(2), record(3)], Inputs(encoder.spec.input)).poses.shape == (2, 2, 8, 20, 1)


def test_check__an_encoder_of_another_number_of_axes() -> None:
    with pytest.raises(UsageError, match=r"The encoder sees 3-D poses, these clips are 2-D\.\n  hint: .*settings\.input\.flat=true"):
        pretrained([record(3)], PoseInput(frames=8)).spec.check([record(2)])
    with pytest.raises(UsageError, match=r"The encoder sees 2-D poses, these clips are 3-D\.\n  hint: --init none"):
        pretrained([record(2)], PoseInput(frames=8)).spec.check([record(3)])


def features(size: int, segments: int = 3) -> Record:
    return Record(Row(f"clip-{size}", {}), {"features": FeatureClip(f"clip-{size}", np.ones((1, segments, size)), ("original",))})


def test_segment_spec__is_what_its_artifact_says_and_has_the_longest_clip_s_segments() -> None:
    spec = SegmentSpec.fresh(SegmentInputs(channels=(4,)), [features(5, 3), features(5, 7)])
    assert spec_from_json(spec.to_json()) == spec
    assert (spec.sizes, spec.build().dimensions) == ({"features": (7, 5)}, 28)


def test_segment_spec__features_of_another_size() -> None:
    spec = SegmentSpec.fresh(SegmentInputs(), [features(5)])
    spec.check([features(5, segments=9)])
    with pytest.raises(UsageError, match=r"sees features of 5 numbers, those of clip-6 have 6\.\n  hint: --backbone"):
        spec.check([features(6)])


def test_check_sees__an_encoder_of_something_else() -> None:
    encoder = pretrained([record(3)], FLAT)
    encoder.check_sees("poses", Path("gru.h5"), "sme-gcn")
    expected = r"The encoder in gru\.h5 \(gru\) sees poses, s4aqa takes one that sees features\.\n  hint: choose another with --init"
    with pytest.raises(UsageError, match=expected):
        encoder.check_sees("features", Path("gru.h5"), "s4aqa")


def test_to_clips__both_kinds_side_by_side() -> None:
    with pytest.raises(ArtifactError, match=r"mix 2-D and 3-D poses\.\n  hint: .*--set settings\.input\.flat=true"):
        to_clips([record(2), record(3)], Inputs(PoseInput(frames=8)))
