"""``aqa finetune``"""

from __future__ import annotations

from typing import Annotated

import typer

from aqa_cli import console, options


def command(
    dataset: Annotated[str | None, typer.Option("--dataset", help="Set to train on; default: the only one.")] = None,
    method: Annotated[str | None, typer.Option("--method", help="What to train; 'aqa methods' lists them.")] = None,
    where: options.WhereOption = None,
    protocol: options.ProtocolOption = None,
    seeds: options.SeedsOption = None,
    per: options.PerOption = None,
    task: options.TaskOption = None,
    target_column: options.TargetColumnOption = None,
    select: options.SelectOption = None,
    epochs: options.EpochsOption = None,
    skeleton: options.SkeletonOption = None,
    init: options.InitOption = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="EXPERIMENT", help="Start from another experiment's models: each fold from that of its name."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the experiment; default: <data set>-<method>.")] = None,
    poses: options.PosesOption = None,
    features: options.FeaturesOption = None,
    backbone: options.BackboneOption = None,
    images: options.ImagesOption = None,
    manifest: options.ManifestOption = None,
    workspace: options.WorkspaceOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    device: options.DeviceOption = "auto",
    resume: options.ResumeOption = "no",
    overwrite: options.OverwriteOption = False,
    dry_run: options.DryRunOption = False,
    shard: options.ShardOption = None,
) -> None:
    """Train models on scored clips: every fold of a protocol, every seed."""
    from stages.engine.launcher import this_process
    from stages.engine.opening import Places
    from stages.finetune.config import resolve_finetune
    from stages.finetune.stage import run

    flags = {"method": method} | options.experiment_flags(
        dataset=dataset,
        where=where,
        protocol=protocol,
        seeds=seeds,
        per=per,
        task=task,
        target_column=target_column,
        select=select,
        epochs=epochs,
        skeleton=skeleton,
        backbone=backbone,
    )
    run_options = options.run_options(
        workspace, device=device, resume=resume, overwrite=overwrite, dry_run=dry_run, shard=shard, trains=True
    )
    resolved = resolve_finetune(options.layers(config, assignments, flags))
    folder, summary = run(resolved.config, run_options, name=name, init=init, start=start, places=Places(poses, features, manifest, images))
    if this_process().rank == 0:
        console.summary(summary, folder)
