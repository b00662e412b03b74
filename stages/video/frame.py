"""What a decoded frame and a piece of video are, for every stage that looks at pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages.arrays import Array


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
