"""Features of every video's segments, one artifact per clip, with the manifest beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.collection import Collection
from stages.artifacts.provenance import of_inputs, provenance
from stages.datasets import labels
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.extract_features.backbones import registry
from stages.extract_features.backbones.contract import Backbone
from stages.extract_features.backbones.registry import HEATMAPS
from stages.extract_features.clip import Features, Tools, check, draw, extract
from stages.extract_features.config import STAGE, VERSION, ExtractFeaturesConfig
from stages.skeletons import poses as pose_io
from stages.video import sampling
from stages.video import source as videos
from stages.video.source import Found
from stages.workspace import name_after, only_one, plain_name

BATCH = 8


@dataclass(frozen=True)
class Execution:
    """How the network is run; nothing here changes a result.

    Attributes:
        weights_dir: where downloaded weights lie.
        batch: segments that are handed over at once.
        cache_flow: keep optical flow in the workspace, for other networks that see the same videos.
    """

    weights_dir: Path | None = None
    batch: int | None = None
    cache_flow: bool = False


def run(
    config: ExtractFeaturesConfig,
    options: RunOptions,
    output: Path | None = None,
    *,
    paths: Sequence[Path] = (),
    set_name: str | None = None,
    name: str | None = None,
    manifest: Path | None = None,
    poses: str | None = None,
    execution: Execution | None = None,
) -> tuple[Path, plan.Summary]:
    """Make the features of every clip that has none yet; return the folder and what was done.

    Args:
        config: the network, the segments, the views, and what is kept.
        options: where and how to run.
        output: the folder to write, instead of the workspace's.
        paths: videos, frame folders, and folders that are searched for them; none for heat maps.
        set_name: the name of the set; by default that of the folder or file.
        name: of these features in their set; by default the backbone's.
        manifest: a user's CSV: its rows are the clips (windows of videos, where it has ``start`` and ``end``), its columns the labels.
        poses: a pose set of the workspace, or a folder or merged file of poses; for patches and heat maps.
        execution: how the network is run.

    Raises:
        UsageError: a name or path does not exist, or the settings contradict each other.
        ArtifactError: there is no video, or outputs exist that were made differently.
        MissingDependencyError: a package or the weights are not there.
    """
    execution = execution or Execution()
    rows = manifests.read(manifest) if manifest else None
    if config.backbone == HEATMAPS:
        return _draw_all(config, options, output, paths, set_name, name, rows, poses)
    if not paths:
        raise UsageError("No video was given.", hint="aqa extract-features VIDEO|FOLDER [VIDEO|FOLDER …]")
    views = sampling.views(config.views)
    known = _poses(poses, options) if config.patches else None
    if poses is not None and not config.patches:
        raise UsageError("--poses is for patches and heat maps.", hint="add --patches, or --backbone heatmaps")
    chosen = plain_name(set_name) if set_name is not None else name_after(paths)
    folder = output or options.workspace.features / chosen / (plain_name(name, "--name") if name is not None else default_name(config))
    found = videos.clips(paths, rows, [options.workspace.root, folder])
    checkpoint = Path(config.checkpoint) if config.checkpoint else None
    file = registry.weights_of(config.backbone, checkpoint, execution.weights_dir, options.progress)
    document = {"backbone": registry.identity(config.backbone, file), **config.document()}
    items = _items(found, document, known, folder, options)
    tools = None if options.dry_run or not _some_to_do(items, options) else _tools(config, views, file, options, execution)

    def work(item: plan.Item) -> None:
        if item.id in found.missing:
            raise ArtifactError(found.missing[item.id])
        assert tools is not None
        sequence = None
        if known is not None:
            sequence = pose_io.from_artifact(_pose_artifact(known, item.id), item.id)
        kept = (options.workspace.flow / chosen / item.id, item.inputs["video"]) if execution.cache_flow else None
        clip = extract(found.sources[item.id], tools, sequence, kept)
        source = found.sources[item.id]
        facts = {"file": _relative(source.path, paths), "start": source.start, "end": source.end}
        _write(item, clip, facts, document, [] if known is None else [_lineage(known, item.id)])

    clips: list[tuple[str, dict[str, manifests.Value]]] = [(clip, {}) for clip in [*found.sources, *found.missing]]
    beside = labels.merged(labels.read_beside(folder), clips, rows, overwrite=options.overwrite)[0]
    return folder, _run(items, work, beside, folder, options)


def default_name(config: ExtractFeaturesConfig) -> str:
    """Return the name of the features in their set: the backbone's, and what is unusual about them."""
    stem = Path(config.backbone).stem if config.backbone.endswith(".py") else config.backbone
    return f"{stem}{'-patches' if config.patches else ''}{'-maps' if config.pool == 'none' else ''}"


