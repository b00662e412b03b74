"""Clips as they lie in the workspace: manifest rows with the artifacts that a method consumes, selected and loaded once.

A role says what a method takes an artifact for: ``poses``, or the name of the method's setting that chooses features.
V views, S segments, D feature dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.artifacts.collection import Collection
from stages.artifacts.fingerprint import combine, of_value
from stages.artifacts.provenance import of_inputs
from stages.artifacts.store import Artifact
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest, Row
from stages.errors import ArtifactError, UsageError
from stages.skeletons import poses as pose_io
from stages.skeletons.layouts import name_of_joints
from stages.skeletons.poses import PoseSequence

POSES = "poses"
"""The role of poses."""
IMAGES = "images"
"""The role of pictures; every role but these two is one of features."""
_SAME_SECONDS, _SAME_SHARE = 0.2, 0.02
"""By how much the lengths of a clip's videos may differ: by so many seconds, and by this share of the longest."""
MAKERS = {
    "poses": "aqa extract-pose VIDEOS, or aqa import-poses --dataset NAME --data-root DIR",
    "features": "aqa extract-features VIDEOS, aqa extract-kinematics (of poses), or aqa import-features FILES",
    "images": "aqa extract-maps (of poses), or aqa extract-maps VIDEOS --source silhouettes",
}
"""Kind of artifact → what makes it."""


@dataclass(frozen=True)
class FeatureClip:
    """What a backbone saw of one clip.

    Attributes:
        clip: the clip's id.
        values: (V, S, D, …) float32.
        views: the names of the views; the first is the clip itself.
        skeleton: of features (V, S, D, joints) of squares around joints, the layout of those; else empty.
        seconds: how long the video was that they were made of; None where that is not recorded.
    """

    clip: str
    values: Array
    views: tuple[str, ...]
    skeleton: str = ""
    seconds: float | None = None

    def view(self, name: str) -> Array:
        """Return the features (S, D, …) of one view.

        Raises:
            ArtifactError: the clip has no such view.
        """
        if name not in self.views:
            raise ArtifactError(
                f"{self.clip} has no view '{name}'; it has {', '.join(self.views)}.",
                hint=f"aqa extract-features … --views {','.join(self.views)},{name}",
            )
        return np.asarray(self.values[self.views.index(name)])


@dataclass(frozen=True)
class ImageClip:
    """Pictures of one clip.

    Attributes:
        clip: the clip's id.
        values: (V, T, C, H, W) uint8.
        views: the names of the views; the first is that of the clip's own camera.
        timestamps: (T,) seconds.
        area: of frames of a video, the part of its frame that they show: left, top, right, bottom in pixels; None of other pictures.
    """

    clip: str
    values: Array
    views: tuple[str, ...]
    timestamps: Array
    area: tuple[float, ...] | None = None

    def view(self, name: str) -> Array:
        """Return the pictures (T, C, H, W) of one view.

        Raises:
            ArtifactError: the clip has no such view.
        """
        if name not in self.views:
            raise ArtifactError(
                f"{self.clip} has no view '{name}'; it has {', '.join(self.views)}.", hint="aqa extract-maps --cameras 0,45,-45"
            )
        return np.asarray(self.values[self.views.index(name)])


@dataclass(frozen=True)
class Record:
    """One clip: its manifest row and what was made of its video, by role."""

    row: Row
    artifacts: Mapping[str, PoseSequence | FeatureClip | ImageClip]

    @property
    def clip(self) -> str:
        """The clip's id."""
        return self.row.clip

    @property
    def poses(self) -> PoseSequence:
        """The poses; only there for methods that consume them."""
        poses = self.artifacts[POSES]
        assert isinstance(poses, PoseSequence)
        return poses

    @property
    def images(self) -> ImageClip:
        """The pictures; only there for methods that consume them."""
        images = self.artifacts[IMAGES]
        assert isinstance(images, ImageClip)
        return images

    def features(self, role: str = "features") -> FeatureClip:
        """Return the features of a role that the method consumes."""
        features = self.artifacts[role]
        assert isinstance(features, FeatureClip)
        return features


Records = Sequence[Record]


