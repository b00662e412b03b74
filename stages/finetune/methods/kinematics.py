"""The baseline that any method must face: kinematic statistics of the joints and a classical regressor.

The features of a clip are, per joint and axis, the mean posture, its spread and the envelope of the movement (5th, 50th and 95th
percentile), per joint the logarithms of speed, peak speed and jerkiness (acceleration per speed), the differences between the two
sides, the path of the whole body and the clip's length; in units of the trunk.  No frame is resampled, so tempo is seen as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from stages.arrays import Array
from stages.engine.method import Inputs, MethodConfig
from stages.engine.records import Records
from stages.errors import UsageError
from stages.skeletons import transforms
from stages.skeletons.poses import PoseSequence

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


class Settings(MethodConfig):
    """Settings that the three regressors share."""

    face_camera: bool = True
    """Turn bodies to face the camera first; switch off where everybody faces one camera anyway, since hips are seen with noise."""
    inner_folds: int = Field(5, ge=2)
    """Folds, by subject and within training, that choose the regressor's strength."""


class TreeSettings(Settings):
    """Settings of the trees."""

    trees: int = Field(500, ge=1)
    min_leaf: int = Field(2, ge=1)


class _Kinematics:
    """Standardised features and a regressor in its dual or primal form."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    uses_encoder: ClassVar = False
    inputs = Inputs()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._arrays: dict[str, Array] = {}

    def arrays(self) -> dict[str, Array]:
        """Return the fitted arrays."""
        return self._arrays

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over fitted arrays."""
        self._arrays = dict(arrays)

    def _standardised(self, records: Records, *, fit: bool = False) -> Array:
        table = np.stack([features(record.poses, face_camera=self.settings.face_camera) for record in records])
        if fit:
            scale = table.std(axis=0)
            self._arrays = {"mean": table.mean(axis=0), "scale": np.where(scale > 1e-12, scale, 1)}
        if table.shape[1] != len(self._arrays["mean"]):
            raise UsageError(
                f"The model expects {len(self._arrays['mean'])} kinematic features, these clips have {table.shape[1]}.",
                hint="the clips have another skeleton than those the model was trained on",
            )
        return (table - self._arrays["mean"]) / self._arrays["scale"]


class KinematicsRidge(_Kinematics):
    """Ridge regression; the strength is chosen by inner folds."""

    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Fit; see :class:`stages.engine.method.Estimator`."""
        from sklearn.linear_model import Ridge

        _scores_only(classes)
        table = self._standardised(train, fit=True)
        search = _search(Ridge(), {"alpha": np.logspace(0, 5, 16)}, table, target, groups, self.settings.inner_folds)
        self._arrays |= {"weight": search.coef_, "bias": np.atleast_1d(search.intercept_), "alpha": np.atleast_1d(search.alpha)}

    def predict(self, records: Records) -> dict[str, Array]:
        """Return the scores."""
        return {"value": self._standardised(records) @ self._arrays["weight"] + self._arrays["bias"][0]}


class KinematicsSVR(_Kinematics):
    """Support vector regression with a Gaussian kernel."""

    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Fit; see :class:`stages.engine.method.Estimator`."""
        from sklearn.svm import SVR

        _scores_only(classes)
        table = self._standardised(train, fit=True)
        grid = {"C": [0.3, 1.0, 3.0, 10.0], "gamma": [factor / table.shape[1] for factor in (0.03, 0.1, 0.3)], "epsilon": [0.1]}
        best = _search(SVR(), grid, table, target, groups, self.settings.inner_folds)
        self._arrays |= {
            "support": best.support_vectors_,
            "dual": best.dual_coef_[0],
            "bias": np.atleast_1d(best.intercept_),
            "gamma": np.atleast_1d(best.gamma),
        }

    def predict(self, records: Records) -> dict[str, Array]:
        """Return the scores."""
        table, support = self._standardised(records), self._arrays["support"]
        distances = ((table[:, None] - support[None]) ** 2).sum(axis=2)
        kernel = np.exp(-self._arrays["gamma"][0] * distances)
        return {"value": kernel @ self._arrays["dual"] + self._arrays["bias"][0]}


class KinematicsTrees(_Kinematics):
    """Extremely randomised trees."""

    SETTINGS: ClassVar[type[MethodConfig]] = TreeSettings
    settings: TreeSettings

    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Fit; see :class:`stages.engine.method.Estimator`."""
        from sklearn.ensemble import ExtraTreesRegressor

        _scores_only(classes)
        table = self._standardised(train, fit=True)
        forest = ExtraTreesRegressor(
            self.settings.trees, min_samples_leaf=self.settings.min_leaf, max_features=1 / 3, random_state=seed % 2**32
        ).fit(table.astype(np.float32), target)
        trees = [tree.tree_ for tree in forest.estimators_]
        starts = np.cumsum([0, *(tree.node_count for tree in trees)])
        offsets = np.repeat(starts[:-1], [tree.node_count for tree in trees])
        left = np.concatenate([tree.children_left for tree in trees])
        right = np.concatenate([tree.children_right for tree in trees])
        self._arrays |= {
            "roots": starts[:-1],
            "left": np.where(left < 0, -1, left + offsets),
            "right": np.where(right < 0, -1, right + offsets),
            "feature": np.concatenate([tree.feature for tree in trees]),
            "threshold": np.concatenate([tree.threshold for tree in trees]),
            "leaf": np.concatenate([tree.value[:, 0, 0] for tree in trees]),
        }

    def predict(self, records: Records) -> dict[str, Array]:
        """Return the mean of the trees."""
        table, arrays = self._standardised(records).astype(np.float32), self._arrays
        nodes = np.broadcast_to(arrays["roots"], (len(table), len(arrays["roots"]))).copy()
        rows = np.arange(len(table))[:, None]
        while (inner := arrays["left"][nodes] >= 0).any():
            below = table[rows, np.maximum(arrays["feature"][nodes], 0)] <= arrays["threshold"][nodes]
            nodes = np.where(inner, np.where(below, arrays["left"][nodes], arrays["right"][nodes]), nodes)
        return {"value": arrays["leaf"][nodes].mean(axis=1)}


def _search(model: Any, grid: dict[str, Any], table: Array, target: Array, groups: Array, folds: int) -> Any:
    """Return ``model`` refitted with the best of ``grid`` by mean squared error over folds that keep subjects together."""
    from sklearn.model_selection import GridSearchCV, GroupKFold

    count = min(folds, len(np.unique(groups)))
    if count < 2:
        raise UsageError("One subject is too few for inner cross-validation.", hint="more training subjects are needed")
    search = GridSearchCV(model, grid, cv=GroupKFold(count), scoring="neg_mean_squared_error")
    return search.fit(table, target, groups=groups).best_estimator_


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


def _scores_only(classes: int) -> None:
    if classes:
        raise UsageError("The kinematic baselines predict scores only.", hint="--task score")
