"""Clips as they lie in the workspace: manifest rows with their pose sequences, selected, loaded once, and made into tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from stages.artifacts.collection import Collection
from stages.artifacts.fingerprint import combine, of_value
from stages.artifacts.provenance import of_inputs
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest, Row
from stages.engine.batch import Clips
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.skeletons import poses as pose_io
from stages.skeletons.input import PoseInput, prepare, skeleton_of
from stages.skeletons.layouts import layout_named
from stages.skeletons.poses import PoseSequence
from stages.workspace import only_one


@dataclass(frozen=True)
class Record:
    """One clip: its manifest row and its poses."""

    row: Row
    poses: PoseSequence

    @property
    def clip(self) -> str:
        """The clip's id."""
        return self.row.clip


Records = Sequence[Record]


class PoseSet:
    """A set of pose artifacts with its manifest.

    Args:
        collection: the artifacts.
        manifest: the rows to use; None takes the manifest that lies beside the artifacts, or bare ids where there is none.
        name: the set's name.
    """

    def __init__(self, collection: Collection, manifest: Manifest | None, name: str) -> None:
        self.collection, self.name = collection, name
        if not collection.ids:
            raise ArtifactError(f"{collection.path} holds no pose artifacts.", hint="aqa import-poses --help")
        if manifest is None:
            text = collection.manifest_text()
            bare: list[tuple[str, dict[str, manifests.Value]]] = [(clip, {}) for clip in collection.ids]
            manifest = manifests.parse(text, f"the manifest of {name}") if text else manifests.from_rows(bare, name)
        self.manifest = manifest
        self._cache: dict[str, Record] = {}
        self._fingerprints: dict[str, str] = {}
        self._lineage: dict[str, object] = {}

    def without_poses(self) -> list[str]:
        """Return the clips of the manifest that have no pose artifact."""
        there = set(self.collection.ids)
        return [clip for clip in self.manifest.clips if clip not in there]

    def load(self, clips: Sequence[str]) -> list[Record]:
        """Return the records of ``clips``, reading each artifact once."""
        rows = self.manifest.by_clip()
        for clip in clips:
            if clip not in self._cache:
                artifact = self.collection.read(clip)
                poses = pose_io.from_artifact(artifact, f"{self.name}:{clip}")
                self._cache[clip] = Record(rows[clip], poses)
                self._fingerprints[clip] = artifact.header.fingerprint
                self._lineage[clip] = artifact.documents["provenance"]
        return [self._cache[clip] for clip in clips]

    def fingerprint(self, clips: Sequence[str]) -> str:
        """Return the fingerprint of these clips: their artifacts and their rows."""
        rows = self.manifest.by_clip()
        parts = []
        for clip in clips:
            if clip not in self._fingerprints:
                self._fingerprints[clip] = self.collection.header(clip).fingerprint
            parts.append((clip, self._fingerprints[clip]))
        values = [{"clip": clip, **{k: v for k, v in rows[clip].values.items() if v is not None}} for clip in sorted(clips)]
        return combine([*parts, ("manifest", of_value(values))])

    def lineage(self, clips: Sequence[str]) -> dict[str, object]:
        """Return the provenance entry of these clips."""
        self.load(clips)
        return of_inputs("poses", ((clip, self._fingerprints[clip], self._lineage[clip]) for clip in clips))  # type: ignore[misc]


def open_poses(dataset: str | None, options: RunOptions, poses: Path | None, manifest: Path | None) -> tuple[PoseSet, str]:
    """Return the pose set to work on and its name; with nothing named, the only one in the workspace."""
    workspace = options.workspace
    if poses is None:
        name = dataset or only_one("pose set", workspace.pose_sets(), "--dataset NAME", "aqa import-poses --dataset NAME --data-root DIR")
        poses = workspace.pose_set(name)
        if not poses.exists():
            known = ", ".join(workspace.pose_sets()) or "none"
            raise UsageError(
                f"There are no poses of '{name}' in {workspace.root} (there: {known}).",
                hint=f"aqa import-poses --dataset {name} --data-root DIR",
            )
    else:
        name = dataset or poses.stem
    rows = manifests.read(manifest) if manifest else None
    return PoseSet(Collection(poses, "poses"), rows, name), name


def skeletons_of(records: Records) -> set[str]:
    """Return the names of the layouts that occur."""
    return {record.poses.layout.name for record in records}


def to_clips(records: Records, settings: PoseInput, target: torch.Tensor | None = None, group: torch.Tensor | None = None) -> Clips:
    """Prepare every record and stack them; see :class:`stages.engine.batch.Clips`.

    Raises:
        ArtifactError: 2-D and 3-D poses are mixed.
        UsageError: several skeletons are mixed, and none was chosen to convert to.
    """
    axes = {record.poses.positions.shape[3] for record in records}
    if len(axes) > 1:
        raise ArtifactError("The clips mix 2-D and 3-D poses.", hint="select one kind with --where")
    layout = layout_named(skeleton_of(settings, skeletons_of(records)))
    prepared = [prepare(record.poses, settings) for record in records]
    positions = torch.from_numpy(np.stack([positions for positions, _ in prepared]))
    mask = torch.from_numpy(np.stack([mask for _, mask in prepared]))
    groups = torch.zeros(len(records), dtype=torch.long) if group is None else group
    return Clips(tuple(record.clip for record in records), positions, mask, target, groups, layout)
