"""The spatial partition of a skeleton graph."""

from __future__ import annotations

import numpy as np
import pytest

from stages.skeletons import graph
from stages.skeletons.layouts import LAYOUTS, Layout


def test_spatial__a_chain_by_hand() -> None:
    chain = Layout("chain-3", "", {"a": "b", "b": None, "c": "b"}, ("b",), (("a",), ("b",)))
    identity, inward, outward = graph.spatial(chain)
    np.testing.assert_array_equal(identity, np.eye(3))
    np.testing.assert_array_equal(inward, [[0, 0, 0], [1, 0, 1], [0, 0, 0]])  # from a and from c to b
    np.testing.assert_array_equal(outward, [[0, 0.5, 0], [0, 0, 0], [0, 0.5, 0]])  # b shares itself between a and c


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_spatial__columns_sum_to_one_and_directions_oppose(layout: Layout) -> None:
    _, inward, outward = graph.spatial(layout)
    for part in (inward, outward):
        sums = part.sum(axis=0)
        assert np.all(np.isclose(sums, 0) | np.isclose(sums, 1))
    np.testing.assert_array_equal(inward > 0, (outward > 0).T)
    assert (inward > 0).sum() == len(layout.edges)
    assert graph.spatial(layout).dtype == np.float32
