"""Write a generated set of two synchronous cameras with scores: ``python examples/two_cameras.py WORKSPACE``.

The people of the set ``generated`` squat with raised arms, with known faults and a panel's score (:mod:`stages.datasets.generated`), before
two cameras that stand a quarter of a circle apart, as QMAR's frontal and side views do.  Every performance is two clips, one per camera,
each with that camera's own noise and lost joints; people face the first camera give or take a few degrees.  The columns:

* ``camera``: ``1`` or ``2``; ``moment``: the performance, equal for its two clips, which are synchronous;
* ``subject``, ``part``: ``scored``, or ``unscored``: other people, to learn views from; ``half``: of the scored people, ``a`` or ``b``;
* ``corner``: camera and half, ``1a`` … ``2b``, so that other people can be tested from another camera;
* ``score``, ``score.true``, the faults and the judges' marks, and ``label``: the score in one of five levels (0 to 4) of equal width.

The pose set ``two-cameras`` has 3-D joints in each camera's own axes, of which ``aqa extract-maps --poses two-cameras`` draws what that
camera sees.  The set ``two-cameras-flat`` has the same joints as they lie in that camera's picture (tangents of angles): 2-D poses, for
methods that take them.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from stages.artifacts import store
from stages.artifacts.store import Header
from stages.datasets import generated, manifest
from stages.datasets.generated import Clip, Sizes, judges, sensor
from stages.datasets.generated.motion import FPS
from stages.datasets.generated.sensor import View
from stages.datasets.manifest import Value
from stages.skeletons import transforms
from stages.skeletons.layouts import KINECT_25
from stages.skeletons.poses import PoseSequence, sequence, to_artifact

NAME, FLAT = "two-cameras", "two-cameras-flat"
CAMERAS = {"1": View(facing=0.0, distance=2.4, aside=0.0, height=1.0), "2": View(facing=np.pi / 2, distance=2.7, aside=0.0, height=1.1)}
"""Where the cameras stand: before the people, and to their side."""
FACING, PLACE = np.radians(8), 0.1
"""Standard deviations, clip by clip, of where people face and of where they stand, in radians and metres."""
LEVELS = 5


def views_of(clip: Clip) -> dict[str, View]:
    """Return where each camera is for a performance: people do not always stand and face alike, which both cameras see."""
    random = clip.random("place")
    turn, aside, away = random.normal(0, FACING), random.normal(0, PLACE), random.normal(0, PLACE)
    first, second = CAMERAS["1"], CAMERAS["2"]
    return {
        "1": replace(first, facing=first.facing + turn, aside=aside, distance=first.distance + away),
        "2": replace(second, facing=second.facing + turn, aside=away, distance=second.distance - aside),
    }


def filmed(clip: Clip) -> dict[str, PoseSequence]:
    """Return camera → 3-D joints (1, T, 25, 3) of a performance, in metres, in the camera's axes."""
    motion = generated.clean_motion(clip, generated.faults_of(clip))
    found = {}
    for camera, view in views_of(clip).items():
        positions = sensor.record(sensor.seen_from(motion, view), clip.random(f"sensor of camera {camera}"))
        found[camera] = sequence(positions, KINECT_25, fps=FPS, units="m", origin="camera")
    return found


def flattened(poses: PoseSequence) -> PoseSequence:
    """Return the joints (1, T, 25, 2) where a pinhole camera shows them, x to the right and y down, as tangents of angles."""
    positions = transforms.flatten(poses.positions) / poses.positions[..., 2:]
    return replace(poses, positions=positions, units="unknown", origin="image centre")


def level_of(score: float) -> str:
    """Return a score's level: fifths of the range of scores."""
    return str(min(LEVELS - 1, int(LEVELS * score / judges.HIGHEST)))


def rows_of(clip: Clip) -> dict[str, dict[str, Value]]:
    """Return camera → what is known of that camera's clip of a performance."""
    known: dict[str, Value] = {"subject": clip.subject, "part": clip.part, "moment": clip.id}
    if clip.part == "unscored":
        return {camera: {**known, "camera": camera} for camera in CAMERAS}
    labels = generated.labels(clip)
    half = "ab"[int(clip.subject[1:]) % 2]
    assert isinstance(labels["score"], float)
    scored = {**known, "half": half, **labels, "label": level_of(labels["score"])}
    return {camera: {**scored, "camera": camera, "corner": f"{camera}{half}"} for camera in CAMERAS}


def write(workspace: Path, sizes: Sizes) -> None:
    """Write both pose sets into a workspace."""
    rows: list[tuple[str, dict[str, Value]]] = []
    for group in generated.clips_of(sizes):
        for clip in group:
            described = rows_of(clip)
            for camera, poses in filmed(clip).items():
                name = f"camera-{camera}/{clip.id}"
                for set_name, each in ((NAME, poses), (FLAT, flattened(poses))):
                    header = Header("poses", "import-poses", 1, f"{set_name}-{sizes.seed}-{name}")
                    documents = {"provenance": {"stage": "import-poses"}}
                    store.write(workspace / f"poses/{set_name}/{name}.h5", to_artifact(each, header, {}, documents["provenance"]))
                rows.append((name, described[camera]))
    for set_name in (NAME, FLAT):
        (workspace / f"poses/{set_name}/manifest.csv").write_text(manifest.from_rows(rows, set_name).to_csv(), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--subjects", type=int, default=40, help="with scores")
    parser.add_argument("--clips", type=int, default=3, help="performances of each of them")
    parser.add_argument("--unscored", type=int, default=100, help="performances of other people, five each")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write(given.workspace, Sizes(given.subjects, given.clips, given.unscored, given.seed))
