"""``aqa pretrain``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options


def command(
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", help="Pose set to learn from; repeatable; default: the only one.")
    ] = None,
    method: Annotated[str | None, typer.Option("--method", help="How to learn; 'aqa methods' lists the ways.")] = None,
    where: options.WhereOption = None,
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="One encoder per fold, from its training clips alone, e.g. kimore/5-fold.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the run.")] = None,
    epochs: options.EpochsOption = None,
    skeleton: options.SkeletonOption = None,
    init: Annotated[Path | None, typer.Option("--init", metavar="ENCODER", help="Start from this encoder artifact.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the encoder; default: the method's.")] = None,
    poses: Annotated[list[Path] | None, typer.Option("--poses", "-i", help="Folder or merged file of poses; repeatable.")] = None,
    features: Annotated[list[Path] | None, typer.Option("--features", help="Folder or merged file of features; repeatable.")] = None,
    backbone: options.BackboneOption = None,
    images: Annotated[list[Path] | None, typer.Option("--images", help="Folder or merged file of pictures; repeatable.")] = None,
    output: options.OutputOption = None,
    workspace: options.WorkspaceOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    device: options.DeviceOption = "auto",
    resume: options.ResumeOption = "no",
    overwrite: options.OverwriteOption = False,
    dry_run: options.DryRunOption = False,
    shard: options.ShardOption = None,
) -> None:
    """Learn an encoder from unlabelled clips."""
    from stages.engine.launcher import this_process
    from stages.engine.opening import Places
    from stages.pretrain.config import resolve_pretrain
    from stages.pretrain.stage import run

    flags = {
        "dataset": dataset,
        "method": method,
        "where": where,
        "protocol": protocol,
        "seed": seed,
        "training.epochs": epochs,
        "settings.input.skeleton": skeleton,
        "settings.features.backbone": backbone,
    }
    places = [*(Places(poses=path) for path in poses or ()), *(Places(features=path) for path in features or ())]
    places += [Places(images=path) for path in images or ()]
    run_options = options.run_options(
        workspace, device=device, resume=resume, overwrite=overwrite, dry_run=dry_run, shard=shard, trains=True
    )
    resolved = resolve_pretrain(options.layers(config, assignments, flags))
    target, summary = run(resolved.config, run_options, name=name, init=init, places=places, output=output)
    if this_process().rank == 0:
        console.summary(summary, target)
