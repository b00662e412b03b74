"""A generated set of two modalities, each of which is blind to half of the faults.

Every clip has one kind of fault.  That of the body shows in how high the arms are raised while the features say nothing of it (they vary
as somebody else's do); that of the pixels shows in the features while the arms move at random.  Which kind a clip has shows in both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.artifacts import store
from stages.artifacts.store import Header
from stages.datasets import manifest
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import sequence, to_artifact
from tests.small import clip

DIMENSIONS, FRAMES = 16, 16


def write_two_modalities(workspace: Path, subjects: int = 20, each: int = 4, seed: int = 0) -> None:
    """Write the poses and the features of the set ``two`` into a workspace."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(3, DIMENSIONS))
    rows = []
    for number in range(subjects * each):
        name, subject = f"s{number // each:02d}/c{number % each}", f"s{number // each:02d}"
        quality, other, seen_in_pose = random.uniform(0, 1), random.uniform(0, 1), number % 2 == 0
        lift = quality if seen_in_pose else other
        positions = clip(lift, FRAMES, 1000 * seed + number, KINECT_20)
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
