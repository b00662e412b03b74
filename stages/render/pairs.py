"""Which poses belong to which video."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stages.artifacts import store
from stages.artifacts.collection import SUFFIX, Collection
from stages.artifacts.store import INDEX
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest
from stages.errors import ArtifactError, UsageError, unknown_name
from stages.skeletons.poses import PoseSequence, from_artifact
from stages.video import source as sources
from stages.video.frame import Source
from stages.workspace import Workspace, name_after, only_one


@dataclass(frozen=True)
class PoseFiles:
    """The pose artifacts of one set: their ids, what reads one, and the manifest that lies beside them."""

    name: str
    ids: Sequence[str]
    read: Callable[[str], PoseSequence]
    manifest: Manifest | None = None


@dataclass(frozen=True)
class Pair:
    """The poses ``poses`` of a clip, and its video; None draws them on an empty canvas."""

    clip: str
    poses: str
    source: Source | None = None


@dataclass(frozen=True)
class Pairs:
    """What can be drawn, and why each other clip cannot."""

    found: Sequence[Pair]
    missing: Mapping[str, str] = field(default_factory=dict)


def open_poses(given: str | None, paths: Sequence[Path], workspace: Workspace) -> PoseFiles:
    """Open the poses that were named: a set of the workspace, a folder, a merged file, or the artifact of one clip.

    With nothing named it is the set that is called like the videos, or else the only one in the workspace.

    Raises:
        UsageError: there is no such set, or several are possible.
        ArtifactError: the path holds no poses.
    """
    names = workspace.pose_sets()
    if given is None:
        like = name_after(paths) if paths else ""
        given = like if like in names else only_one("pose set", names, "--poses", "aqa extract-pose VIDEOS, or --poses FILE")
    path = workspace.pose_set(given) if given in names else Path(given)
    if not path.exists():
        raise unknown_name("pose set", given, names)
    if path.is_file():
        with store.opening(path) as file:
            single = INDEX not in file
        if single:
            header = store.read_header(path, "poses")
            assert header.kind == "poses"
            return PoseFiles(path.stem, [path.stem], lambda _: from_artifact(store.read(path, "poses"), str(path)))
    collection = Collection(path, "poses")
    if not collection.ids:
        raise ArtifactError(f"{path} holds no poses.", hint="aqa extract-pose VIDEOS makes them")
    text = collection.manifest_text()
    rows = manifests.parse(text, f"the manifest beside {path}") if text else None
    name = path.stem if path.suffix == SUFFIX else path.resolve().name
    return PoseFiles(name, collection.ids, lambda clip: from_artifact(collection.read(clip), f"{path}:{clip}"), rows)


def pairs(paths: Sequence[Path], poses: PoseFiles, manifest: Manifest | None, skip: Sequence[Path]) -> Pairs:
    """Return which poses are drawn over which video.

    Without paths every clip of the set is drawn on an empty canvas.  With them, the clips are the videos under the paths, cut as the
    manifest says: the given one, or that beside the poses.

    Raises:
        UsageError: a path does not exist, or is a file of poses.
        ArtifactError: there is no video under the paths, or none whose poses are in the set.
    """
    if not paths:
        return Pairs([Pair(clip, clip) for clip in poses.ids])
    if strange := [path for path in paths if path.suffix == SUFFIX]:
        raise UsageError(f"{strange[0]} is no video.", hint=f"poses are named by --poses {strange[0]}")
    found = sources.clips(paths, manifest, skip)
    if manifest is None and poses.manifest is not None:
        cut = sources.clips(paths, poses.manifest, skip).sources
        used = {source.path for source in cut.values()}
        found = sources.Found({**cut, **{clip: source for clip, source in found.sources.items() if source.path not in used}})
    matched, missing = [], dict(found.missing)
    for clip, source in found.sources.items():
        if (name := _poses_of(clip, len(found.sources), poses.ids)) is not None:
            matched.append(Pair(clip, name, source))
        else:
            missing[clip] = f"the pose set {poses.name} has no clip '{clip}'"
    if not matched:
        first = next(iter(missing.values()))
        raise ArtifactError(f"Nothing can be drawn: {first}.", hint=f"aqa extract-pose {paths[0]} makes poses; --poses names others")
    return Pairs(matched, missing)


def _poses_of(clip: str, clips: int, ids: Sequence[str]) -> str | None:
    if clip in set(ids):
        return clip
    if clips == 1 and len(ids) == 1:
        return ids[0]
    ending = [name for name in ids if name.endswith(f"/{clip}") or clip.endswith(f"/{name}")]
    return ending[0] if len(ending) == 1 else None
