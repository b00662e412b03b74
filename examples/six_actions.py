"""Write a generated set of six actions that share elements of quality: ``python examples/six_actions.py WORKSPACE``.

Every clip is six segments of one of six actions.  What decides its score are six elements of quality (how high, how straight, how many
turns, …), each drawn anew for every clip, each to be seen in two of the segments.  Four of an action's elements come from a pool of six
that all actions draw from; where two actions have an element in common, it looks alike and shows in the same segments.  The other two are
the action's own, and look like nothing in another action.  The score is a weighted sum of the elements, all of which raise it, give or
take what the judges say, in units that every action has to itself: means from 14 to 77, deviations from 3 to 17.

Nobody sees the elements.  The 64 features of a segment are the sum of

* the elements that show in it, each along its direction;
* looks of the action (pool, slope, hall): an offset, the same in all its clips and segments;
* what happens to be in view: eight numbers, others in every segment, along directions that all actions share;
* noise in every feature, other in every segment.

What favours learning from all actions: two thirds of what decides a score are shared elements, all of which point upwards in every action,
though with other weights; and divided by their deviation, all actions' scores have nearly one mean (4 to 5).  In AQA-7 that is not so: a
vault's lie about 17, a jump's about 2.5.  What does not favour it: the private third, the offsets, and that an element which an action
lacks is absent from all of its clips.

The set is called ``six``, its features are ``seen``; the columns ``action`` and ``split`` say what a clip is and whether it tests.  Write
it with another ``--seed`` for other elements, weights and clips.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.artifacts import store
from stages.artifacts.store import Header
from stages.datasets import manifest

ACTIONS = {
    "dive": (65.0, 14.0),
    "vault": (14.5, 3.0),
    "ski": (28.0, 7.0),
    "board": (30.0, 7.0),
    "pair-low": (75.0, 16.0),
    "pair-high": (77.0, 17.0),
}
"""Action → the mean and the deviation of its scores."""
SEGMENTS, DIMENSIONS, IN_VIEW = 6, 64, 8
POOL, SHARED, PRIVATE = 6, 4, 2
"""Elements that actions draw from, how many each draws, and how many it has to itself."""
ELEMENT, LOOK, VIEW, NOISE = 0.6, 1.0, 0.6, 0.6
"""Standard deviations in a feature: of an element, of the looks, of all that is in view, of the noise."""
JUDGES = 0.2
"""Standard deviation of what judges add, beside the elements' own of 1."""


def generate(clips: int, seed: int) -> dict[str, tuple[Array, Array, Array]]:
    """Return action → features (N, S, D), scores (N,) and elements (N, 6: the shared ones, then its own) of N clips of each."""
    random = np.random.default_rng(seed)
    looks = random.normal(size=(POOL + PRIVATE * len(ACTIONS), DIMENSIONS))
    shows = np.stack([random.permutation(SEGMENTS) < 2 for _ in looks])  # elements, S
    views = random.normal(size=(IN_VIEW, DIMENSIONS)) / np.sqrt(IN_VIEW)
    found = {}
    for number, (action, (mean, deviation)) in enumerate(ACTIONS.items()):
        own = POOL + PRIVATE * number + np.arange(PRIVATE)
        which = np.concatenate([random.choice(POOL, SHARED, replace=False), own])
        weights = random.uniform(0.5, 1.5, len(which))
        weights /= np.linalg.norm(weights)
        elements = random.normal(size=(clips, len(which)))
        seen = np.einsum("ne,es,ed->nsd", elements, shows[which].astype(float), looks[which])
        features = ELEMENT * seen + LOOK * random.normal(size=DIMENSIONS)
        features += VIEW * random.normal(size=(clips, SEGMENTS, IN_VIEW)) @ views + NOISE * random.normal(
            size=(clips, SEGMENTS, DIMENSIONS)
        )
        scores = mean + deviation * (elements @ weights + JUDGES * random.normal(size=clips)) / np.hypot(1, JUDGES)
        found[action] = features.astype(np.float32), scores, elements
    return found


def write(workspace: Path, train: int = 120, test: int = 80, seed: int = 0) -> None:
    """Write the features of the set ``six`` and its manifest into a workspace; ``train`` and ``test`` are clips of each action."""
    folder, rows = workspace / "features/six/seen", []
    for action, (features, scores, _) in generate(train + test, seed).items():
        for number, (values, score) in enumerate(zip(features, scores, strict=True)):
            name = f"{action}/c{number:03d}"
            documents = {
                "clip": {},
                "sampling": {"views": [{"name": "original", "frames": None}]},
                "config": {},
                "provenance": {"stage": "extract-features"},
            }
            header = Header("features", "extract-features", 1, f"six-{seed}-{name}")
            store.write(folder / f"{name}.h5", store.Artifact(header, {"features": values[None]}, documents))
            facts: dict[str, manifest.Value] = {"action": action, "split": "train" if number < train else "test"}
            rows.append((name, facts | {"score": round(float(score), 3)}))
    (folder / "manifest.csv").write_text(manifest.from_rows(rows, "six").to_csv(), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--train", type=int, default=120, help="training clips of each action")
    parser.add_argument("--test", type=int, default=80, help="test clips of each action")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.workspace, arguments.train, arguments.test, arguments.seed)
