"""Configuration of ``aqa extract-maps``: where the pictures come from, what they show, and how large they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from stages.configuration import Config
from stages.errors import UsageError
from stages.skeletons.body_maps import Camera, Style

STAGE = "extract-maps"
VERSION = 1
SourceName = Literal["poses", "silhouettes", "pictures", "frames"]
Angles = float | tuple[float, float]
"""Yaw, or yaw and pitch, in degrees."""


class ExtractMapsConfig(Config):
    """What is extracted."""

    source: SourceName = "poses"
    """poses: body maps drawn of them; silhouettes: of whoever moves in a video; pictures: published maps, one folder per clip; frames: of
    videos, as they are."""
    size: int = Field(128, ge=8, le=1024)
    """Rows and columns of a picture; 128 is what the layers of U-VI's table 1 take."""
    fps: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Take this many frames per second, each the nearest in time; None takes all."""
    frames: int | None = Field(None, ge=1)
    """Take at most this many frames, evenly spread over the clip; None takes all."""
    style: Style = "parts"
    """Of poses: parts, like DensePose's maps, or depth, like a masked depth image (3-D poses)."""
    cameras: tuple[Angles, ...] = Field((0.0,), min_length=1)
    """Of 3-D poses: the clip's own camera (0) and virtual ones around the body, each a yaw or [yaw, pitch] in degrees."""
    upright: bool = False
    """Of virtual cameras: whether they go around the bodies' own vertical; else around that of the poses' coordinates, which of a tilted
    camera is tilted, too."""
    follow: bool = False
    """Of poses: whether the bodies stay in the middle of the picture, which is then as large as they need it; else they move through it."""
    people: int | None = Field(None, ge=1)
    """Of poses: how many people are drawn; of silhouettes: how many connected parts are kept, the largest.  None takes all."""
    threshold: int = Field(20, ge=1, le=254)
    """Of silhouettes: difference from the background, of 255, from which a pixel counts; what touches it counts from half of that."""

    @field_validator("cameras")
    @classmethod
    def _own_camera_first(cls, cameras: tuple[Angles, ...]) -> tuple[Angles, ...]:
        found = [camera_of(angles) for angles in cameras]
        if not found[0].own:
            raise ValueError("the first camera is the clip's own, 0")
        if len({(camera.yaw % 360, camera.pitch) for camera in found}) < len(found):
            raise ValueError("a camera occurs twice")
        if any(abs(camera.pitch) > 90 for camera in found):
            raise ValueError("a pitch lies between -90 and 90 degrees")
        return cameras

    def document(self) -> dict[str, Any]:
        """Return what of the configuration decides the result, which depends on the source."""
        return self.model_dump(mode="json", include={"source", *_EVERYWHERE, *_OF[self.source]})

    def check(self) -> None:
        """Raise a usage error where a setting is given that means nothing to the source."""
        for key in sorted({*OWN} - {*_OF[self.source]}):
            if getattr(self, key) != type(self).model_fields[key].default:
                having = " and ".join(source for source, keys in _OF.items() if key in keys)
                raise UsageError(f"'{key}' is a setting of the source {having}; the source is '{self.source}'.", hint=f"leave out {key}")


_EVERYWHERE = ("size", "fps", "frames")
_OF: Mapping[str, tuple[str, ...]] = {
    "poses": ("style", "cameras", "upright", "follow", "people"),
    "silhouettes": ("people", "threshold"),
    "pictures": (),
    "frames": (),
}
OWN = ("style", "cameras", "upright", "follow", "people", "threshold")
"""Settings that not every source has."""


def camera_of(angles: Angles, *, upright: bool = False) -> Camera:
    """Return the camera that a setting stands for."""
    yaw, pitch = angles if isinstance(angles, tuple) else (angles, 0.0)
    return Camera(yaw, pitch, upright)
