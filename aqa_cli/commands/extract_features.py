"""``aqa extract-features``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options

_SEGMENTS, _KEPT, _HOW = "Segments and views", "What is kept", "How to run"


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Videos, folders of frames, or folders that are searched for them.", show_default=False),
    ] = None,
    dataset: options.VideoDatasetOption = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            metavar="NAME|FILE",
            help="i3d, i3d-flow, i3d-r50, c3d, slowonly-r50, r2plus1d-r34, resnet50, tiny, heatmaps, or an mmaction2 config; default: i3d.",
        ),
    ] = None,
    checkpoint: Annotated[str | None, typer.Option("--checkpoint", metavar="FILE", help="Weights; default: those of the name.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="fp32 or bf16; default: fp32.")] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--sampling",
            metavar="RULE",
            help="even, dense, aqa-7, 10x16, jigsaws, 5fps, 2fps or 1fps; default: even.",
            rich_help_panel=_SEGMENTS,
        ),
    ] = None,
    segments: Annotated[int | None, typer.Option("--segments", help="How many; else as the rule says.", rich_help_panel=_SEGMENTS)] = None,
    views: Annotated[
        str | None,
        typer.Option(
            "--views",
            metavar="VIEW,…",
            help="original, flip, still, rotate-90, rotate-180, rotate-270, shift:N, joined by +; rotations; shifts.",
            rich_help_panel=_SEGMENTS,
        ),
    ] = None,
    pool: Annotated[
        str | None, typer.Option("--pool", help="mean, or none to keep the feature maps; default: mean.", rich_help_panel=_KEPT)
    ] = None,
    patches: Annotated[
        bool | None, typer.Option("--patches", help="Features of a square around each joint; needs --poses.", rich_help_panel=_KEPT)
    ] = None,
    performer: Annotated[
        bool | None,
        typer.Option("--performer", help="Cut frames to the performer, and not to their middle; needs --poses.", rich_help_panel=_KEPT),
    ] = None,
    poses: Annotated[
        str | None,
        typer.Option(
            "--poses",
            metavar="SET",
            help="Pose set for patches, performer and heatmaps; default: the data set's, or the only one.",
            rich_help_panel=_KEPT,
        ),
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", help="float32 or float16; default: float32, of maps float16.", rich_help_panel=_KEPT)
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="CSV whose rows are the clips (windows, with start and end) and their labels.")
    ] = None,
    where: options.WhereOption = None,
    set_name: Annotated[
        str | None, typer.Option("--set-name", help="Name of the set; default: the folder's, the file's or the data set's.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of these features in the set; default: the backbone's.")] = None,
    weights_dir: Annotated[Path | None, typer.Option("--weights-dir", help="Folder of downloaded weights; else $AQA_WEIGHTS.")] = None,
    cache_flow: Annotated[
        bool, typer.Option("--cache-flow", help="Keep optical flow in the workspace for other networks.", rich_help_panel=_HOW)
    ] = False,
    batch: Annotated[
        int | None, typer.Option("--batch", min=1, help="Segments handed over at once; changes no result.", rich_help_panel=_HOW)
    ] = None,
    workspace: options.WorkspaceOption = None,
    data_root: options.DataRootOption = None,
    output: options.OutputOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    device: options.DeviceOption = "auto",
    overwrite: options.OverwriteOption = False,
    dry_run: options.DryRunOption = False,
    fail_fast: options.FailFastOption = False,
    shard: options.ShardOption = None,
) -> None:
    """Turn every video's segments into features of a video network."""
    from stages.configuration import resolve_stage
    from stages.extract_features.stage import Execution, run
    from stages.video.footage import Request

    flags = {
        "backbone": backbone,
        "checkpoint": checkpoint,
        "precision": precision,
        "rule": rule,
        "sampling.segments": segments,
        "views": views.split(",") if views else None,
        "pool": pool,
        "patches": patches,
        "performer": performer,
        "store": store,
    }
    resolved = resolve_stage("extract-features", options.layers(config, assignments, flags)).config
    run_options = options.run_options(
        workspace, data_root=data_root, device=device, shard=shard, overwrite=overwrite, dry_run=dry_run, fail_fast=fail_fast
    )
    folder, summary = run(
        resolved,
        run_options,
        output,
        request=Request(paths or [], dataset, manifest, where or [], set_name),
        name=name,
        poses=poses,
        execution=Execution(weights_dir, batch, cache_flow),
    )
    console.summary(summary, folder)
