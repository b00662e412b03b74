"""Boxes in the pictures that a network sees: mapped, kept beside their frames, and refused where they are of something else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from stages.datasets.manifest import Row
from stages.engine.batch import joined
from stages.engine.boxes import BoxInput
from stages.engine.inputs import ImageInput, Inputs, to_clips
from stages.engine.records import ImageClip, Record
from stages.errors import ArtifactError
from stages.skeletons.layouts import COCO_17
from stages.skeletons.poses import sequence

WIDTH, HEIGHT = 400, 200
INPUTS = Inputs(images=ImageInput(), boxes=BoxInput())


def record(name: str = "a", frames: int = 4, left: float = 150.0, **changed: Any) -> Record:
    """A clip of 400 × 200 pixels, of which pictures show the middle, with a box of 50 × 100 pixels that goes right by 10 a frame."""
    boxes = np.tile(np.array([left, 50, left + 50, 150], np.float32), (1, frames, 1))
    boxes[0, :, [0, 2]] += 10 * np.arange(frames)
    poses = sequence(
        np.full((1, frames, 17, 2), 100.0),
        COCO_17,
        fps=10,
        units="px",
        origin="image top left",
        clip={"width": WIDTH, "height": HEIGHT},
        boxes=boxes,
    )
    images = ImageClip(name, np.zeros((1, frames, 3, 8, 8), np.uint8), ("original",), np.arange(frames) / 10, (100.0, 0.0, 300.0, 200.0))
    return Record(
        Row(name, {}), {"poses": replace(poses, **changed.get("poses", {})), "images": replace(images, **changed.get("images", {}))}
    )


def boxes_of(clips: Any, numbers: list[list[int]]) -> list[list[list[float]]]:
    found = clips.images.boxes_at(torch.tensor(numbers), torch.device("cpu"))
    assert found.shape[2:] == (1, 4)
    return found[:, :, 0].tolist()


def test_boxes__lie_in_the_middle_of_the_frame_that_pictures_show() -> None:
    clips = to_clips([record(), record("b", 6, left=50)], INPUTS)
    assert boxes_of(clips, [[0, 3], [0, 5]]) == [
        [pytest.approx([0.25, 0.25, 0.5, 0.75]), pytest.approx([0.4, 0.25, 0.65, 0.75])],
        [pytest.approx([-0.25, 0.25, 0, 0.75]), pytest.approx([0, 0.25, 0.25, 0.75])],
    ]


def test_boxes__go_with_their_clips() -> None:
    one, other = to_clips([record()], INPUTS), to_clips([record("b", 6, left=100)], INPUTS)
    both = joined([one, other])
    assert boxes_of(both, [[0], [1]]) == [[pytest.approx([0.25, 0.25, 0.5, 0.75])], [pytest.approx([0.05, 0.25, 0.3, 0.75])]]
    assert boxes_of(both.take([1, 0]), [[1], [0]]) == [*reversed(boxes_of(both, [[0], [1]]))]
    assert boxes_of(joined([one, one]), [[3], [3]]) == [[pytest.approx([0.4, 0.25, 0.65, 0.75])]] * 2
    assert to_clips([record()], Inputs(images=ImageInput())).images.boxes is None  # type: ignore[union-attr]


def test_boxes__of_the_pictures_that_are_taken() -> None:
    clips = to_clips([record()], Inputs(images=ImageInput(fps=5), boxes=BoxInput()))
    assert clips.images is not None
    assert clips.images.count.tolist() == [2]
    assert boxes_of(clips, [[0, 1]])[0][1][0] == pytest.approx(0.35)


def test_boxes__poses_of_another_rate_are_interpolated() -> None:
    slow = record()
    faster = replace(slow.images, values=np.zeros((1, 7, 3, 8, 8), np.uint8), timestamps=np.arange(7) / 20)
    clips = to_clips([Record(slow.row, {**slow.artifacts, "images": faster})], INPUTS)
    assert boxes_of(clips, [[0, 1, 2]])[0][1][0] == pytest.approx(0.275)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images": {"area": None}}, r"a: boxes lie in frames of videos, found other pictures\.\n  hint: .*--source frames"),
        (
            {"images": {"area": (280.0, 0.0, 1000.0, 720.0)}},
            r"a: the poses are of frames of 400 × 200 pixels, the pictures of frames of 1280 × 720\.\n  hint: extract both from the same",
        ),
        (
            {"images": {"timestamps": np.arange(4) / 5}},
            r"a: the poses reach from 0\.00 to 0\.30 s, the pictures from 0\.00 to 0\.60 s\.\n  hint: extract both",
        ),
        ({"poses": {"boxes": None, "units": "m"}}, r"a: The poses hold no boxes, and no joints in pixels .* 2-D ones in m\."),
        (
            {"poses": {"boxes": np.full((1, 4, 4), np.nan)}},
            r"a: none of its 4 pictures shows a box of its poses: .*\n  hint: .*--boxes FILE",
        ),
        ({"poses": {"boxes": np.tile([0.0, 0, 90, 200], (1, 4, 1))}}, r"a: none of its 4 pictures shows a box of its poses"),
    ],
    ids=["no frames", "another size", "another time", "nothing in pixels", "nobody", "beside the picture"],
)
def test_boxes__that_cannot_be(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        to_clips([record(**changed)], INPUTS)
