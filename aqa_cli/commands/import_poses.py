"""``aqa import-poses``"""

from __future__ import annotations

from typing import Annotated

import typer

from aqa_cli import console, options


def command(
    dataset: Annotated[str | None, typer.Option("--dataset", help="A data set in its published layout.")] = None,
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
    """Bring a data set's skeletons into pose artifacts."""
    from stages.configuration import resolve
    from stages.import_poses.config import ImportPosesConfig
    from stages.import_poses.stage import run

    layers = options.layers(config, assignments, {"dataset": dataset})
    run_options = options.run_options(
        workspace, data_root=data_root, shard=shard, overwrite=overwrite, dry_run=dry_run, fail_fast=fail_fast
    )
    folder, summary = run(resolve(ImportPosesConfig, layers).config, run_options, output)
    console.summary(summary, folder)
