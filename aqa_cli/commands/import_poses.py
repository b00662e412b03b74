"""``aqa import-poses``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Files of another tool, or folders that are searched for them.", show_default=False),
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="A data set in its published layout, instead of files.")] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format", help="ntu, openpose, mmpose, pyskl, coco, trc, dlc-h5, dlc-csv, sleap, csv or npz; default: auto, file by file."
        ),
    ] = None,
    set_name: Annotated[str | None, typer.Option("--set-name", help="Name of the pose set; default: the folder's or the file's.")] = None,
    skeleton: Annotated[str | None, typer.Option("--skeleton", help="Layout of the joints; default: the one that fits.")] = None,
    fps: Annotated[float | None, typer.Option("--fps", help="Frames per second, instead of what the files say (else 30).")] = None,
    manifest: Annotated[Path | None, typer.Option("--manifest", help="CSV of labels to merge into the set's manifest.")] = None,
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
    """Bring a data set's skeletons, or another tool's pose files, into pose artifacts."""
    from stages.configuration import resolve
    from stages.import_poses.config import ImportPosesConfig
    from stages.import_poses.stage import run

    layers = options.layers(config, assignments, {"dataset": dataset, "format": file_format, "skeleton": skeleton, "fps": fps})
    run_options = options.run_options(
        workspace, data_root=data_root, shard=shard, overwrite=overwrite, dry_run=dry_run, fail_fast=fail_fast
    )
    resolved = resolve(ImportPosesConfig, layers).config
    folder, summary = run(resolved, run_options, output, paths=paths or [], set_name=set_name, manifest=manifest)
    console.summary(summary, folder)
