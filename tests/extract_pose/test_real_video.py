"""Real people, a real network, and no boxes given: how near the joints come to other systems' joints.

PCK@0.2 is the share of joints that lie within 0.2 reference lengths of the reference joint, over all frames and all joints that both
layouts have.  The reference length is the larger side of the box around the frame's reference joints, or, stricter, the trunk: the
clip's median distance from the middle of the hips to the middle of the shoulders.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from stages.artifacts import store
from stages.engine.options import RunOptions
from stages.extract_pose.config import ExtractPoseConfig
from stages.extract_pose.stage import run
from stages.skeletons import poses
from stages.skeletons.layouts import COCO_17, KINECT_25, MEDIAPIPE_33, Layout
from stages.skeletons.poses import PoseSequence
from stages.video.footage import Request
from stages.workspace import Workspace

NETWORK = "data/weights/ultralight_simplepose_coco17_256x192.onnx"
TRUNK = [("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")]


def extracted(tmp_path: Path, shared: Path, video: str, **settings: Any) -> PoseSequence:
    path = shared / "data" / video
    options = RunOptions(Workspace(tmp_path), device="cpu")
    folder, summary = run(ExtractPoseConfig(estimator=str(shared / NETWORK), **settings), options, request=Request([path], set_name="real"))
    assert summary.done == [path.stem]
    return poses.from_artifact(store.read(folder / f"{path.stem}.h5"), path.stem)


def pck(found: np.ndarray, reference: np.ndarray, layout: Layout, *, by: str, mirrored: bool = False) -> dict[str, float]:
    """PCK@0.2 of each joint that COCO-17 shares with ``layout``; positions are (T, V, 2), NaN where there is no reference."""
    shared = [name for name in COCO_17.joints if name in layout.index]
    theirs = [layout.joints[layout.mirrored[layout.index[name]]] if mirrored else name for name in shared]
    if by == "box":
        length = (np.nanmax(reference, axis=1) - np.nanmin(reference, axis=1)).max(axis=1)
    else:
        low, high = (reference[:, layout.numbers(end)].mean(axis=1) for end in TRUNK)
        length = np.full(len(found), np.nanmedian(np.linalg.norm(high - low, axis=1)))
    distance = np.linalg.norm(found[:, COCO_17.numbers(tuple(shared))] - reference[:, layout.numbers(tuple(theirs))], axis=2)
    known = np.isfinite(reference[:, layout.numbers(tuple(theirs))]).all(axis=2)
    near = (distance < 0.2 * length[:, None]) & known  # a joint that was not found is not near
    return {name: float(near[:, n].sum() / known[:, n].sum()) for n, name in enumerate(shared) if known[:, n].any()}


def test_squats__are_where_mediapipe_sees_them(tmp_path: Path, shared: Path) -> None:
    found = extracted(tmp_path, shared, "videos/pose_squats.mp4").positions[0]
    reference = np.array(json.loads((shared / "data/videos/pose_squats.full.json").read_text()))[..., :2]
    shares = {by: float(np.mean(list(pck(found, reference, MEDIAPIPE_33, by=by).values()))) for by in ("box", "trunk")}
    assert found.shape == (65, 17, 2)
    assert shares["box"] >= 0.95
    assert shares["trunk"] >= 0.95


def test_ntu__is_where_kinect_sees_it(tmp_path: Path, shared: Path) -> None:
    """Joints that Kinect only inferred are left out; its sides are mirrored against COCO's."""
    found = extracted(tmp_path, shared, "ntu/S001C001P001R001A001_rgb.avi").positions[0]
    reference = kinect(shared / "data/ntu/S001C001P001R001A001.skeleton")
    shares = {}
    for by in ("box", "trunk"):
        right = pck(found, reference, KINECT_25, by=by, mirrored=True)
        wrong = pck(found, reference, KINECT_25, by=by, mirrored=False)
        shares[by] = float(np.mean(list(right.values())))
        assert shares[by] > np.mean(list(wrong.values())) + 0.05
    assert found.shape == (103, 17, 2)
    assert shares["box"] >= 0.95
    assert shares["trunk"] >= 0.90


def kinect(path: Path) -> np.ndarray:
    """The tracked joints of the first body in the colour image, (T, 25, 2): columns colorX and colorY where the state is 2."""
    lines = iter(path.read_text().splitlines())
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            next(lines)
            joints = np.array([next(lines).split() for _ in range(int(next(lines)))], float)
            bodies.append(np.where(joints[:, 11:] == 2, joints[:, 5:7], np.nan))
        frames.append(bodies[0])
    return np.array(frames)


def test_lifter__left_and_right_are_put_back(tmp_path: Path, shared: Path) -> None:
    """A lifter who faces the camera throughout: each left joint lies to the right of its right one in the image."""
    wrong = {}
    for repaired in (False, True):
        found = extracted(tmp_path / str(repaired), shared, "videos/clean_and_jerk.mp4", repair_swaps=repaired).positions[0]
        pairs = [COCO_17.numbers((f"left_{name}", f"right_{name}")) for name in ("shoulder", "elbow", "hip", "knee", "ankle")]
        wrong[repaired] = float(np.mean([found[:, left, 0] < found[:, right, 0] for left, right in pairs]))
    assert wrong[False] > 0.1
    assert wrong[True] < 0.02
