"""How a pose sequence becomes a network's input: settings that are stored in every encoder and model, and applied alike later."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import Field

from stages.arrays import Array
from stages.configuration import Config
from stages.errors import UsageError
from stages.skeletons import transforms
from stages.skeletons.finish import finish
from stages.skeletons.layouts import Layout, layout_named
from stages.skeletons.poses import PoseSequence


class PoseInput(Config):
    """The preparation of one clip; every step can be switched off."""

    skeleton: str | None = None
    """Layout to convert to; None keeps the data's."""
    people: int = Field(1, ge=1)
    """M: people per clip; fewer are filled with zeros."""
    frames: int = Field(64, ge=2)
    """T."""
    fps: float | None = Field(None, gt=0)
    """Come to so many frames per second first, so that padded clips show their tempo; None keeps the frames as they are."""
    length: Literal["resample", "pad-front", "pad-back"] = "resample"
    """How a clip comes to T frames: linear resampling, or zeros in front or behind (longer clips keep their last frames)."""
    face_camera: bool = True
    """Turn 3-D bodies about the vertical so that the hips lie along x."""
    flat: bool = False
    """Leave out the depth of 3-D bodies, so that they can be learned from for 2-D ones; those stay as they are."""
    centre: Literal["start", "first-person", "frame", "none"] = "start"
    """Subtract each body's centre in the first frame, the first person's from all, each body's in each frame, or nothing."""
    scale: Literal["trunk", "unit", "none"] = "trunk"
    """Divide by the trunk's length, map each axis to [-1, 1], or leave the units."""
    stream: Literal["joint", "bone", "joint-motion", "bone-motion"] = "joint"
    """Joint positions, bone vectors, or their differences from frame to frame."""


def prepare(poses: PoseSequence, settings: PoseInput) -> tuple[Array, Array]:
    """Return what the network sees of one clip, (C, T, V, M), float32, and the mask (T,) of real frames.

    Raises:
        UsageError: the skeleton cannot be converted.
    """
    positions, mask = joints(poses, settings)
    finished = finish(torch.from_numpy(positions)[None], torch.from_numpy(mask)[None], settings, layout_of(poses, settings))
    return finished[0].numpy(), mask


def layout_of(poses: PoseSequence, settings: PoseInput) -> Layout:
    """Return the layout that a clip's joints come to."""
    return layout_named(settings.skeleton) if settings.skeleton else poses.layout


def channels_of(poses: PoseSequence, settings: PoseInput) -> int:
    """Return the number of axes that a network sees of a clip, C."""
    return 2 if settings.flat else poses.positions.shape[3]


def joints(poses: PoseSequence, settings: PoseInput) -> tuple[Array, Array]:
    """Return the joints before the last steps (:func:`stages.skeletons.finish.finish`), as :func:`prepare` does.

    Raises:
        UsageError: the skeleton cannot be converted.
    """
    layout = layout_of(poses, settings)
    positions = transforms.convert(poses.positions, poses.layout, layout)
    positions = _people(positions, settings.people)
    if settings.face_camera:
        positions = transforms.face_camera(positions, layout)
    if settings.flat:
        positions = transforms.flatten(positions, facing=settings.face_camera)
    if settings.centre in ("start", "first-person"):
        positions = transforms.centre_on_start(positions, layout, together=settings.centre == "first-person")
    elif settings.centre == "frame":
        positions = transforms.centre_per_frame(positions, layout)
    if settings.scale == "trunk":
        positions = transforms.scale_by_trunk(positions, layout)
    positions = transforms.interpolate_gaps(positions)
    if settings.fps is not None and poses.frames > 1:
        positions = transforms.resample(positions, max(1, round(poses.frames * settings.fps / poses.fps)))
    if settings.length == "resample":
        positions, mask = transforms.resample(positions, settings.frames), np.ones(settings.frames, dtype=bool)
    else:
        positions, mask = transforms.pad(positions, settings.frames, front=settings.length == "pad-front")
    return np.ascontiguousarray(positions.transpose(3, 1, 2, 0), dtype=np.float32), mask


def skeleton_of(settings: PoseInput, found: set[str]) -> str:
    """Return the one layout that the network will see.

    Raises:
        UsageError: the clips have several layouts and none was chosen to convert to.
    """
    if settings.skeleton:
        return layout_named(settings.skeleton).name
    if len(found) != 1:
        raise UsageError(
            f"The clips have different skeletons: {', '.join(sorted(found))}.",
            hint="choose one to convert to with --skeleton NAME",
        )
    return next(iter(found))


def _people(positions: Array, people: int) -> Array:
    missing = people - len(positions)
    if missing > 0:
        # NaN until the gaps are filled (with zeros, as nothing was seen): zeros would count as joints when scaling
        return np.concatenate([positions, np.full((missing, *positions.shape[1:]), np.nan, positions.dtype)])
    return positions[:people]
