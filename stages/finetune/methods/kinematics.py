"""The baseline that any method must face: kinematic statistics of the joints and a classical regressor.

The features of a clip are, per joint and axis, the mean posture, its spread and the envelope of the movement (5th, 50th and 95th
percentile), per joint the logarithms of speed, peak speed and jerkiness (acceleration per speed), the differences between the two
sides, the path of the whole body and the clip's length; in units of the trunk.  No frame is resampled, so tempo is seen as it is.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from stages.arrays import Array
from stages.engine.method import MethodConfig
from stages.engine.records import Records
from stages.finetune.methods import regressors
from stages.skeletons import transforms
from stages.skeletons.poses import PoseSequence, sequence

_SMOOTHING = 5
"""Frames of the moving average under speeds and accelerations; sensors jitter."""
_STILL = 1e-3
"""Trunk lengths per second (squared) that are added under logarithms, so that a joint at rest stays finite."""


def features(poses: PoseSequence, *, face_camera: bool = True) -> Array:
    """Return the kinematic features of the first person of a clip, (D,); every value is finite."""
    layout = poses.layout
    positions = poses.positions[:1]
    if face_camera:
        positions = transforms.face_camera(positions, layout)
    positions = transforms.interpolate_gaps(transforms.centre_on_start(transforms.scale_by_trunk(positions, layout), layout))
    body = transforms.centre_per_frame(positions, layout)[0]
    fps = poses.fps if np.isfinite(poses.fps) else 30.0
    envelope = np.percentile(body, [5, 50, 95], axis=0)
    speed, acceleration = _speed(body, fps), _acceleration(body, fps)
    mean_speed = speed.mean(axis=0)
    path = positions[0][:, layout.numbers(layout.centre)].mean(axis=1)
    parts = [
        body.mean(axis=0),
        body.std(axis=0),
        envelope,
        np.log(mean_speed + _STILL),
        np.log(np.percentile(speed, 95, axis=0) + _STILL),
        np.log((acceleration.mean(axis=0) + _STILL) / (mean_speed + _STILL)),
        path.std(axis=0),
        np.ptp(path, axis=0),
        *_asymmetry(layout.symmetric_pairs, envelope[2] - envelope[0], mean_speed),
        [np.log(poses.frames / fps)],
    ]
    return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts])


def thinned(poses: PoseSequence, frames: int) -> PoseSequence:
    """Return the first person of a clip with ``frames`` frames at even distances and the same duration."""
    positions = transforms.resample(poses.positions[:1], frames)
    fps = poses.fps * frames / poses.frames if np.isfinite(poses.fps) else 30.0
    return sequence(positions, poses.layout, fps=fps, units=poses.units, origin=poses.origin)


class Settings(regressors.RegressorSettings):
    """Settings of ridge and SVR."""

    face_camera: bool = True
    """Turn bodies to face the camera first; switch off where everybody faces one camera anyway, since hips are seen with noise."""
    frames: int | None = Field(None, ge=2)
    """Resample every clip to so many frames first, to see no more than a network does that is given so many; None takes all."""


class SVRSettings(Settings, regressors.SVRSettings):
    """Settings of the SVR."""


class TreeSettings(Settings, regressors.TreeSettings):
    """Settings of the trees."""


class _Kinematics(regressors.TableRegressor):
    """The kinematic features as the table."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    settings: Settings

    def table(self, records: Records) -> Array:
        """Return the kinematic features, (N, D)."""
        poses = [thinned(record.poses, self.settings.frames) if self.settings.frames else record.poses for record in records]
        return np.stack([features(each, face_camera=self.settings.face_camera) for each in poses])


class KinematicsRidge(_Kinematics, regressors.Ridge):
    """Ridge regression on kinematic features."""


class KinematicsSVR(_Kinematics, regressors.SVR):
    """Support vector regression on kinematic features."""

    SETTINGS: ClassVar[type[MethodConfig]] = SVRSettings
    settings: SVRSettings


class KinematicsTrees(_Kinematics, regressors.Trees):
    """Extremely randomised trees on kinematic features."""

    SETTINGS: ClassVar[type[MethodConfig]] = TreeSettings
    settings: TreeSettings


def _speed(body: Array, fps: float) -> Array:
    smooth = _smooth(body)
    return np.linalg.norm(np.diff(smooth, axis=0, append=smooth[-1:]), axis=-1) * fps


def _acceleration(body: Array, fps: float) -> Array:
    smooth = _smooth(body)
    if len(smooth) < 3:
        return np.zeros(smooth.shape[:2])
    return np.linalg.norm(np.diff(smooth, n=2, axis=0), axis=-1) * fps**2


def _smooth(body: Array) -> Array:
    from scipy.ndimage import uniform_filter1d

    return np.asarray(uniform_filter1d(body, _SMOOTHING, axis=0, mode="nearest"))


def _asymmetry(pairs: tuple[tuple[int, int], ...], spread: Array, speed: Array) -> list[Array]:
    left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return [np.abs(spread[left] - spread[right]).ravel(), np.abs(speed[left] - speed[right])]
