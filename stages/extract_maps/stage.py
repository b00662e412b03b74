"""Pictures of every clip for networks that look at single frames (U-VI), one artifact per clip, with the manifest beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.provenance import provenance
from stages.datasets import labels
from stages.datasets.manifest import Manifest
from stages.datasets.opened import note_strange
from stages.datasets.pose_sets import find_poses, lineage
from stages.engine import plan
from stages.engine.options import RunOptions
from stages.errors import UsageError
from stages.extract_maps import filmed, preview
from stages.extract_maps.config import STAGE, VERSION, ExtractMapsConfig
from stages.extract_maps.drawn import drawn
from stages.extract_maps.maps import Maps
from stages.extract_maps.pictures import pictures
from stages.skeletons import poses as pose_io
from stages.video import footage as videos
from stages.video.footage import Request
from stages.video.frame import Source
from stages.workspace import plain_name


def run(
    config: ExtractMapsConfig,
    options: RunOptions,
    output: Path | None = None,
    *,
    request: Request,
    poses: str | None = None,
    show: bool = False,
) -> tuple[Path, plan.Summary]:
    """Make the pictures of every clip that has none yet; return the folder and what was done.

    Args:
        config: where the pictures come from, what they show, and how large they are.
        options: where and how to run.
        output: the folder to write, instead of the workspace's.
        request: videos or folders of pictures, or a data set of videos; of the source ``poses`` no paths, and a data set stands for the
            pose set of its name.  Also the user's labels, which of the clips, and the name of the set.
        poses: a pose set of the workspace, or a folder or merged file of poses, for the source ``poses``.
        show: write a contact sheet beside the artifacts.

    Raises:
        UsageError: a name or path does not exist, or the settings do not fit the source or the clips.
        ArtifactError: there is nothing to make pictures of, or outputs exist that were made differently.
    """
    config.check()
    if config.source == "poses":
        folder, summary = _of_poses(config, options, output, request, poses)
    elif poses is not None:
        raise UsageError(f"--poses is for body maps; the source is '{config.source}'.", hint="leave out --poses, or --source poses")
    else:
        folder, summary = _of_videos(config, options, output, request)
    made = sorted({*summary.done, *summary.skipped})
    if show and made and not options.dry_run:
        options.progress.note(f"A contact sheet lies in {preview.write(folder, made)}.")
    return folder, summary


def _of_poses(
    config: ExtractMapsConfig, options: RunOptions, output: Path | None, request: Request, poses: str | None
) -> tuple[Path, plan.Summary]:
    if request.paths:
        raise UsageError(
            "Body maps are drawn of poses, not of videos.",
            hint="--source silhouettes or frames for videos, --source pictures for folders of published maps; --poses SET for poses",
        )
    if poses is not None and request.dataset is not None:
        raise UsageError(f"One set of poses is drawn, found two: --poses {poses} and --dataset {request.dataset}.", hint="give one of them")
    rows = request.rows()
    found = find_poses(poses, request.dataset, options.workspace)
    labelled, strange = labels.merged(None, found.rows.items(), rows, overwrite=True)
    chosen = Manifest(labelled.rows, found.name).where(request.where)
    note_strange(strange, options)
    folder = output or options.workspace.images / (plain_name(request.set_name) if request.set_name is not None else found.name)
    document = config.document()
    items = [
        plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, found.inputs(clip) if options.shard.takes(position) else {})
        for position, clip in enumerate(chosen.clips)
    ]

    def work(item: plan.Item) -> None:
        artifact = found.poses.read(item.id)
        made = provenance(STAGE, VERSION, document, [lineage(item.id, artifact)])
        _write(item, drawn(pose_io.from_artifact(artifact, item.id), config), {}, made)

    known = [(row.clip, row.values) for row in chosen.rows]
    beside = labels.merged(labels.read_beside(folder), known, None, overwrite=True)[0]
    return folder, videos.carry_out(items, work, beside, folder, options)


def _of_videos(config: ExtractMapsConfig, options: RunOptions, output: Path | None, request: Request) -> tuple[Path, plan.Summary]:
    folder = output or options.workspace.images / request.name(STAGE)
    footage = videos.gather(request, options, [options.workspace.root, folder])
    document = config.document()

    def item(clip: str, inputs: Mapping[str, str]) -> plan.Item:
        return plan.Item(clip, folder / f"{clip}.h5", STAGE, VERSION, document, inputs)

    def work(item: plan.Item) -> None:
        maps = _maps(footage.source(item.id), config, options)
        _write(item, maps, footage.facts(item.id), provenance(STAGE, VERSION, document, **footage.origin))

    items: Sequence[plan.Item] = videos.items(footage, item, options)
    return folder, videos.carry_out(items, work, videos.beside(footage, folder), folder, options)


def _maps(source: Source, config: ExtractMapsConfig, options: RunOptions) -> Maps:
    if config.source == "pictures":
        return pictures(source, config)
    if config.source == "silhouettes":
        return filmed.silhouettes(source, config, options.progress.note)
    return filmed.frames(source, config, options.progress.note)


def _write(item: plan.Item, maps: Maps, facts: Mapping[str, Any], made: Mapping[str, Any]) -> None:
    documents = {
        "clip": {**facts, **maps.facts, "size": int(maps.images.shape[-1])},
        "config": dict(item.config),
        "provenance": dict(made),
    }
    header = store.Header("images", STAGE, VERSION, item.fingerprint)
    store.write(item.output, store.Artifact(header, {"images": maps.images, "timestamps": maps.timestamps}, documents))