def _draw_all(
    config: ExtractFeaturesConfig,
    options: RunOptions,
    output: Path | None,
    paths: Sequence[Path],
    set_name: str | None,
    name: str | None,
    rows: Manifest | None,
    poses: str | None,
) -> tuple[Path, plan.Summary]:
    if paths:
        raise UsageError("Heat maps are made of poses, not of videos.", hint="aqa extract-features --backbone heatmaps --poses SET")
    known = _poses(poses, options)
    chosen = plain_name(set_name) if set_name is not None else known.path.stem
    folder = output or options.workspace.features / chosen / (plain_name(name, "--name") if name is not None else default_name(config))
    document = {"backbone": {"name": HEATMAPS}, **config.document()}
    items = [
        plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, {"poses": known.header(clip).fingerprint}) for clip in known.ids
    ]

    def work(item: plan.Item) -> None:
        artifact = known.read(item.id)
        clip = draw(pose_io.from_artifact(artifact, item.id), config.sampling, config.heatmaps, config.stored)
        _write(item, clip, {}, document, [_lineage(known, item.id)])

    text = known.manifest_text()
    there = manifests.parse(text, "the poses' manifest") if text else None
    clips = [(clip, there.by_clip()[clip].values if there and clip in there.by_clip() else {}) for clip in known.ids]
    beside = labels.merged(labels.read_beside(folder), clips, rows, overwrite=options.overwrite)[0]
    return folder, _run(items, work, beside, folder, options)


def _run(items: Sequence[plan.Item], work: Any, beside: Manifest, folder: Path, options: RunOptions) -> plan.Summary:
    if not options.dry_run:  # before the work, so that 'aqa status' can count while it goes on
        labels.write_beside(folder, beside)
        plan.write_worklist(folder, sorted({*(plan.read_worklist(folder) or []), *(item.id for item in items)}))
    return plan.run(items, work, options, log=folder)


def _tools(config: ExtractFeaturesConfig, views: tuple[sampling.View, ...], file: Path, options: RunOptions, execution: Execution) -> Tools:
    from stages.engine.device import choose
    from stages.extract_features.running import Runner

    device = choose(options.device)
    backbone = registry.build(config.backbone, file, config.precision)
    check(backbone.look, config.sampling, config.backbone)
    if config.pool == "none" and backbone.maps is None:
        raise UsageError(f"{config.backbone} has no feature maps before pooling.", hint="leave out --pool none")
    if execution.cache_flow and backbone.look.modality != "flow":
        raise UsageError(f"{config.backbone} sees no optical flow that could be kept.", hint="leave out --cache-flow")
    _check_tv_l1(backbone)
    runner = Runner(backbone, device, maps=config.pool == "none")
    return Tools(config, views, backbone.look, runner, execution.batch or BATCH, options.progress.note)


def _check_tv_l1(backbone: Backbone) -> None:
    if backbone.look.modality == "flow":
        from stages.video.opencv import optical_flow

        optical_flow()


def _poses(given: str | None, options: RunOptions) -> Collection:
    """Return the poses that were asked for: a set of the workspace or a path, with nothing named the only set."""
    workspace = options.workspace
    if given is None:
        given = only_one("pose set", workspace.pose_sets(), "--poses SET", "aqa extract-pose VIDEOS, or aqa import-poses")
    place = workspace.pose_set(given) if given in workspace.pose_sets() else Path(given)
    if not place.exists():
        there = ", ".join(workspace.pose_sets()) or "none"
        raise UsageError(
            f"There are no poses '{given}' (sets in {workspace.root}: {there}).", hint="--poses SET, or the folder of the poses"
        )
    known = Collection(place, "poses")
    if not known.ids:
        raise ArtifactError(f"{place} holds no pose artifacts.", hint="aqa extract-pose VIDEOS, or aqa import-poses")
    return known


def _pose_artifact(known: Collection, clip: str) -> store.Artifact:
    if clip not in known:
        raise ArtifactError(f"{known.path} has no poses of this clip.", hint="aqa extract-pose the same videos")
    return known.read(clip)


def _lineage(known: Collection, clip: str) -> dict[str, Any]:
    artifact = known.read(clip)
    return of_inputs("poses", [(clip, artifact.header.fingerprint, artifact.documents["provenance"])])


def _items(found: Found, document: Mapping[str, Any], known: Collection | None, folder: Path, options: RunOptions) -> list[plan.Item]:
    items = []
    for position, clip in enumerate([*found.sources, *found.missing]):
        inputs = {}
        if options.shard.takes(position) and clip in found.sources:  # other shards' videos need not be read
            try:
                inputs["video"] = videos.digest(found.sources[clip])
            except ArtifactError:
                inputs["video"] = ""  # reading the clip says what is wrong
            if known is not None and clip in known:
                inputs["poses"] = known.header(clip).fingerprint
        items.append(plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, inputs))
    return items


def _write(
    item: plan.Item, clip: Features, facts: Mapping[str, Any], document: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]
) -> None:
    documents = {
        "clip": {**facts, **clip.clip},
        "sampling": clip.sampling,
        "config": dict(document),
        "provenance": provenance(STAGE, VERSION, document, inputs),
    }
    header = store.Header("features", STAGE, VERSION, item.fingerprint)
    store.write(item.output, store.Artifact(header, {"features": clip.features}, documents))


def _relative(path: Path, paths: Sequence[Path]) -> str:
    """Return a video's path below the folder that was given, so that an artifact says nothing of the machine it was made on."""
    for given in paths:
        root = given if given.is_dir() else given.parent
        if path.is_relative_to(root) and path != root:
            return path.relative_to(root).as_posix()
    return path.name


def _some_to_do(items: Sequence[plan.Item], options: RunOptions) -> bool:
    own = [item for position, item in enumerate(items) if options.shard.takes(position)]
    return bool(own) and (options.overwrite or any(plan.state_of(item) is not plan.State.DONE for item in own))
