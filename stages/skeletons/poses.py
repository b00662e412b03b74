"""A pose sequence in memory, and how it becomes an artifact of kind ``poses`` and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.artifacts.store import Artifact, Header
from stages.errors import ArtifactError
from stages.skeletons.layouts import LAYOUTS, Layout, layout_named


@dataclass(frozen=True)
class PoseSequence:
    """The joints of M people over T frames.

    Attributes:
        positions: (M, T, V, C), C = 2 or 3; a joint that was not seen is NaN.
        confidence: (M, T, V) in [0, 1]; 1 where the source has none, 0 where the joint is missing.
        timestamps: (T,) seconds, increasing.
        layout: which joint is where.
        units: ``m``, ``mm``, ``px`` or ``unknown``.
        origin: where zero lies, in words (``camera``, ``image top left``, ``parent joint`` …).
        clip: facts about the clip that its source states (file, size of the image, defects found).
        interpolated: (M, T, V) uint8, 1 where a gap was filled; None where the source does not say.
        boxes: (M, T, 4) left, top, right, bottom in pixels, NaN where the person was not seen; None where there are no images.
    """

    positions: Array
    confidence: Array
    timestamps: Array
    layout: Layout
    units: str = "unknown"
    origin: str = "unknown"
    clip: Mapping[str, Any] = field(default_factory=dict)
    interpolated: Array | None = None
    boxes: Array | None = None

    @property
    def frames(self) -> int:
        """T."""
        return int(self.positions.shape[1])

    @property
    def fps(self) -> float:
        """Frames per second over the whole sequence; NaN for a single frame."""
        span = float(self.timestamps[-1] - self.timestamps[0]) if self.frames > 1 else 0.0
        return (self.frames - 1) / span if span > 0 else float("nan")


def sequence(
    positions: Array,
    layout: Layout,
    *,
    fps: float = 30.0,
    confidence: Array | None = None,
    timestamps: Array | None = None,
    units: str = "unknown",
    origin: str = "unknown",
    clip: Mapping[str, Any] | None = None,
    interpolated: Array | None = None,
    boxes: Array | None = None,
) -> PoseSequence:
    """Build a :class:`PoseSequence`, filling in what the source does not say.

    Raises:
        ArtifactError: no frames, the wrong number of joints, no joint seen in any frame, or times and confidences that do not fit.
    """
    positions = np.asarray(positions, dtype=np.float32)
    if positions.ndim == 3:
        positions = positions[None]
    if positions.ndim != 4 or positions.shape[2] != len(layout.joints) or positions.shape[3] not in (2, 3):
        raise ArtifactError(f"Expected positions (M, T, {len(layout.joints)}, 2 or 3) for {layout.name}, found {positions.shape}.")
    if positions.shape[0] == 0 or positions.shape[1] == 0:
        raise ArtifactError("The clip has no frames.")
    positions = np.where(np.isfinite(positions), positions, np.float32(np.nan))
    missing = np.isnan(positions).any(axis=-1)
    if missing.all():
        raise ArtifactError("No joint was seen in any frame (all positions are NaN).")
    if confidence is None:
        confidence = np.ones(positions.shape[:3], dtype=np.float32)
    if np.shape(confidence) != positions.shape[:3]:
        raise ArtifactError(f"Expected confidence of shape {positions.shape[:3]}, found {np.shape(confidence)}.")
    positions[missing] = np.nan
    confidence = np.where(missing, 0, confidence).astype(np.float32)
    if timestamps is None:
        timestamps = np.arange(positions.shape[1], dtype=np.float64) / fps
    timestamps = np.asarray(timestamps, np.float64)
    if timestamps.shape != positions.shape[1:2] or not (np.diff(timestamps) > 0).all():
        raise ArtifactError(f"Expected {positions.shape[1]} increasing timestamps, found an array of shape {timestamps.shape}.")
    if interpolated is not None:
        interpolated = np.asarray(interpolated, np.uint8)
    if boxes is not None:
        boxes = np.asarray(boxes, np.float32)
    return PoseSequence(positions, confidence, timestamps, layout, units, origin, dict(clip or {}), interpolated, boxes)


def to_artifact(poses: PoseSequence, header: Header, config: Mapping[str, Any], provenance: Mapping[str, Any]) -> Artifact:
    """Return the artifact that holds ``poses``."""
    skeleton = {
        "layout": poses.layout.name,
        "joints": list(poses.layout.joints),
        "units": poses.units,
        "origin": poses.origin,
        "axes": ["x", "y", "z"][: poses.positions.shape[3]],
    }
    arrays = {"positions": poses.positions, "confidence": poses.confidence, "timestamps": poses.timestamps}
    arrays |= {name: value for name, value in (("interpolated", poses.interpolated), ("boxes", poses.boxes)) if value is not None}
    documents = {"clip": dict(poses.clip), "skeleton": skeleton, "config": dict(config), "provenance": dict(provenance)}
    return Artifact(header, arrays, documents)


def from_artifact(artifact: Artifact, where: str) -> PoseSequence:
    """Return the pose sequence that ``artifact`` holds; ``where`` names it in errors."""
    skeleton = artifact.documents["skeleton"]
    if skeleton["layout"] not in LAYOUTS:
        raise ArtifactError(f"{where} has the unknown skeleton '{skeleton['layout']}'.", hint="update the toolkit")
    layout = layout_named(skeleton["layout"])
    if tuple(skeleton["joints"]) != layout.joints:
        raise ArtifactError(f"{where}: the joints are not in the order of {layout.name}.")
    arrays = artifact.arrays
    return PoseSequence(
        arrays["positions"],
        arrays["confidence"],
        arrays["timestamps"],
        layout,
        skeleton["units"],
        skeleton["origin"],
        artifact.documents["clip"],
        arrays.get("interpolated"),
        arrays.get("boxes"),
    )
