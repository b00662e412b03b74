"""A small pose set for tests of stages: people who raise their arms, higher for a better score."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.artifacts import store
from stages.artifacts.store import Header
from stages.datasets import manifest
from stages.skeletons.layouts import KINECT_20, Layout, layout_named
from stages.skeletons.poses import sequence, to_artifact

SUBJECTS, CLIPS_EACH = 6, 3


def standing(layout: Layout) -> np.ndarray:
    """Joints (V, 3) of somebody who stands: legs below, arms at the sides."""
    heights = {"head": 0.6, "neck": 0.5, "spine_shoulder": 0.45, "spine": 0.2, "pelvis": 0.0, "shoulder": 0.42, "elbow": 0.15}
    heights |= {"wrist": -0.1, "hand": -0.15, "hip": -0.02, "knee": -0.45, "ankle": -0.85, "foot": -0.9}
    joints = np.zeros((len(layout.joints), 3))
    for number, name in enumerate(layout.joints):
        side = {"left": 0.2, "right": -0.2}.get(name.partition("_")[0], 0.0)
        joints[number] = [side, heights.get(name, heights.get(name.partition("_")[2], 0.1)), 0.05 * side]
    return joints


def clip(quality: float, frames: int, seed: int, layout: Layout = KINECT_20) -> np.ndarray:
    """Positions (1, T, V, 3): two raises of the arms, as high as ``quality`` (0 to 1) says, with some noise."""
    random = np.random.default_rng(seed)
    lift = quality * np.sin(np.linspace(0, 2 * np.pi, frames)) ** 2
    positions = np.repeat(standing(layout)[None], frames, axis=0)
    for name in ("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand"):
        if name in layout.index:
            positions[:, layout.index[name], 1] += lift
    return (positions + 0.01 * random.normal(size=positions.shape) + [0, 0, 3])[None]


def write_pose_set(folder: Path, *, skeleton: str = "kinect-20", scored: bool = True, subjects: int = SUBJECTS) -> list[str]:
    """Write pose artifacts and their manifest; return the clips."""
    layout, rows = layout_named(skeleton), []
    for subject in range(subjects):
        for number in range(CLIPS_EACH):
            seed = 100 * subject + number
            quality = float(np.random.default_rng(seed).uniform(0.1, 1))
            name = f"s{subject}/clip-{number}"
            poses = sequence(clip(quality, 24 + 4 * number, seed, layout), layout, units="m", origin="camera")
            header = Header("poses", "import-poses", 1, f"{skeleton}-{seed}")
            store.write(folder / f"{name}.h5", to_artifact(poses, header, {}, {}))
            values: dict[str, manifest.Value] = {"subject": f"s{subject}", "action": ("low", "high")[quality > 0.5], "view": f"v{number}"}
            rows.append((name, values | ({"score": round(50 * quality, 3)} if scored else {})))
    (folder / "manifest.csv").write_text(manifest.from_rows(rows, folder.name).to_csv())
    return [name for name, _ in rows]


def write_feature_set(folder: Path, *, views: tuple[str, ...] = ("original", "flip"), dimensions: int = 12) -> list[str]:
    """Write features of two to four segments, in the first of whose numbers the score shows, and their manifest; return the clips."""
    rows = []
    for subject in range(SUBJECTS):
        for number in range(CLIPS_EACH):
            random = np.random.default_rng(100 * subject + number)
            quality = float(random.uniform(0.1, 1))
            features = random.normal(size=(len(views), 2 + number, dimensions))
            features[..., :2] = 3 * quality + 0.1 * features[..., :2]
            name = f"s{subject}/clip-{number}"
            sampling = {"views": [{"name": view, "frames": None} for view in views]}
            documents = {"clip": {}, "sampling": sampling, "config": {}, "provenance": {"stage": "extract-features"}}
            header = Header("features", "extract-features", 1, f"features-{subject}-{number}")
            store.write(folder / f"{name}.h5", store.Artifact(header, {"features": features.astype(np.float32)}, documents))
            values: dict[str, manifest.Value] = {"subject": f"s{subject}", "action": ("low", "high")[quality > 0.5], "view": f"v{number}"}
            rows.append((name, values | {"score": round(50 * quality, 3)}))
    (folder / "manifest.csv").write_text(manifest.from_rows(rows, folder.name).to_csv())
    return [name for name, _ in rows]


def write_image_set(folder: Path, *, cameras: int = 2, size: int = 16, subjects: int = SUBJECTS) -> list[str]:
    """Write pictures of a spot that rises, higher for a better score, as cameras beside each other see it, and their manifest."""
    rows = []
    for subject in range(subjects):
        for number in range(CLIPS_EACH):
            seed = 100 * subject + number
            quality, name = float(np.random.default_rng(seed).uniform(0.1, 1)), f"s{subject}/clip-{number}"
            frames = 12 + 4 * number
            height = size - 3 - quality * (size - 6) * np.sin(np.linspace(0, np.pi, frames))
            images = np.zeros((cameras, frames, 3, size, size), np.uint8)
            for camera in range(cameras):
                for frame in range(frames):
                    row, column = round(height[frame]), size // 4 + camera * size // 4
                    images[camera, frame, :, row - 2 : row + 3, column - 2 : column + 3] = 255
            views = [
                {"name": "original" if not camera else f"yaw+{45 * camera}", "yaw": 45.0 * camera, "pitch": 0.0}
                for camera in range(cameras)
            ]
            documents = {"clip": {"frames": frames, "views": views}, "config": {}, "provenance": {}}
            arrays = {"images": images, "timestamps": np.arange(frames) / 30}
            store.write(folder / f"{name}.h5", store.Artifact(Header("images", "extract-maps", 1, f"spot-{seed}"), arrays, documents))
            rows.append(
                (name, {"subject": f"s{subject}", "score": round(50 * quality, 3), "label": str(round(2 * quality)), "moment": f"m{seed}"})
            )
    (folder / "manifest.csv").write_text(manifest.from_rows(rows, folder.name).to_csv())
    return [name for name, _ in rows]
