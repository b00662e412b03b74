"""Which poses a user means: a set of the workspace, a folder, a merged file, the set of a data set's name, or the only one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.artifacts.collection import Collection
from stages.artifacts.provenance import of_inputs
from stages.artifacts.store import Artifact
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Value
from stages.datasets.registry import DATASETS, resolve_name
from stages.errors import ArtifactError, UsageError, unknown_name
from stages.workspace import Workspace, folded, only_one

MADE_BY = "aqa import-poses, or aqa extract-pose VIDEOS"


@dataclass(frozen=True)
class PoseSet:
    """A set of poses.

    Attributes:
        name: of the set.
        poses: the artifacts by clip.
        rows: clip → its labels.
    """

    name: str
    poses: Collection
    rows: Mapping[str, Mapping[str, Value]]

    def inputs(self, clip: str) -> dict[str, str]:
        """Return what a plan says of a clip that is made of these poses."""
        try:
            return {"poses": self.poses.header(clip).fingerprint}
        except ArtifactError:
            return {"poses": ""}  # reading the clip says what is wrong


def lineage(clip: str, artifact: Artifact) -> dict[str, Any]:
    """Return the entry of a provenance that says which poses a clip was made of."""
    return of_inputs("poses", [(clip, artifact.header.fingerprint, artifact.documents["provenance"])])


def known_dataset(name: str) -> str | None:
    """Return a data set's name as it is registered, None where there is none: any pose set may be called so."""
    try:
        return resolve_name(name)
    except UsageError:
        return None


def find_poses(poses: str | None, dataset: str | None, workspace: Workspace) -> PoseSet:
    """Return the poses that a user asks for.

    Args:
        poses: a pose set of the workspace, or a folder or merged file of poses.
        dataset: the name of a data set or a pose set in any spelling, in place of ``poses``; with neither, the only pose set.
        workspace: where pose sets lie.

    Raises:
        UsageError: a name does not exist, or several sets are possible.
        ArtifactError: there is no pose.
    """
    known = None if dataset is None else known_dataset(dataset)
    there = workspace.pose_sets()
    given = poses if dataset is None else next((name for name in there if folded(name) in (folded(dataset), folded(known or ""))), None)
    if dataset is not None and given is None:
        if known is None:
            raise unknown_name("data set or pose set", dataset, {*DATASETS, *there})
        make = f"aqa import-poses --dataset {known} --data-root DIR, or aqa extract-pose --dataset {known} --data-root DIR"
        raise UsageError(f"There are no poses of '{known}' in {workspace.root} (there: {', '.join(there) or 'none'}).", hint=make)
    given = given if given is not None else only_one("pose set", there, "--poses SET", MADE_BY)
    place = workspace.pose_set(given) if given in there else Path(given)
    if not place.exists():
        listing = f"sets in {workspace.root}: {', '.join(there) or 'none'}"
        raise UsageError(f"There are no poses '{given}' ({listing}).", hint="--poses SET, or the folder of the poses")
    found = Collection(place, "poses")
    if not found.ids:
        raise ArtifactError(f"{place} holds no pose artifacts.", hint=MADE_BY)
    text = found.manifest_text()
    labelled = manifests.parse(text, f"the manifest of {place.stem}").by_clip() if text else {}
    rows = {clip: labelled[clip].values if clip in labelled else {} for clip in found.ids}
    return PoseSet(place.stem if found.merged else place.resolve().name, found, rows)
