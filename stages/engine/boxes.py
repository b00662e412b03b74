"""Boxes of the performers as an input beside frames: where they lie in the pictures that a network sees.

Poses say where people are in the video (:mod:`stages.skeletons.boxes`); a picture shows a square of the video's frame.  The boxes come to
the pictures' times and into shares of their width and height.  F pictures, P performers.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from stages.arrays import Array
from stages.configuration import Config
from stages.engine.records import Record
from stages.errors import ArtifactError
from stages.skeletons.boxes import performers
from stages.skeletons.poses import PoseSequence

UNSEEN = 0.1
"""Poses may lack this share of the clip's time at either end."""
_TOGETHER = "extract both from the same videos: aqa extract-pose VIDEOS, and aqa extract-maps VIDEOS --source frames"


class BoxInput(Config):
    """Whose boxes a method takes."""

    people: int = Field(1, ge=1)
    """P: the first people of the poses; 2 for synchronised diving."""
    margin: float = Field(0.15, ge=0)
    """Where poses hold no boxes, the extent of the joints is enlarged at each side by this share of its width and height."""


def in_pictures(record: Record, numbers: Array, settings: BoxInput) -> Array:
    """Return where the performers are in some of a clip's pictures: (F, P, 4) left, top, right, bottom, float32.

    0 is the picture's left or upper edge and 1 its right or lower one; a box may reach beyond.  NaN where somebody was not seen.

    Args:
        record: a clip with poses and pictures.
        numbers: (F,) which of its pictures.
        settings: whose boxes.

    Raises:
        ArtifactError: the pictures are no frames of a video, the poses are of another video or another stretch of it, they have neither
            boxes nor joints in pixels, or no box lies in any picture.
    """
    images, poses, clip = record.images, record.poses, record.clip
    if images.area is None:
        raise ArtifactError(f"{clip}: boxes lie in frames of videos, found other pictures.", hint="aqa extract-maps VIDEOS --source frames")
    area = np.asarray(images.area, np.float64)
    _check_size(clip, poses, area)
    times = images.timestamps[numbers]
    _check_times(clip, poses.timestamps, times)
    try:
        boxes = performers(poses, times, settings.people, settings.margin)
    except ArtifactError as error:
        raise ArtifactError(f"{clip}: {error.message}", hint=error.hint) from None
    shares = (boxes - np.tile(area[:2], 2)) / np.tile(area[2:] - area[:2], 2)
    visible = np.minimum(shares[..., 2:], 1) > np.maximum(shares[..., :2], 0)  # never true of NaN
    if not visible.all(axis=-1).any():
        raise ArtifactError(
            f"{clip}: none of its {len(times)} pictures shows a box of its poses: nobody was followed, or only outside of the middle that "
            "the pictures show.",
            hint="aqa extract-pose VIDEOS --boxes FILE says where to look; aqa render shows what was found",
        )
    return shares.astype(np.float32)


def _check_size(clip: str, poses: PoseSequence, area: Array) -> None:
    """Check that the poses are in pixels of the same frames, of which the pictures show the middle."""
    stated = tuple(poses.clip.get(side) for side in ("width", "height"))
    shown = (round(area[0] + area[2]), round(area[1] + area[3]))
    if None not in stated and stated != shown:
        raise ArtifactError(
            f"{clip}: the poses are of frames of {stated[0]} × {stated[1]} pixels, the pictures of frames of {shown[0]} × {shown[1]}.",
            hint=_TOGETHER,
        )


def _check_times(clip: str, own: Array, times: Array) -> None:
    missing = max(own[0] - times[0], times[-1] - own[-1])
    if missing > UNSEEN * (times[-1] - times[0]):
        raise ArtifactError(
            f"{clip}: the poses reach from {own[0]:.2f} to {own[-1]:.2f} s, the pictures from {times[0]:.2f} to {times[-1]:.2f} s.",
            hint=_TOGETHER,
        )
