"""Where a method's inputs are found: sets of the workspace by name, the only one there is, or paths that the user gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.artifacts.collection import Collection
from stages.datasets import manifest as manifests
from stages.engine.options import RunOptions
from stages.engine.records import IMAGES, MAKERS, POSES, ClipSet
from stages.errors import UsageError
from stages.workspace import Workspace, folded, only_one

FEATURES = "features"
"""The role of features in methods that take one kind of them."""
PATCHES = "-patches"
"""The name of features of squares around joints ends so."""


@dataclass(frozen=True)
class Places:
    """Paths that the user gives instead of the workspace's; None for those that are not given.

    Attributes:
        poses: a folder or merged file of poses.
        features: a folder or merged file of features, for the role ``features``.
        images: a folder or merged file of pictures.
        manifest: the rows to use, instead of those beside the artifacts.
    """

    poses: Path | None = None
    features: Path | None = None
    manifest: Path | None = None
    images: Path | None = None


def open_clips(dataset: str | None, wanted: Mapping[str, str | None], options: RunOptions, places: Places | None = None) -> ClipSet:
    """Return the clips to work on, with an artifact per role.

    Args:
        dataset: the set's name; None takes the only one there is.
        wanted: role → name of the features in their set (None: the only ones; always None for poses).
        options: the workspace.
        places: paths that stand in for the workspace's.

    Raises:
        UsageError: nothing fits, or several sets do; or two kinds of features, one of them not named, come to the same set.
        ArtifactError: a set is empty or damaged.
    """
    places = places or Places()
    collections: dict[str, Collection] = {}
    name = dataset and _spelled(dataset, options.workspace)
    for role, backbone in wanted.items():
        given = {POSES: places.poses, FEATURES: places.features, IMAGES: places.images}.get(role)
        path = given or _found(role, name, backbone, options.workspace)
        _check_another(role, path, wanted, collections)
        collections[role] = Collection(path, role if role in (POSES, IMAGES) else FEATURES)
        name = name or (path.stem if role in (POSES, IMAGES) or given else path.parent.name)
    assert name is not None
    return ClipSet(name, collections, manifests.read(places.manifest) if places.manifest else None)


def _check_another(role: str, path: Path, wanted: Mapping[str, str | None], before: Mapping[str, Collection]) -> None:
    """Refuse the same features for two roles, unless both were named."""
    same = next((other for other, collection in before.items() if collection.path == path), None)
    if same is not None and None in (wanted[role], wanted[same]):
        raise UsageError(
            f"The method takes two kinds of features, {same} and {role}, and {path.name} was found for both.",
            hint=" ".join(f"{_flag(each)}{'=' if each != FEATURES else ' '}NAME" for each in (same, role)),
        )


def _flag(role: str) -> str:
    return "--backbone" if role == FEATURES else f"--set settings.{role}.backbone"


def _spelled(typed: str, workspace: Workspace) -> str:
    """Return a set's name for any spelling with or without hyphens, underscores and capitals."""
    there = [*workspace.pose_sets(), *workspace.image_sets(), *(name.partition("/")[0] for name in workspace.feature_sets())]
    return typed if typed in there else next((name for name in there if folded(name) == folded(typed)), typed)


def backbone_of(collection: Collection) -> str:
    """Return the name of features in their set."""
    return collection.path.stem if collection.merged else collection.path.name


def with_feature_names(settings: Mapping[str, Any], sets: Sequence[ClipSet]) -> dict[str, Any]:
    """Return a method's settings with the names of the features that were found, so that whoever comes later finds the same.

    Raises:
        UsageError: the sets' features have different names.
    """
    found = dict(settings)
    for role in [role for role in sets[0].collections if role not in (POSES, IMAGES)]:
        names = {data.name: backbone_of(data.collections[role]) for data in sets}
        if len(set(names.values())) > 1:
            told = ", ".join(f"{name} of {backbone}" for name, backbone in names.items())
            raise UsageError(f"The sets have {role} by different backbones: {told}.", hint="--backbone NAME")
        found[role] = {**settings[role], "backbone": names[sets[0].name]}
    return found


def _found(role: str, name: str | None, backbone: str | None, workspace: Workspace) -> Path:
    """Return where the workspace has the artifacts of a role."""
    if role == IMAGES:
        return _images(name, workspace)
    return _poses(name, workspace) if role == POSES else _features(role, name, backbone, workspace)


def _images(name: str | None, workspace: Workspace) -> Path:
    path = workspace.image_set(name or only_one("set of pictures", workspace.image_sets(), "--dataset NAME", MAKERS[IMAGES]))
    if not path.exists():
        known = ", ".join(workspace.image_sets()) or "none"
        raise UsageError(
            f"There are no pictures of '{name}' in {workspace.root} (there: {known}).", hint=f"aqa extract-maps --poses {name}"
        )
    return path


def _poses(name: str | None, workspace: Workspace) -> Path:
    make = "aqa import-poses --dataset NAME --data-root DIR, or aqa extract-pose VIDEOS"
    path = workspace.pose_set(name or only_one("pose set", workspace.pose_sets(), "--dataset NAME", make))
    if not path.exists():
        known = ", ".join(workspace.pose_sets()) or "none"
        raise UsageError(
            f"There are no poses of '{name}' in {workspace.root} (there: {known}).",
            hint=f"aqa import-poses --dataset {name} --data-root DIR",
        )
    return path


def _features(role: str, dataset: str | None, backbone: str | None, workspace: Workspace) -> Path:
    there = workspace.feature_sets()
    fitting = [name for name in there if dataset in (None, name.partition("/")[0]) and backbone in (None, name.partition("/")[2])]
    if there and not fitting:
        wanted = (f" of '{dataset}'" if dataset else "") + (f" by '{backbone}'" if backbone else "")
        hint = MAKERS[FEATURES]
        if backbone is not None and backbone.endswith(PATCHES):
            hint = f"aqa extract-features VIDEOS --backbone {backbone.removesuffix(PATCHES)} --patches"
        raise UsageError(f"There are no features{wanted} in {workspace.root} (there: {', '.join(there)}).", hint=hint)
    return workspace.feature_set(only_one("feature set", fitting, f"--dataset and {_flag(role)}", MAKERS[FEATURES]))
