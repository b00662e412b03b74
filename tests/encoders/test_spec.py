"""An encoder's specification is used on clips that it can see, and on no others."""

from __future__ import annotations

import numpy as np
import pytest

from stages.datasets.manifest import Row
from stages.encoders.spec import EncoderSpec, PretrainedEncoder, spec_for
from stages.engine.inputs import Inputs, to_clips
from stages.engine.records import Record
from stages.errors import ArtifactError, UsageError
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence

FLAT = PoseInput(frames=8, flat=True)


def record(axes: int) -> Record:
    return Record(Row(f"clip-{axes}", {}), {"poses": sequence(np.random.default_rng(axes).normal(size=(9, 20, axes)), KINECT_20)})


def pretrained(records: list[Record], prepared: PoseInput) -> PretrainedEncoder:
    return PretrainedEncoder(spec_for("gru", {"units": 4}, prepared, records), {}, "", {}, frozenset(), {})


@pytest.mark.parametrize(("prepared", "channels"), [(PoseInput(frames=8), 3), (FLAT, 2)])
def test_spec_for__channels_are_those_that_the_input_keeps(prepared: PoseInput, channels: int) -> None:
    spec = spec_for("gru", {"units": 4}, prepared, [record(3)])
    assert (spec.channels, EncoderSpec.from_json(spec.to_json())) == (channels, spec)
    assert to_clips([record(3)], Inputs(spec.input)).poses.shape == (1, channels, 8, 20, 1)


def test_spec_for__an_encoder_of_flat_bodies_sees_clips_of_both_kinds() -> None:
    encoder = pretrained([record(3)], FLAT)
    assert encoder.spec_for([record(2)]) == encoder.spec_for([record(3)]) == encoder.spec
    assert to_clips([record(2), record(3)], Inputs(encoder.spec.input)).poses.shape == (2, 2, 8, 20, 1)


def test_spec_for__an_encoder_of_another_number_of_axes() -> None:
    with pytest.raises(UsageError, match=r"The encoder sees 3-D poses, these clips are 2-D\.\n  hint: .*settings\.input\.flat=true"):
        pretrained([record(3)], PoseInput(frames=8)).spec_for([record(2)])
    with pytest.raises(UsageError, match=r"The encoder sees 2-D poses, these clips are 3-D\.\n  hint: --init none"):
        pretrained([record(2)], PoseInput(frames=8)).spec_for([record(3)])


def test_to_clips__both_kinds_side_by_side() -> None:
    with pytest.raises(ArtifactError, match=r"mix 2-D and 3-D poses\.\n  hint: .*--set settings\.input\.flat=true"):
        to_clips([record(2), record(3)], Inputs(PoseInput(frames=8)))
