"""Write a generated set of two modalities, each of which is blind to half of the faults: ``python examples/two_modalities.py WORKSPACE``.

Every clip has one kind of fault.  That of the body shows in how high the arms are raised while the features say nothing of it (they vary
as somebody else's do); that of the pixels shows in the features while the arms move at random.  Which kind a clip has shows in both.
The poses and the features become the set ``two``, on which ``aqa finetune --method 2m-af --dataset two`` trains.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from stages.artifacts import store
from stages.artifacts.store import Header
from stages.datasets import manifest
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence, to_artifact

DIMENSIONS, FRAMES = 16, 16


def raised_arms(lift: float, random: np.random.Generator) -> np.ndarray:
    """Return positions (1, T, 20, 3) in metres of somebody who raises the arms twice, as high as ``lift`` (0 to 1) says."""
    heights = {
        "head": 0.6,
        "spine_shoulder": 0.45,
        "spine": 0.2,
        "pelvis": 0.0,
        "shoulder": 0.42,
        "elbow": 0.15,
        "wrist": -0.1,
        "hand": -0.15,
    }
    heights |= {"hip": -0.02, "knee": -0.45, "ankle": -0.85, "foot": -0.9}
    positions = np.zeros((FRAMES, len(KINECT_20.joints), 3))
    for number, name in enumerate(KINECT_20.joints):
        side, part = {"left": 0.2, "right": -0.2}.get(name.partition("_")[0], 0.0), name.partition("_")[2]
        positions[:, number] = [side, heights.get(name, heights.get(part, 0.1)), 0.05 * side]
        if part in ("elbow", "wrist", "hand"):
            positions[:, number, 1] += lift * np.sin(np.linspace(0, 2 * np.pi, FRAMES)) ** 2
    return (positions + 0.01 * random.normal(size=positions.shape) + [0, 0, 3])[None]


def write(workspace: Path, subjects: int = 20, each: int = 4, seed: int = 0) -> None:
    """Write the poses and the features of the set ``two`` into a workspace."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(3, DIMENSIONS))
    rows = []
    for number in range(subjects * each):
        name, subject = f"s{number // each:02d}/c{number % each}", f"s{number // each:02d}"
        quality, other, seen_in_pose = random.uniform(0, 1), random.uniform(0, 1), number % 2 == 0
        lift = quality if seen_in_pose else other
        positions = raised_arms(lift, random)
        # Somebody whose fault is one of the pixels leans to the side.
        positions[..., 0] += 0.0 if seen_in_pose else 0.4 * positions[..., 1]
        poses = sequence(positions, KINECT_20, units="m", origin="camera")
        header = Header("poses", "import-poses", 1, f"two-{seed}-{number}")
        store.write(workspace / f"poses/two/{name}.h5", to_artifact(poses, header, {}, {}))
        facts = np.array([other if seen_in_pose else quality, float(seen_in_pose), 1.0])
        features = facts @ mixing + 0.05 * random.normal(size=(1, 3, DIMENSIONS))
        documents = {
            "clip": {},
            "sampling": {"views": [{"name": "original", "frames": None}]},
            "config": {},
            "provenance": {"stage": "extract-features"},
        }
        header = Header("features", "extract-features", 1, f"two-{seed}-{number}")
        store.write(
            workspace / f"features/two/seen/{name}.h5", store.Artifact(header, {"features": features.astype(np.float32)}, documents)
        )
        rows.append((name, {"subject": subject, "score": round(10 * quality, 3), "fault": "body" if seen_in_pose else "pixels"}))
    for folder in (workspace / "poses/two", workspace / "features/two/seen"):
        (folder / "manifest.csv").write_text(manifest.from_rows(rows, "two").to_csv())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--subjects", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.workspace, arguments.subjects, seed=arguments.seed)
