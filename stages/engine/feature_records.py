"""Clips as features: manifest rows with what a backbone saw of them, selected and loaded once.

V views, S segments, D feature dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.artifacts.collection import Collection
from stages.artifacts.fingerprint import combine, of_value
from stages.artifacts.provenance import of_inputs
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest, Row
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.workspace import only_one

_MAKE = "aqa extract-features VIDEOS, or aqa import-features FILES"


@dataclass(frozen=True)
class FeatureRecord:
    """One clip: its manifest row and its features.

    Attributes:
        row: of the manifest.
        features: (V, S, D, …) float32.
        views: the names of the views; the first is the clip itself.
    """

    row: Row
    features: Array
    views: tuple[str, ...]

    @property
    def clip(self) -> str:
        """The clip's id."""
        return self.row.clip

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
        return self.features[self.views.index(name)]


class FeatureSet:
    """A set of feature artifacts with its manifest.

    Args:
        collection: the artifacts.
        manifest: the rows to use; None takes the manifest that lies beside the artifacts, or bare ids where there is none.
        name: the set's name, ``set/backbone``.
    """

    def __init__(self, collection: Collection, manifest: Manifest | None, name: str) -> None:
        self.collection, self.name = collection, name
        if not collection.ids:
            raise ArtifactError(f"{collection.path} holds no feature artifacts.", hint=_MAKE)
        if manifest is None:
            text = collection.manifest_text()
            bare: list[tuple[str, dict[str, manifests.Value]]] = [(clip, {}) for clip in collection.ids]
            manifest = manifests.parse(text, f"the manifest of {name}") if text else manifests.from_rows(bare, name)
        self.manifest = manifest
        self._cache: dict[str, FeatureRecord] = {}
        self._fingerprints: dict[str, str] = {}
        self._lineage: dict[str, dict[str, Any]] = {}

    def without_features(self) -> list[str]:
        """Return the clips of the manifest that have no artifact."""
        there = set(self.collection.ids)
        return [clip for clip in self.manifest.clips if clip not in there]

    def load(self, clips: Sequence[str]) -> list[FeatureRecord]:
        """Return the records of ``clips``, reading each artifact once.

        Raises:
            ArtifactError: a clip is absent or damaged, or its features have other dimensions than those of the clips before.
        """
        rows = self.manifest.by_clip()
        for clip in clips:
            if clip not in self._cache:
                artifact = self.collection.read(clip)
                views = tuple(str(view["name"]) for view in artifact.documents["sampling"].get("views", ()))
                features = artifact.arrays["features"].astype(np.float32)
                record = FeatureRecord(rows[clip], features, views or tuple(f"view-{number}" for number in range(len(features))))
                self._check(record)
                self._cache[clip] = record
                self._fingerprints[clip] = artifact.header.fingerprint
                self._lineage[clip] = artifact.documents["provenance"]
        return [self._cache[clip] for clip in clips]

    def fingerprint(self, clips: Sequence[str]) -> str:
        """Return the fingerprint of these clips: their artifacts and their rows."""
        rows = self.manifest.by_clip()
        for clip in clips:
            if clip not in self._fingerprints:
                self._fingerprints[clip] = self.collection.header(clip).fingerprint
        values = [{"clip": clip, **{k: v for k, v in rows[clip].values.items() if v is not None}} for clip in sorted(clips)]
        return combine([*((clip, self._fingerprints[clip]) for clip in clips), ("manifest", of_value(values))])

    def lineage(self, clips: Sequence[str]) -> dict[str, Any]:
        """Return the provenance entry of these clips."""
        self.load(clips)
        return of_inputs("features", ((clip, self._fingerprints[clip], self._lineage[clip]) for clip in clips))

    def _check(self, record: FeatureRecord) -> None:
        first = next(iter(self._cache.values()), None)
        if first is not None and first.features.shape[2:] != record.features.shape[2:]:
            one, other = (" × ".join(map(str, each.features.shape[2:])) for each in (first, record))
            raise ArtifactError(
                f"The clips of {self.name} have features of different dimensions: {first.clip} has {one}, {record.clip} has {other}.",
                hint="one set must come from one network",
            )


def open_features(
    dataset: str | None, backbone: str | None, options: RunOptions, features: Path | None = None, manifest: Path | None = None
) -> FeatureSet:
    """Return the feature set to work on; with nothing named, the only one in the workspace.

    Args:
        dataset: the set's name; None where the workspace has only one (that has this backbone).
        backbone: the features' name in their set; None where there is only one.
        options: the workspace.
        features: a folder or merged file of features, instead of the workspace's.
        manifest: the rows to use, instead of those beside the features.

    Raises:
        UsageError: nothing fits, or several sets do.
        ArtifactError: the set is empty or damaged.
    """
    rows = manifests.read(manifest) if manifest else None
    if features is not None:
        return FeatureSet(Collection(features, "features"), rows, dataset or features.stem)
    workspace = options.workspace
    there = workspace.feature_sets()
    fitting = [name for name in there if dataset in (None, name.partition("/")[0]) and backbone in (None, name.partition("/")[2])]
    if there and not fitting:
        wanted = f"of '{dataset}'" if dataset else ""
        network = f" by '{backbone}'" if backbone else ""
        raise UsageError(f"There are no features {wanted}{network} in {workspace.root} (there: {', '.join(there)}).", hint=_MAKE)
    name = only_one("feature set", fitting, "--dataset and --backbone", _MAKE)
    return FeatureSet(Collection(workspace.feature_set(name), "features"), rows, name)
