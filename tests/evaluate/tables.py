"""Tables of predictions for tests."""

from __future__ import annotations

import numpy as np

from stages.evaluate.table import Table


def scores(
    groups: dict[str, int] | None = None, *, seeds: int = 1, folds: int = 1, noise: float = 3.0, subjects: int | None = None
) -> Table:
    """Noisy predictions of normal scores, the classes' means ten apart."""
    random = np.random.default_rng(0)
    sizes = groups or {"all": 30}
    names = np.repeat(list(sizes), list(sizes.values()))
    count = len(names)
    means = 10.0 * np.repeat(np.arange(len(sizes)), list(sizes.values()))
    truth = means + random.normal(20, 3, count)
    return Table(
        clips=np.array([f"clip-{number}" for number in range(count)]),
        truth=truth,
        predicted=truth + random.normal(0, noise, (seeds, count)),
        seeds=tuple(str(seed) for seed in range(seeds)),
        groups=names,
        clusters=np.array([f"s{number % (subjects or count)}" for number in range(count)]),
        folds=np.array([f"fold-{number % folds}" for number in range(count)]),
        means=20 + means,
        deviations=np.full(count, 3.0),
    )


def labels(classes: tuple[str, ...], *, task: str = "action", seeds: int = 2, count: int = 60) -> Table:
    """Predictions of classes, seven in ten right."""
    random = np.random.default_rng(1)
    truth = np.arange(count) % len(classes)
    guesses = random.integers(0, len(classes), (seeds, count))
    return Table(
        clips=np.array([f"clip-{number}" for number in range(count)]),
        truth=truth.astype(float),
        predicted=np.where(random.random((seeds, count)) < 0.7, truth, guesses).astype(float),
        seeds=tuple(str(seed) for seed in range(seeds)),
        groups=np.full(count, "all"),
        clusters=np.array([f"s{number // 6}" for number in range(count)]),
        folds=np.array([f"fold-{number % 2}" for number in range(count)]),
        task=task,
        classes=classes,
    )
