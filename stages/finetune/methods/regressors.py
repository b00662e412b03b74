"""Classical regressors of scores on a table of numbers per clip; what the table holds is the business of whoever derives from them.

Numbers are standardised with the training clips' mean and deviation.  The fitted arrays go into the model artifact, and predictions
are made from them with plain numpy, so that a model needs no pickle and no particular version of scikit-learn.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from stages.arrays import Array
from stages.engine.inputs import Inputs
from stages.engine.method import Context, Estimator, MethodConfig
from stages.engine.records import Records
from stages.errors import UsageError


class RegressorSettings(MethodConfig):
    """Settings that the regressors share."""

    inner_folds: int = Field(5, ge=2)
    """Folds, by subject and within training, that choose the regressor's strength."""


class SVRSettings(RegressorSettings):
    """Settings of the support vector regression."""

    kernel: Literal["rbf", "linear"] = "rbf"


class TreeSettings(RegressorSettings):
    """Settings of the trees."""

    trees: int = Field(500, ge=1)
    min_leaf: int = Field(2, ge=1)


class TableRegressor(Estimator):
    """Standardises the table of the clips; a child says what is in it, and how it is regressed on."""

    inputs = Inputs()
    settings: RegressorSettings

    def __init__(self, settings: RegressorSettings, context: Context) -> None:
        self.settings, self.context = settings, context
        self._arrays: dict[str, Array] = {}

    @abstractmethod
    def table(self, records: Records) -> Array:
        """Return one row of finite numbers per clip, (N, D)."""

    def represent(self, records: Records) -> Array:
        """Return the standardised table, (N, D)."""
        return self._standardised(records)

    def arrays(self) -> dict[str, Array]:
        """Return the fitted arrays."""
        return self._arrays

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over fitted arrays."""
        self._arrays = dict(arrays)

    def _standardised(self, records: Records, *, fit: bool = False) -> Array:
        table = self.table(records)
        if fit:
            scale = table.std(axis=0)
            self._arrays = {"mean": table.mean(axis=0), "scale": np.where(scale > 1e-12, scale, 1)}
        if table.shape[1] != len(self._arrays["mean"]):
            raise UsageError(
                f"The model expects {len(self._arrays['mean'])} features, these clips have {table.shape[1]}.",
                hint="the clips have another skeleton, or come from another backbone, than those the model was trained on",
            )
        return (table - self._arrays["mean"]) / self._arrays["scale"]


class Ridge(TableRegressor):
    """Ridge regression; the strength is chosen by inner folds."""

    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Fit; see :class:`stages.engine.method.Estimator`."""
        from sklearn.linear_model import Ridge as Linear

        scores_only(classes)
        table = self._standardised(train, fit=True)
        search = _search(Linear(), {"alpha": np.logspace(0, 5, 16)}, table, target, groups, self.settings.inner_folds)
        self._arrays |= {"weight": search.coef_, "bias": np.atleast_1d(search.intercept_), "alpha": np.atleast_1d(search.alpha)}

    def predict(self, records: Records) -> dict[str, Array]:
        """Return the scores."""
        return {"value": self._standardised(records) @ self._arrays["weight"] + self._arrays["bias"][0]}


class SVR(TableRegressor):
    """Support vector regression with a Gaussian or a linear kernel."""

    settings: SVRSettings

    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Fit; see :class:`stages.engine.method.Estimator`."""
        from sklearn import svm

        scores_only(classes)
        table = self._standardised(train, fit=True)
        gammas = [factor / table.shape[1] for factor in (0.03, 0.1, 0.3)]
        grid: dict[str, list[float]] = {"C": [0.3, 1.0, 3.0, 10.0], "gamma": gammas, "epsilon": [0.1]}
        if self.settings.kernel == "linear":
            # over standardised columns the kernel's values grow with their number, hence the smaller C
            grid = {
                "C": [strength / table.shape[1] for strength in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)],
                "gamma": [0.0],
                "epsilon": [0.1],
            }
        best = _search(svm.SVR(kernel=self.settings.kernel), grid, table, target, groups, self.settings.inner_folds)
        self._arrays |= {
            "support": best.support_vectors_,
            "dual": best.dual_coef_[0],
            "bias": np.atleast_1d(best.intercept_),
            "gamma": np.atleast_1d(best.gamma),
        }

    def predict(self, records: Records) -> dict[str, Array]:
        """Return the scores."""
        table, support = self._standardised(records), self._arrays["support"]
        kernel = table @ support.T
        if self.settings.kernel == "rbf":
            distances = (table**2).sum(axis=1)[:, None] + (support**2).sum(axis=1) - 2 * kernel
            kernel = np.exp(-self._arrays["gamma"][0] * distances)
        return {"value": kernel @ self._arrays["dual"] + self._arrays["bias"][0]}


class Trees(TableRegressor):
    """Extremely randomised trees."""

    settings: TreeSettings

    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Fit; see :class:`stages.engine.method.Estimator`."""
        from sklearn.ensemble import ExtraTreesRegressor

        scores_only(classes)
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


def scores_only(classes: int) -> None:
    """Refuse levels and actions."""
    if classes:
        raise UsageError("The classical regressors predict scores only.", hint="--task score")
