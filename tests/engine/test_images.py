"""Pictures: frames of clips of different length side by side, fetched few at a time, at a rate, of views by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stages.datasets.manifest import Row
from stages.engine.batch import joined
from stages.engine.inputs import ImageInput, Inputs, to_clips
from stages.engine.records import ImageClip, Record
from stages.errors import ArtifactError

VIEWS = ("original", "yaw+90")


def record(name: str, frames: int, level: int, fps: float = 10.0) -> Record:
    """A clip whose frame t in view v is ``level + 10 t + v`` everywhere."""
    values = np.zeros((len(VIEWS), frames, 1, 2, 2), np.uint8)
    values += (level + 10 * np.arange(frames)[None, :, None, None, None] + np.arange(len(VIEWS))[:, None, None, None, None]).astype(
        np.uint8
    )
    return Record(Row(name, {}), {"images": ImageClip(name, values, VIEWS, np.arange(frames) / fps)})


def shown(clips, numbers: list[list[int]], view: int = 0) -> list[list[int]]:
    frames = clips.images.frames(torch.tensor(numbers), view, torch.device("cpu"))
    assert frames.shape[2:] == (1, 2, 2)
    return (frames[:, :, 0, 0, 0] * 255).round().int().tolist()


def test_frames__of_clips_of_different_length() -> None:
    clips = to_clips([record("a", 3, 0), record("b", 5, 100)], Inputs(images=ImageInput(views=VIEWS)))
    assert clips.images is not None
    assert (clips.images.count.tolist(), clips.images.values.dtype) == ([3, 5], torch.uint8)
    assert shown(clips, [[0, 2], [4, 0]]) == [[0, 20], [140, 100]]
    assert shown(clips, [[0, 2], [4, 0]], view=1) == [[1, 21], [141, 101]]
    batch = clips.take([1, 1, 0])
    assert shown(batch, [[1], [2], [2]]) == [[110], [120], [20]]
    assert batch.images.values is clips.images.values, "batches share the frames"  # type: ignore[union-attr]
    assert shown(clips.chosen([1]), [[3]]) == [[130]]


def test_frames__a_view_for_each_frame() -> None:
    clips = to_clips([record("a", 3, 0), record("b", 5, 100)], Inputs(images=ImageInput(views=())))
    frames = clips.images.frames(torch.tensor([[0, 0], [0, 0]]), torch.tensor([[0, 1], [1, 0]]), torch.device("cpu"))  # type: ignore[union-attr]
    assert (frames[:, :, 0, 0, 0] * 255).round().int().tolist() == [[0, 1], [101, 100]]


@pytest.mark.parametrize(
    ("fps", "expected"), [(None, [0, 10, 20, 30, 40]), (5.0, [0, 20, 40]), (2.5, [0, 40]), (100.0, [0, 10, 20, 30, 40])]
)
def test_frames__at_a_rate_each_the_nearest_once(fps: float | None, expected: list[int]) -> None:
    clips = to_clips([record("a", 5, 0)], Inputs(images=ImageInput(fps=fps)))
    assert shown(clips, [list(range(len(expected)))]) == [expected]


def test_joined__places_move_with_their_frames() -> None:
    inputs = Inputs(images=ImageInput())
    one, other = to_clips([record("a", 3, 0)], inputs), to_clips([record("b", 5, 100)], inputs)
    assert shown(joined([one, other]), [[2], [4]]) == [[20], [140]]
    assert shown(joined([one, one]), [[2], [0]]) == [[20], [0]]


def test_to_clips__a_view_that_is_not_there() -> None:
    with pytest.raises(ArtifactError, match=r"a has no view 'yaw-45'; it has original, yaw\+90\.\n  hint: aqa extract-maps"):
        to_clips([record("a", 3, 0)], Inputs(images=ImageInput(views=("original", "yaw-45"))))
