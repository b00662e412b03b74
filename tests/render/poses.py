"""Poses for tests of drawing: a person of coco-17 who stands upright, and moves to the right by ``step`` pixels a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.artifacts import store
from stages.skeletons.layouts import COCO_17
from stages.skeletons.poses import PoseSequence, sequence, to_artifact

PLACES = {
    "nose": (0, -40), "left_eye": (2, -42), "right_eye": (-2, -42), "left_ear": (4, -41), "right_ear": (-4, -41),
    "left_shoulder": (10, -30), "right_shoulder": (-10, -30), "left_elbow": (16, -15), "right_elbow": (-16, -15),
    "left_wrist": (18, 0), "right_wrist": (-18, 0), "left_hip": (7, 0), "right_hip": (-7, 0),
    "left_knee": (8, 20), "right_knee": (-8, 20), "left_ankle": (9, 40), "right_ankle": (-9, 40),
}  # fmt: skip
"""Joint → x, y in pixels from the middle of the body; the person faces the camera, so the left side is at the right."""


def person(frames: int = 20, centre: tuple[float, float] = (60, 60), step: float = 0) -> np.ndarray:
    """(T, V, 2)."""
    still = np.array([PLACES[name] for name in COCO_17.joints], float) + centre
    return still + np.arange(frames)[:, None, None] * np.array([step, 0])


def poses(frames: int = 20, people: int = 1, size: tuple[int, int] | None = (120, 120), fps: float = 30, **more) -> PoseSequence:
    """Poses in pixels of a picture of ``size``."""
    positions = np.stack([person(frames, (40 + 40 * number, 60)) for number in range(people)])
    clip = {"width": size[0], "height": size[1]} if size else {}
    values = {"units": "px", "origin": "image top left", "clip": clip, "timestamps": np.arange(frames) / fps, **more}
    return sequence(positions, COCO_17, **values)


def write(path: Path, sequence_: PoseSequence) -> Path:
    """Write an artifact."""
    store.write(path, to_artifact(sequence_, store.Header("poses", "extract-pose", 1, "0" * 64), {}, {}))
    return path
