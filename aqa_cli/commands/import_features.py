"""``aqa import-features``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Files of features, or folders that are searched for them.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="The features that are published with a data set, instead of paths."),
    ] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="npy, npz, pickle, h5 or csv; default: auto, by each file's name.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="The array that holds the features, where a file has several.")] = None,
    store: Annotated[str | None, typer.Option("--store", help="float32 or float16; default: float32.")] = None,
    manifest: Annotated[Path | None, typer.Option("--manifest", help="CSV of labels to merge into the set's manifest.")] = None,
    set_name: Annotated[
        str | None, typer.Option("--set-name", help="Name of the set; default: the folder's, the file's or the data set's.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="Name of these features in the set, such as their network's (default: imported); of a data set's, which of them."
        ),
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
    """Bring other people's features, or those that are published with a data set, into feature artifacts."""
    from stages.configuration import resolve
    from stages.import_features.config import ImportFeaturesConfig
    from stages.import_features.stage import run

    layers = options.layers(config, assignments, {"format": file_format, "key": key, "store": store})
    run_options = options.run_options(
        workspace, data_root=data_root, shard=shard, overwrite=overwrite, dry_run=dry_run, fail_fast=fail_fast
    )
    resolved = resolve(ImportFeaturesConfig, layers).config
    folder, summary = run(
        resolved, run_options, output, paths=paths or [], dataset=dataset, set_name=set_name, name=name, manifest=manifest
    )
    console.summary(summary, folder)
