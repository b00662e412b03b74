"""Batch sources: what the last batch of an epoch is."""

from __future__ import annotations

import pytest

from stages.engine.streams import Shuffled
from tests.engine import toys


@pytest.mark.parametrize(
    ("count", "options", "sizes"),
    [
        (13, {}, [6, 6, 1]),
        (13, {"least": 2}, [6, 6]),
        (14, {"least": 2}, [6, 6, 2]),
        (14, {"drop_last": True}, [6, 6]),
        (12, {"least": 2}, [6, 6]),
        (4, {"least": 2}, [4]),
        (4, {"drop_last": True}, [4]),
    ],
)
def test_shuffled__last_batch(count: int, options: dict, sizes: list[int]) -> None:
    stream = Shuffled(toys.clips(count), 6, **options)
    assert [len(stream.batch(0, 0, step)) for step in range(stream.steps)] == sizes
    seen = [clip for step in range(stream.steps) for clip in stream.batch(0, 0, step).ids]
    assert len(set(seen)) == len(seen) == sum(sizes)
