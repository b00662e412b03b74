"""``aqa render``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Videos, frame folders, or folders that are searched for them; none: an empty canvas.", show_default=False
        ),
    ] = None,
    poses: Annotated[
        str | None,
        typer.Option(
            "--poses", help="Pose set of the workspace, folder or file; default: the set called like the videos, or the only one."
        ),
    ] = None,
    frames: Annotated[bool, typer.Option("--frames", help="Write a folder of PNG frames instead of an mp4.")] = False,
    sheet: Annotated[int | None, typer.Option("--sheet", metavar="N", help="Write one PNG with N frames side by side.")] = None,
    every: Annotated[int | None, typer.Option("--every", metavar="N", help="Draw only every Nth frame.")] = None,
    boxes: Annotated[bool, typer.Option("--boxes", help="Draw the boxes in which people were found.")] = False,
    why: Annotated[
        Path | None,
        typer.Option("--why", metavar="FILE", help="What 'aqa score --explain HOW --json' said: parts are coloured by what they cost."),
    ] = None,
    manifest: Annotated[Path | None, typer.Option("--manifest", help="CSV that says which part of which video a clip is.")] = None,
    workspace: options.WorkspaceOption = None,
    output: options.OutputOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    overwrite: options.OverwriteOption = False,
    dry_run: options.DryRunOption = False,
    fail_fast: options.FailFastOption = False,
    shard: options.ShardOption = None,
) -> None:
    """Draw skeletons over video: as mp4, as PNG frames, or as a sheet for a quick look.

    A clip that is drawn already is skipped.  The person's left limbs are orange and the right ones blue (each further person has two
    other colours); uncertain joints are faint, interpolated ones hollow.  With --why parts that cost points are orange and those that bring
    some blue, at the top the same of all moments.
    """
    from stages.configuration import resolve
    from stages.errors import UsageError
    from stages.render.config import RenderConfig
    from stages.render.stage import run

    if frames and sheet is not None:
        raise UsageError("--frames and --sheet exclude each other.", hint="run the command twice")
    kind = "frames" if frames else "sheet" if sheet is not None else None
    layers = options.layers(config, assignments, {"output": kind, "tiles": sheet, "every": every, "boxes": boxes or None})
    run_options = options.run_options(workspace, shard=shard, overwrite=overwrite, dry_run=dry_run, fail_fast=fail_fast)
    resolved = resolve(RenderConfig, layers).config
    folder, summary = run(resolved, run_options, output, paths=paths or [], poses=poses, manifest=manifest, why=why)
    console.summary(summary, folder)