class ClipSet:
    """A data set's clips with the artifacts of every role that is asked for.

    Args:
        name: the set's name.
        collections: role → artifacts.
        manifest: the rows to use; None takes the manifest that lies beside the artifacts, or bare ids where there is none.
    """

    def __init__(self, name: str, collections: Mapping[str, Collection], manifest: Manifest | None = None) -> None:
        self.name, self.collections = name, dict(collections)
        for collection in self.collections.values():
            if not collection.ids:
                raise ArtifactError(f"{collection.path} holds no artifacts of {collection.kind}.", hint=MAKERS[collection.kind])
        self.manifest = manifest if manifest is not None else _beside(name, self.collections)
        self._cache: dict[str, Record] = {}
        self._fingerprints: dict[tuple[str, str], str] = {}
        self._lineage: dict[tuple[str, str], Any] = {}
        self._first: dict[str, tuple[str, tuple[int, ...]]] = {}

    def absent(self) -> dict[str, list[str]]:
        """Return the clips of the manifest that lack an artifact, by role."""
        there = {role: set(collection.ids) for role, collection in self.collections.items()}
        return {role: [clip for clip in self.manifest.clips if clip not in ids] for role, ids in there.items()}

    def usable(self, manifest: Manifest) -> Manifest:
        """Return the rows of ``manifest`` that have an artifact of every role."""
        lacking = {clip for clips in self.absent().values() for clip in clips}
        return manifest.keep(lambda row: row.clip not in lacking)

    def load(self, clips: Sequence[str]) -> list[Record]:
        """Return the records of ``clips``, reading each artifact once.

        Raises:
            ArtifactError: a clip is absent or damaged, its features have other dimensions than those of the clips before, or two kinds of
                features were made of videos of different length.
        """
        rows = self.manifest.by_clip()
        for clip in clips:
            if clip not in self._cache:
                record = Record(rows[clip], {role: self._read(role, clip) for role in self.collections})
                _check_same_video(record)
                self._cache[clip] = record
        return [self._cache[clip] for clip in clips]

    def fingerprint(self, clips: Sequence[str]) -> str:
        """Return the fingerprint of these clips: their artifacts and their rows."""
        rows = self.manifest.by_clip()
        parts = []
        for role, collection in self.collections.items():
            for clip in clips:
                if (role, clip) not in self._fingerprints:
                    self._fingerprints[role, clip] = collection.header(clip).fingerprint
                parts.append((clip if role == POSES else f"{role}:{clip}", self._fingerprints[role, clip]))
        values = [{"clip": clip, **{k: v for k, v in rows[clip].values.items() if v is not None}} for clip in sorted(clips)]
        return combine([*parts, ("manifest", of_value(values))])

    def lineage(self, clips: Sequence[str]) -> list[dict[str, Any]]:
        """Return the provenance entries of these clips, one per role."""
        self.load(clips)
        return [
            of_inputs(role, ((clip, self._fingerprints[role, clip], self._lineage[role, clip]) for clip in clips))
            for role in self.collections
        ]

    def _read(self, role: str, clip: str) -> PoseSequence | FeatureClip | ImageClip:
        artifact = self.collections[role].read(clip)
        self._fingerprints[role, clip] = artifact.header.fingerprint
        self._lineage[role, clip] = artifact.documents["provenance"]
        if role == POSES:
            return pose_io.from_artifact(artifact, f"{self.name}:{clip}")
        if role == IMAGES:
            pictures = _images(artifact, clip)
            self._check_sizes(role, clip, pictures.values.shape[2:], "pictures")
            return pictures
        features = _features(artifact, clip)
        self._check_sizes(role, clip, features.values.shape[2:], "features")
        return features

    def _check_sizes(self, role: str, clip: str, sizes: tuple[int, ...], what: str) -> None:
        """Check that a clip's numbers are as many as those of the clips before; features' segments and pictures' frames may differ."""
        first, expected = self._first.setdefault(role, (clip, sizes))
        if sizes != expected:
            one, other = (" × ".join(map(str, each)) for each in (expected, sizes))
            raise ArtifactError(
                f"The clips of {self.collections[role].path} have {what} of different dimensions: {first} has {one}, {clip} has {other}.",
                hint="one set must be made in one way",
            )


def _features(artifact: Artifact, clip: str) -> FeatureClip:
    values = artifact.arrays["features"].astype(np.float32)
    named = tuple(str(view["name"]) for view in artifact.documents["sampling"].get("views", ()))
    joints = artifact.documents["clip"].get("joints", ())
    skeleton = name_of_joints(joints) if values.ndim == 4 and values.shape[3] == len(joints) else ""
    return FeatureClip(clip, values, named or tuple(f"view-{number}" for number in range(len(values))), skeleton, _seconds(artifact))


def _seconds(artifact: Artifact) -> float | None:
    frames, fps = (artifact.documents["clip"].get(key) for key in ("frames", "fps"))
    return frames / fps if isinstance(frames, int) and isinstance(fps, int | float) and fps > 0 else None


def _check_same_video(record: Record) -> None:
    """Check that all kinds of a clip's features show the same moments, as far as the lengths of their videos tell."""
    seen = {role: each.seconds for role, each in record.artifacts.items() if isinstance(each, FeatureClip) and each.seconds is not None}
    if len(seen) > 1 and max(seen.values()) - min(seen.values()) > _SAME_SECONDS + _SAME_SHARE * max(seen.values()):
        told = " and ".join(f"{role} of {seconds:.1f} s" for role, seconds in seen.items())
        raise ArtifactError(
            f"The features of {record.clip} were made of videos of different length: {told}.",
            hint="extract all kinds from the same videos: aqa extract-features",
        )


def _images(artifact: Artifact, clip: str) -> ImageClip:
    said = artifact.documents["clip"]
    views, box = tuple(str(view["name"]) for view in said["views"]), said["views"][0].get("box")
    area = tuple(map(float, box)) if said.get("kind") == "frames" and box else None
    return ImageClip(clip, artifact.arrays["images"], views, artifact.arrays["timestamps"], area)


def _beside(name: str, collections: Mapping[str, Collection]) -> Manifest:
    """Return the manifest beside the artifacts.

    Raises:
        UsageError: those of two roles contradict each other.
    """
    found: Manifest | None = None
    source = ""
    for role, collection in collections.items():
        text = collection.manifest_text()
        if not text:
            continue
        manifest = manifests.parse(text, f"the manifest of {name}")
        if found is not None:
            _check_equal(found, manifest, source, role)
        else:
            found, source = manifest, role
    bare: list[tuple[str, dict[str, manifests.Value]]] = [(clip, {}) for clip in next(iter(collections.values())).ids]
    return found if found is not None else manifests.from_rows(bare, name)


def _check_equal(one: Manifest, other: Manifest, role: str, other_role: str) -> None:
    rows, shared = other.by_clip(), set(one.columns) & set(other.columns)
    for clip, row in one.by_clip().items():
        if clip in rows and (differing := [column for column in shared if row.values.get(column) != rows[clip].values.get(column)]):
            raise UsageError(
                f"The manifests beside the {role} and the {other_role} differ: of {clip}, in {', '.join(sorted(differing))}.",
                hint="give the one that holds: --manifest FILE",
            )
