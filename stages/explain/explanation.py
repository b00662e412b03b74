"""What an explanation of one clip's score says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array

WHOLE = "whole body"


@dataclass(frozen=True)
class Explanation:
    """How much each part of the body and each moment costs (negative) or brings, beside the best training clips.  P parts, W moments.

    Attributes:
        how: ``replacement`` or ``gradients``.
        of: ``poses``, or a role of features.
        parts: names (P,), the last one :data:`WHOLE`; of features, the role alone.
        edges: (W + 1,) seconds; of features, shares of the clip.
        grid: (P, W) in points of the score.
        totals: (P,) of each part over the whole clip.
    """

    how: str
    of: str
    parts: tuple[str, ...]
    edges: Array
    grid: Array
    totals: Array

    @property
    def worst(self) -> tuple[str, float, float, float]:
        """The part and the moment (begin, end) that cost most, and how much; the whole body is no part."""
        grid = self.grid[: len(self.grid) - (self.parts[-1] == WHOLE)]
        part, moment = np.unravel_index(int(grid.argmin()), grid.shape)
        return self.parts[part], float(self.edges[moment]), float(self.edges[moment + 1]), float(self.grid[part, moment])

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` says of it."""
        return {
            "how": self.how,
            "of": self.of,
            "parts": list(self.parts),
            "edges": self.edges.tolist(),
            "grid": self.grid.tolist(),
            "totals": self.totals.tolist(),
        }
