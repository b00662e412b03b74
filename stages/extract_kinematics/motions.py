"""Poses, and a robot's recordings, prepared as signals without gaps.

M bodies, T frames, V nodes, C axes.
"""

from __future__ import annotations

import math

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError, UsageError
from stages.extract_kinematics.config import KinematicInput
from stages.skeletons import transforms
from stages.skeletons.input import PoseInput, layout_of, prepare
from stages.skeletons.motion import Motion, velocities
from stages.skeletons.poses import PoseSequence

_FOR_ROBOTS = ("fps", "centre")


def of_poses(poses: PoseSequence, settings: KinematicInput) -> Motion:
    """Return the motion of people's joints, prepared as a network's input is; gaps are interpolated.

    Raises:
        ArtifactError: no joint of the people that are taken was seen in any frame.
        UsageError: the skeleton cannot be converted.
    """
    people = poses.positions[: settings.people]
    if not np.isfinite(people).all(axis=-1).any():
        whom = "" if len(people) == len(poses.positions) else f" of the first {len(people)} of {len(poses.positions)} people"
        raise ArtifactError(f"No joint{whom} was seen in any frame: there is no motion to describe.")
    whole = PoseInput(**settings.model_dump(), frames=max(2, poses.frames, _frames_at(poses, settings.fps)), length="pad-back")
    prepared, mask = prepare(poses, whole)
    positions = prepared.transpose(3, 1, 2, 0)[:, mask].astype(np.float64)
    times = _times(poses.timestamps, positions.shape[1])
    return Motion({"positions": positions, "velocities": velocities(positions, times)}, layout_of(poses, whole), times)


def check_robot(settings: KinematicInput, name: str) -> None:
    """Raise where a setting was changed that a robot has no use for."""
    fields = KinematicInput.model_fields
    changed = [key for key in fields if key not in _FOR_ROBOTS and getattr(settings, key) != fields[key].default]
    given = [f"input.{key}" for key in changed] + ["input.centre first-person"] * (settings.centre == "first-person")
    if given:
        raise UsageError(
            f"{', '.join(given)}: only for people; {name} is the motion of a robot, in its own units.",
            hint="leave them out; input.fps and input.centre (start, frame, none) hold for robots too",
        )


def of_robot(motion: Motion, settings: KinematicInput) -> Motion:
    """Return a robot's motion, centred and at the frame rate that the settings say; units and directions stay its own."""
    positions, speeds = motion.signals["positions"], motion.signals["velocities"]
    if settings.centre == "start":
        positions = transforms.centre_on_start(positions, motion.layout)
    elif settings.centre == "frame":
        positions, speeds = (transforms.centre_per_frame(values, motion.layout) for values in (positions, speeds))
    times = motion.timestamps
    if settings.fps is not None and motion.frames > 1:
        rate = (motion.frames - 1) / float(times[-1] - times[0])
        count = max(1, round(motion.frames * settings.fps / rate))
        positions, speeds = (transforms.resample(values, count) for values in (positions, speeds))
        times = _times(times, count)
    return Motion({"positions": positions, "velocities": speeds}, motion.layout, times, motion.bodies)


def _frames_at(poses: PoseSequence, fps: float | None) -> int:
    """Return as many frames as a clip can come to at another frame rate."""
    return 0 if fps is None or poses.frames < 2 else math.ceil(poses.frames * fps / poses.fps) + 1


def _times(timestamps: Array, frames: int) -> Array:
    """Return the times of ``frames`` frames at even distances from first to last."""
    if len(timestamps) == frames:
        return timestamps
    return np.asarray(np.interp(np.linspace(0, len(timestamps) - 1, frames), np.arange(len(timestamps)), timestamps))
