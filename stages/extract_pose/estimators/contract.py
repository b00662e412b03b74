"""What a pose estimator is.  Two kinds carry them all: top-down (a box in, joints out) and one-stage (a frame in, people out)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stages.arrays import Array
from stages.skeletons.layouts import Layout


@dataclass(frozen=True)
class People:
    """The P people that were found in one frame, in pixels of the frame, best first.

    Attributes:
        boxes: (P, 4) left, top, right, bottom.
        scores: (P,) in [0, 1].
        positions: (P, V, 2) x, y; origin at the image's top left corner.
        confidence: (P, V) in [0, 1].
    """

    boxes: Array
    scores: Array
    positions: Array
    confidence: Array


class TopDown(Protocol):
    """Finds the joints of one person within each given box.

    A result depends on its own image and box alone: batches are padded to a fixed shape, so neither batching nor sharding shows in it.
    """

    layout: Layout
    batch: int
    """How many crops it likes to be given at once, and pads to; who has but one at a time may set it to 1 before the first call."""

    def joints(self, images: Sequence[Array], boxes: Array) -> tuple[Array, Array]:
        """Return positions (N, V, 2) in pixels and confidence (N, V).

        Args:
            images: N frames (H, W, 3) uint8, blue-green-red; the same frame may occur several times.
            boxes: (N, 4) left, top, right, bottom.
        """


class OneStage(Protocol):
    """Finds people and their joints in whole frames."""

    layout: Layout
    batch: int
    """How many frames it likes to be given at once."""

    def people(self, images: Sequence[Array]) -> list[People]:
        """Return the people of each of N frames (H, W, 3) uint8, blue-green-red."""


Estimator = TopDown | OneStage
