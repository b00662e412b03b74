"""COREG: co-training of two nearest-neighbour regressors (Zhou and Li, IJCAI 2005), on the mean of a clip's segment features.

The two differ in the order of their Minkowski distance.  In every round each looks, among a pool of unlabelled clips, for the one whose own
estimate, taken for its label, would most reduce the error on the labelled clips around it, and gives it to the other.  The prediction is
the mean of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from pydantic import Field

from stages.arrays import Array
from stages.engine.method import MethodConfig
from stages.engine.records import Records
from stages.finetune.methods import features, regressors


class Settings(features.Settings):
    """Settings of the method; the defaults are the paper's."""

    neighbours: int = Field(3, ge=1)
    """k of both regressors."""
    orders: tuple[float, float] = (2.0, 5.0)
    """p of their distances."""
    rounds: int = Field(100, ge=0)
    """At most."""
    pool: int = Field(100, ge=1)
    """Unlabelled clips that are looked at in a round."""


@dataclass
class Learner:
    """A nearest-neighbour regressor on some of all clips.

    Attributes:
        distances: between all clips, (N, N).
        members: the clips it knows, by number.
        values: what it takes for their scores.
    """

    distances: Array
    members: list[int]
    values: list[float]
    neighbours: int
    given: list[tuple[int, float]] = field(default_factory=list)

    def estimate(self, clips: Sequence[int]) -> Array:
        """Return the mean score of the nearest known clips, (n,)."""
        nearest = self._nearest(clips)
        return np.asarray(np.array(self.values)[nearest].mean(axis=1))

    def best(self, pool: Sequence[int]) -> tuple[int, float] | None:
        """Return the clip of the pool that would help most, with its estimate; None where none would."""
        guesses, around = self.estimate(pool), self._nearest(pool)
        gains = [self._gain(clip, float(guess), near) for clip, guess, near in zip(pool, guesses, around, strict=True)]
        place = int(np.argmax(gains))
        return (pool[place], float(guesses[place])) if gains[place] > 0 else None

    def _nearest(self, clips: Sequence[int]) -> Array:
        apart = self.distances[np.ix_(clips, self.members)]
        return np.asarray(np.argsort(apart, axis=1, kind="stable")[:, : self.neighbours])

    def _gain(self, clip: int, guess: float, near: Array) -> float:
        """Return how much smaller the squared error on the clips around becomes if ``clip`` with its guess is known, too."""
        around = [self.members[place] for place in near]
        truth = np.array(self.values)[near]
        before = self.estimate(around)
        after = Learner(self.distances, [*self.members, clip], [*self.values, guess], self.neighbours).estimate(around)
        return float(((truth - before) ** 2 - (truth - after) ** 2).sum())


class COREG(features.FeatureTable):
    """Two learners."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    settings: Settings
    uses_unlabelled: ClassVar = True

    def fit(self, train: Records, target: Array, groups: Array, classes: int, seed: int) -> None:
        """Fit; see :class:`stages.engine.method.Estimator`."""
        regressors.scores_only(classes)
        table = self._standardised(train, fit=True)
        everything = np.concatenate([table, self._standardised(self.unlabelled)])
        known = list(range(len(table)))
        learners = [
            Learner(distances_of(everything, everything, order), list(known), target.tolist(), self.settings.neighbours)
            for order in self.settings.orders
        ]
        teach_each_other(learners, list(range(len(table), len(everything))), self.settings, np.random.default_rng(seed))
        for number, learner in enumerate(learners):
            self._arrays |= {f"table-{number}": everything[learner.members], f"values-{number}": np.array(learner.values)}

    def predict(self, records: Records) -> dict[str, Array]:
        """Return the mean of both regressors."""
        table = self._standardised(records)
        found = []
        for number, order in enumerate(self.settings.orders):
            apart = distances_of(table, self._arrays[f"table-{number}"], order)
            nearest = np.argsort(apart, axis=1, kind="stable")[:, : self.settings.neighbours]
            found.append(self._arrays[f"values-{number}"][nearest].mean(axis=1))
        return {"value": np.mean(found, axis=0)}


def teach_each_other(learners: list[Learner], unlabelled: list[int], settings: Settings, random: np.random.Generator) -> None:
    """Let both learners label clips for each other until neither finds one that helps."""
    left = list(random.permutation(unlabelled))
    pool, left = left[: settings.pool], left[settings.pool :]
    for _ in range(settings.rounds):
        found = []
        for learner in learners:
            best = learner.best(pool) if pool else None
            found.append(best)
            if best is not None:
                pool.remove(best[0])
        for learner, best in zip(learners, reversed(found), strict=True):
            if best is not None:
                learner.members.append(best[0])
                learner.values.append(best[1])
        if not any(found):
            return
        missing = settings.pool - len(pool)
        pool, left = pool + left[:missing], left[missing:]


def distances_of(one: Array, two: Array, order: float) -> Array:
    """Return the Minkowski distances (N, M) of the rows of two tables."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(one, two, "minkowski", p=order))
