"""What a decoded frame and a piece of video are, for every stage that looks at pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from stages.arrays import Array

FOLDER_FPS = 30.0
"""Frames per second of a frame folder, whose images do not say when they were taken; also of a video that does not say."""
GRACE = 0.0005
"""Seconds by which a time may miss a window's edge: containers round to milliseconds."""


@dataclass(frozen=True)
class Source:
    """Where the frames of one clip lie: a video file or a folder of numbered images, and which part of it is the clip.

    Attributes:
        path: the file or the folder.
        start: seconds from which the clip runs, or None for the beginning.
        end: seconds before which it ends, or None for the end.
    """

    path: Path
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: its number in the clip, from 0 (the clip's own, not that of the video it is cut from).
        time: its presentation time in seconds from the clip's first frame.
        image: (H, W, 3) uint8, blue-green-red as OpenCV has it, upright (rotation metadata applied).
    """

    index: int
    time: float
    image: Array


def window(source: Source) -> tuple[float, float]:
    """Return the seconds from which the clip runs and before which it ends; infinity without an end."""
    return source.start or 0.0, math.inf if source.end is None else source.end


def window_of(count: int, source: Source) -> tuple[int, int]:
    """Return the positions (first, behind the last) of the clip's frames in a frame folder of ``count`` images."""
    start, end = window(source)
    first = math.ceil((start - GRACE) * FOLDER_FPS)
    return min(max(0, first), count), count if end == math.inf else min(count, math.ceil((end - GRACE) * FOLDER_FPS))
