"""``aqa extract-kinematics``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options

_SEGMENTS, _KEPT = "Segments and views", "What is kept"


def command(
    poses: Annotated[
        str | None,
        typer.Option("--poses", metavar="SET", help="Pose set of the workspace, or a folder or merged file; default: the only one."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="jigsaws: the robot's kinematics under --data-root; others: the pose set so named."),
    ] = None,
    segments: Annotated[int | None, typer.Option("--segments", help="How many; default: 12.", rich_help_panel=_SEGMENTS)] = None,
    overlap: Annotated[
        float | None,
        typer.Option(
            "--overlap", help="Share of a segment that the next one has in common with it; default: 0.", rich_help_panel=_SEGMENTS
        ),
    ] = None,
    views: Annotated[
        str | None, typer.Option("--views", metavar="VIEW,…", help="original, flip; default: original.", rich_help_panel=_SEGMENTS)
    ] = None,
    coefficients: Annotated[
        int | None, typer.Option("--coefficients", help="Lowest frequencies of each coordinate; default: 8.", rich_help_panel=_KEPT)
    ] = None,
    signals: Annotated[
        str | None,
        typer.Option("--signals", metavar="SIGNAL,…", help="positions, velocities; default: positions.", rich_help_panel=_KEPT),
    ] = None,
    values: Annotated[str | None, typer.Option("--values", help="magnitude or signed; default: magnitude.", rich_help_panel=_KEPT)] = None,
    skeleton: Annotated[
        str | None, typer.Option("--skeleton", metavar="NAME", help="Layout to convert to; default: the poses'.", rich_help_panel=_KEPT)
    ] = None,
    manifest: Annotated[Path | None, typer.Option("--manifest", help="CSV of labels to merge into the set's manifest.")] = None,
    where: options.WhereOption = None,
    set_name: Annotated[str | None, typer.Option("--set-name", help="Name of the set; default: the poses' or the data set's.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of these features in the set; default: kinematic-dct.")] = None,
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
    """Turn poses, or a robot's kinematics, into features of their segments (cosine transform), without video."""
    from stages.configuration import resolve_stage
    from stages.extract_kinematics.stage import run

    flags = {
        "segments": segments,
        "overlap": overlap,
        "views": views.split(",") if views else None,
        "coefficients": coefficients,
        "signals": signals.split(",") if signals else None,
        "values": values,
        "input.skeleton": skeleton,
    }
    resolved = resolve_stage("extract-kinematics", options.layers(config, assignments, flags)).config
    run_options = options.run_options(
        workspace, data_root=data_root, shard=shard, overwrite=overwrite, dry_run=dry_run, fail_fast=fail_fast
    )
    folder, summary = run(
        resolved,
        run_options,
        output,
        poses=poses,
        dataset=dataset,
        where=where or [],
        manifest=manifest,
        set_name=set_name,
        name=name,
    )
    console.summary(summary, folder)
