"""What is done to the joints of a clip after they were found: gaps filled and marked, noise smoothed.

Every function takes positions (M, T, V, 2) in pixels with NaN for a missing joint, and returns a new array.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from stages.arrays import Array

_ORDER = 2


def fill_gaps(positions: Array, times: Array, max_gap: float) -> tuple[Array, Array]:
    """Fill a joint's gaps of at most ``max_gap`` seconds, linearly in time.

    A gap runs from the last frame in which the joint was seen to the next; what lies before the first or behind the last stays missing.

    Returns:
        Positions, and the marks (M, T, V) uint8: 1 where a joint was filled in.
    """
    filled = positions.copy()
    marks = np.zeros(positions.shape[:3], np.uint8)
    missing = np.asarray(np.isnan(positions).any(axis=-1))
    for person, joint in zip(*np.nonzero(missing.any(axis=1)), strict=True):
        seen = np.flatnonzero(~missing[person, :, joint])
        for before, after in pairwise(seen):
            if after - before > 1 and times[after] - times[before] <= max_gap + 1e-6:
                inside = slice(before + 1, after)
                weight = ((times[inside] - times[before]) / (times[after] - times[before]))[:, None]
                ends = positions[person, before, joint], positions[person, after, joint]
                filled[person, inside, joint] = ends[0] * (1 - weight) + ends[1] * weight
                marks[person, inside, joint] = 1
    return filled, marks


def smooth(positions: Array, times: Array, seconds: float) -> Array:
    """Fit a parabola to the neighbours of every frame (Savitzky and Golay, 1964), over windows of ``seconds``.

    Each unbroken run of frames is smoothed by itself; one that is shorter than the window by the longest window that fits, and one of
    fewer than five frames not at all.
    """
    from scipy.signal import savgol_filter  # takes a second to import, and few runs smooth

    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    window = 2 * round(seconds / step / 2) + 1
    smoothed = positions.copy()
    seen = np.asarray(np.isfinite(positions).all(axis=-1))
    for person, joint in np.ndindex(positions.shape[0], positions.shape[2]):
        for start, stop in _runs(seen[person, :, joint]):
            width = min(window, stop - start - (stop - start + 1) % 2)
            if width > _ORDER + 1:  # through three points every parabola goes
                smoothed[person, start:stop, joint] = savgol_filter(positions[person, start:stop, joint], width, _ORDER, axis=0)
    return smoothed


def _runs(seen: Array) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
