"""Features of every video's segments, one artifact per clip, with the manifest beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.collection import Collection
from stages.artifacts.provenance import of_inputs, provenance
from stages.datasets import labels
from stages.datasets import manifest as manifests
from stages.datasets.registry import resolve_name
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError
from stages.extract_features.backbones import registry
from stages.extract_features.backbones.contract import Backbone
from stages.extract_features.backbones.registry import HEATMAPS
from stages.extract_features.clip import Features, Tools, check, draw, extract
from stages.extract_features.config import STAGE, VERSION, ExtractFeaturesConfig
from stages.skeletons import poses as pose_io
from stages.video import footage as videos
from stages.video import sampling
from stages.video.footage import Request
from stages.workspace import only_one, plain_name

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
    request: Request,
    name: str | None = None,
    poses: str | None = None,
    execution: Execution | None = None,
) -> tuple[Path, plan.Summary]:
    """Make the features of every clip that has none yet; return the folder and what was done.

    Args:
        config: the network, the segments, the views, and what is kept.
        options: where and how to run.
        output: the folder to write, instead of the workspace's.
        request: paths or a data set, the user's labels, which of the clips, and the name of the set; for heat maps no paths, and a data
            set stands for the pose set of its name.
        name: of these features in their set; by default the backbone's.
        poses: a pose set of the workspace, or a folder or merged file of poses; for patches, the performer's box and heat maps.
        execution: how the network is run.

    Raises:
        UsageError: a name or path does not exist, or the settings contradict each other.
        ArtifactError: there is no video, or outputs exist that were made differently.
        MissingDependencyError: a package or the weights are not there.
    """
    execution = execution or Execution()
    if config.backbone == HEATMAPS:
        return _draw_all(config, options, output, request, name, poses)
    chosen = request.name(STAGE)
    views = sampling.views(config.views)
    known = _poses(poses, request.dataset, options) if config.needs_poses else None
    if poses is not None and known is None:
        raise UsageError(
            "--poses is for patches, the performer's box and heat maps.", hint="add --patches or --performer, or --backbone heatmaps"
        )
    folder = output or options.workspace.features / chosen / (plain_name(name, "--name") if name is not None else default_name(config))
    footage = videos.gather(request, options, [options.workspace.root, folder])
    checkpoint = Path(config.checkpoint) if config.checkpoint else None
    file = registry.weights_of(config.backbone, checkpoint, execution.weights_dir, options.progress)
    document = {"backbone": registry.identity(config.backbone, file), **config.document()}

    def item(clip: str, inputs: Mapping[str, str]) -> plan.Item:
        return plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, inputs)

    items = videos.items(footage, item, options, lambda clip: {"poses": known.header(clip).fingerprint} if known and clip in known else {})
    tools = None if options.dry_run or not videos.some_to_do(items, options) else _tools(config, views, file, options, execution)

    def work(item: plan.Item) -> None:
        source = footage.source(item.id)
        assert tools is not None
        sequence = None
        if known is not None:
            sequence = pose_io.from_artifact(_pose_artifact(known, item.id), item.id)
        kept = (options.workspace.flow / chosen / item.id, item.inputs["video"]) if execution.cache_flow else None
        clip = extract(source, tools, sequence, kept)
        made = provenance(STAGE, VERSION, document, [] if known is None else [_lineage(known, item.id)], **footage.origin)
        _write(item, clip, footage.facts(item.id), made)

    return folder, videos.carry_out(items, work, videos.beside(footage, folder), folder, options)


def default_name(config: ExtractFeaturesConfig) -> str:
    """Return the name of the features in their set: the backbone's, and what is unusual about them."""
    stem = Path(config.backbone).stem if config.backbone.endswith(".py") else config.backbone
    cut = "-patches" if config.patches else "-performer" if config.performer else ""
    return f"{stem}{cut}{'-maps' if config.pool == 'none' else ''}"


def _draw_all(
    config: ExtractFeaturesConfig, options: RunOptions, output: Path | None, request: Request, name: str | None, poses: str | None
) -> tuple[Path, plan.Summary]:
    if request.paths:
        raise UsageError("Heat maps are made of poses, not of videos.", hint="aqa extract-features --backbone heatmaps --poses SET")
    known = _poses(poses, request.dataset, options)
    chosen = request.name(STAGE) if request.dataset or request.set_name is not None else known.path.stem
    folder = output or options.workspace.features / chosen / (plain_name(name, "--name") if name is not None else default_name(config))
    document = {"backbone": {"name": HEATMAPS}, **config.document()}
    text, rows = known.manifest_text(), request.rows()
    there = manifests.parse(text, "the poses' manifest").by_clip() if text else {}
    clips = {clip: there[clip].values if clip in there else {} for clip in known.ids}
    if request.where:
        wanted = labels.merged(None, clips.items(), rows, overwrite=True)[0].where(request.where).by_clip()
        clips = {clip: values for clip, values in clips.items() if clip in wanted}
        rows = rows and rows.keep(lambda row: row.clip in clips)
    items = [plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, {"poses": known.header(clip).fingerprint}) for clip in clips]

    def work(item: plan.Item) -> None:
        artifact = known.read(item.id)
        clip = draw(pose_io.from_artifact(artifact, item.id), config.sampling, config.heatmaps, config.stored)
        _write(item, clip, {}, provenance(STAGE, VERSION, document, [_lineage(known, item.id)]))

    beside = labels.merged(labels.read_beside(folder), clips.items(), rows, overwrite=options.overwrite)[0]
    return folder, videos.carry_out(items, work, beside, folder, options)


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


def _poses(given: str | None, dataset: str | None, options: RunOptions) -> Collection:
    """Return the poses that were asked for: a set of the workspace or a path; with nothing named the data set's, or the only set."""
    workspace = options.workspace
    if given is None and dataset is not None and resolve_name(dataset) in workspace.pose_sets():
        given = resolve_name(dataset)
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


def _write(item: plan.Item, clip: Features, facts: Mapping[str, Any], made: Mapping[str, Any]) -> None:
    documents = {
        "clip": {**facts, **clip.clip},
        "sampling": clip.sampling,
        "config": dict(item.config),
        "provenance": made,
    }
    header = store.Header("features", STAGE, VERSION, item.fingerprint)
    store.write(item.output, store.Artifact(header, {"features": clip.features}, documents))
