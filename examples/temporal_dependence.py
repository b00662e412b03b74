"""Write a generated set whose segments depend on each other: ``python examples/temporal_dependence.py WORKSPACE``.

Every clip is ten segments in three stages (take-off, flight, entry).  What decides its score is how far the execution is off in each
segment: there are slips, and what is off in a segment carries over to the next one, as S4AQA argues of dives, where a flawed take-off
shows in the somersaults and in the splash.  The score is 100 less a multiple of the sum of what is off, give or take what the judges say.

Nobody sees the execution.  The 64 features of a segment are the sum of

* the execution in that segment, along a direction of its stage (1 to 2 % of the variance);
* looks (athlete, pool): two numbers, the same in all segments of a clip whatever the execution (about 5 %);
* what happens to be in view: eight numbers, others in every segment (about 60 %);
* noise in every feature, other in every segment (the rest).

What favours methods that recover segments of unlabelled clips: what is in view and the noise tell nothing of other segments, so that all
that can be recovered is execution and looks.  A set in which the background lasts over a clip and outweighs the execution by far would
teach them the background.  What does not favour them: looks can be recovered, too, outweigh the execution and do not matter; execution is
in each segment for any method to see, and a linear function of all features gives the score; labelled and unlabelled clips are drawn alike.

The set is called ``slips``, its features are ``seen``, and the column ``split`` says which clips test.  Write it with other ``--seed``
for other directions and other clips.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.artifacts import store
from stages.artifacts.store import Header
from stages.datasets import manifest

STAGES = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
"""The stage of each segment."""
DIMENSIONS, LOOKS, IN_VIEW = 64, 2, 8
SLIP, CARRIED = 0.4, 0.85
"""Probability of a slip in a segment (its size is exponential with mean 1), and how much of what is off is so in the next segment."""
EXECUTION, LOOK, VIEW, NOISE = 0.3, 0.5, 2.5, 2.0
"""Standard deviations in a feature: of what is off by 1, of one of the looks, of all that is in view, of the noise."""
POINTS, JUDGES = 1.2, 0.4
"""Points lost in a segment that is off by 1, and the standard deviation of what judges add."""


def executions(clips: int, random: np.random.Generator) -> Array:
    """Return how far each segment of each clip is off, (N, S)."""
    slips = random.exponential(1.0, (clips, len(STAGES))) * (random.random((clips, len(STAGES))) < SLIP)
    off = np.zeros_like(slips)
    before = np.zeros(clips)
    for segment in range(len(STAGES)):
        before = off[:, segment] = CARRIED * before + slips[:, segment]
    return off


def generate(clips: int, seed: int) -> tuple[Array, Array, Array]:
    """Return features (N, S, D), scores (N,), and how far each segment is off (N, S)."""
    random = np.random.default_rng(seed)
    directions = random.normal(size=(STAGES.max() + 1, DIMENSIONS))
    directions *= np.sqrt(DIMENSIONS) / np.linalg.norm(directions, axis=1, keepdims=True)
    looks, views = random.normal(size=(LOOKS, DIMENSIONS)), random.normal(size=(IN_VIEW, DIMENSIONS)) / np.sqrt(IN_VIEW)
    off = executions(clips, random)
    shape = (clips, len(STAGES))
    features = EXECUTION * off[:, :, None] * directions[STAGES] + LOOK * (random.normal(size=(clips, LOOKS)) @ looks)[:, None]
    features += VIEW * random.normal(size=(*shape, IN_VIEW)) @ views + NOISE * random.normal(size=(*shape, DIMENSIONS))
    return features.astype(np.float32), 100 - POINTS * off.sum(axis=1) + JUDGES * random.normal(size=clips), off


def write(workspace: Path, train: int = 600, test: int = 400, seed: int = 0) -> None:
    """Write the features of the set ``slips`` and its manifest into a workspace."""
    features, scores, _ = generate(train + test, seed)
    folder, rows = workspace / "features/slips/seen", []
    for number, (values, score) in enumerate(zip(features, scores, strict=True)):
        name = f"c{number:04d}"
        documents = {
            "clip": {},
            "sampling": {"views": [{"name": "original", "frames": None}]},
            "config": {},
            "provenance": {"stage": "extract-features"},
        }
        header = Header("features", "extract-features", 1, f"slips-{seed}-{name}")
        store.write(folder / f"{name}.h5", store.Artifact(header, {"features": values[None]}, documents))
        rows.append((name, {"score": round(float(score), 3), "split": "train" if number < train else "test"}))
    (folder / "manifest.csv").write_text(manifest.from_rows(rows, "slips").to_csv(), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--train", type=int, default=600, help="training clips")
    parser.add_argument("--test", type=int, default=400, help="test clips")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.workspace, arguments.train, arguments.test, arguments.seed)
