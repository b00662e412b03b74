"""``aqa extract-maps``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options

_SHOWN, _FRAMES = "What is shown", "Which frames"


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Videos, folders of pictures, or folders that are searched for them.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="Of poses: the pose set so named; else the videos of a data set under --data-root."),
    ] = None,
    poses: Annotated[
        str | None,
        typer.Option("--poses", metavar="SET", help="Pose set of the workspace, or a folder or merged file; default: the only one."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            help="poses (drawn), silhouettes (of a video whose camera stands still), pictures (DensePose's IUV, masked depth) or frames; "
            "default: poses.",
        ),
    ] = None,
    size: Annotated[int | None, typer.Option("--size", help="Rows and columns; default: 128.", rich_help_panel=_SHOWN)] = None,
    style: Annotated[
        str | None, typer.Option("--style", help="Of poses: parts or depth (3-D poses); default: parts.", rich_help_panel=_SHOWN)
    ] = None,
    cameras: Annotated[
        str | None,
        typer.Option(
            "--cameras",
            metavar="YAW,…",
            help="Of 3-D poses: their own camera, 0, and virtual ones around the body: 0,45,-45 or, with a pitch, 0,[45,20]; default: 0.",
            rich_help_panel=_SHOWN,
        ),
    ] = None,
    upright: Annotated[
        bool, typer.Option("--upright", help="Virtual cameras go around the bodies' own vertical (tilted cameras).", rich_help_panel=_SHOWN)
    ] = False,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="Of poses: keep the bodies in the middle; else they move through the picture.", rich_help_panel=_SHOWN
        ),
    ] = False,
    people: Annotated[
        int | None, typer.Option("--people", help="How many are drawn, or cut out; default: all.", rich_help_panel=_SHOWN)
    ] = None,
    fps: Annotated[float | None, typer.Option("--fps", help="Frames per second; default: all.", rich_help_panel=_FRAMES)] = None,
    frames: Annotated[
        int | None, typer.Option("--frames", help="At most so many, evenly spread; default: all.", rich_help_panel=_FRAMES)
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Write a contact sheet, preview.png, beside the artifacts.")] = False,
    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", help="CSV of labels; of videos its rows are the clips (windows, with start and end)."),
    ] = None,
    where: options.WhereOption = None,
    set_name: Annotated[
        str | None, typer.Option("--set-name", help="Name of the set; default: the poses', the folder's or the data set's.")
    ] = None,
    workspace: options.WorkspaceOption = None,
    data_root: options.DataRootOption = None,
    output: options.OutputOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    overwrite: options.OverwriteOption = False,
    dry_run: options.DryRunOption = False,
    fail_fast: options.FailFastOption = False,
    shard: options.ShardOption = None,
) -> None:
    """Turn poses, videos or published maps into pictures of bodies, from the clip's own camera and virtual ones."""
    from stages.configuration import parse_values, resolve_stage
    from stages.extract_maps.stage import run
    from stages.video.footage import Request

    flags = {
        "source": source,
        "size": size,
        "style": style,
        "upright": upright or None,
        "follow": follow or None,
        "cameras": parse_values(cameras, "--cameras") if cameras else None,
        "people": people,
        "fps": fps,
        "frames": frames,
    }
    resolved = resolve_stage("extract-maps", options.layers(config, assignments, flags)).config
    run_options = options.run_options(
        workspace, data_root=data_root, shard=shard, overwrite=overwrite, dry_run=dry_run, fail_fast=fail_fast
    )
    folder, summary = run(
        resolved,
        run_options,
        output,
        request=Request(paths or [], dataset, manifest, where or [], set_name),
        poses=poses,
        show=preview,
    )
    console.summary(summary, folder)
