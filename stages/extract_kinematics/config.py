"""Configuration of ``aqa extract-kinematics``: how a pose is prepared, the segments, and what is kept of each."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from stages.configuration import Config

STAGE = "extract-kinematics"
VERSION = 1
SignalName = Literal["positions", "velocities"]
ViewName = Literal["original", "flip"]


class KinematicInput(Config):
    """The preparation of one clip, as of a network's input (:class:`stages.skeletons.input.PoseInput`); no clip is cut or filled up."""

    skeleton: str | None = None
    """Layout to convert to; None keeps the data's."""
    people: int = Field(1, ge=1)
    """M: people per clip; the coordinates of absent ones are 0."""
    fps: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Come to so many frames per second first; None keeps the frames as they are."""
    face_camera: bool = True
    """Turn 3-D bodies about the vertical so that the hips lie along x."""
    flat: bool = False
    """Leave out the depth of 3-D bodies; 2-D ones stay as they are."""
    centre: Literal["start", "first-person", "frame", "none"] = "start"
    """Subtract each body's centre in the first frame, the first person's from all, each body's in each frame, or nothing."""
    scale: Literal["trunk", "unit", "none"] = "trunk"
    """Divide by the trunk's length, map each axis of the clip to [-1, 1], or leave the units."""


class ExtractKinematicsConfig(Config):
    """What is extracted."""

    segments: int = Field(12, ge=1)
    """S: parts of equal length that span the clip."""
    overlap: float = Field(0.0, ge=0, lt=1)
    """Share of a segment that the next one has in common with it."""
    coefficients: int = Field(8, ge=1)
    """K: lowest frequencies that are kept of each coordinate; a segment of fewer frames has zeros behind."""
    signals: tuple[SignalName, ...] = Field(("positions",), min_length=1)
    """What is transformed: positions, their velocities, or both."""
    values: Literal["magnitude", "signed"] = "magnitude"
    """Absolute values of the coefficients, or the coefficients."""
    normalise: bool = True
    """Divide coefficients by the square root of the segment's frames, so that they do not grow with the time an action takes."""
    views: tuple[ViewName, ...] = Field(("original",), min_length=1)
    """The clip itself, and its mirror image with left and right swapped."""
    input: KinematicInput = KinematicInput()

    @field_validator("signals", "views")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("a name occurs twice")
        return names

    @field_validator("views")
    @classmethod
    def _the_clip_first(cls, views: tuple[str, ...]) -> tuple[str, ...]:
        if views[0] != "original":
            raise ValueError("the first view is the clip itself, 'original'")
        return views

    def document(self) -> dict[str, Any]:
        """Return what of the configuration decides the result: all of it."""
        return self.model_dump(mode="json")
