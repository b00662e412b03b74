"""``aqa finetune``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options


def command(
    dataset: Annotated[str | None, typer.Option("--dataset", help="Set to train on; default: the only one.")] = None,
    method: Annotated[str | None, typer.Option("--method", help="What to train; 'aqa methods' lists them.")] = None,
    where: options.WhereOption = None,
    protocol: Annotated[str | None, typer.Option("--protocol", help="e.g. kimore/5-fold, 70-30, official, leave-one-out.")] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help="e.g. 0-2 or 0,1,5.")] = None,
    per: Annotated[str | None, typer.Option("--per", metavar="COLUMN", help="One model per value of a column, e.g. action.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="score, level or action.")] = None,
    target_column: Annotated[str | None, typer.Option("--target-column", help="Manifest column of the target.")] = None,
    select: Annotated[str | None, typer.Option("--select", help="val, last or test (stamped).")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Epochs of training.")] = None,
    skeleton: Annotated[str | None, typer.Option("--skeleton", help="Convert every clip to this layout.")] = None,
    init: Annotated[
        str | None, typer.Option("--init", metavar="ENCODER", help="Encoder (name or file), or 'none'; default: the only one.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the experiment; default: <data set>-<method>.")] = None,
    poses: Annotated[Path | None, typer.Option("--poses", "-i", help="Folder or merged file of poses.")] = None,
    features: Annotated[Path | None, typer.Option("--features", help="Folder or merged file of features.")] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", metavar="NAME", help="Which features of the set; default: the only ones.")
    ] = None,
    manifest: Annotated[Path | None, typer.Option("--manifest", help="CSV of the clips, instead of the one beside the artifacts.")] = None,
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
    from stages.engine.opening import Places
    from stages.finetune.config import resolve_finetune
    from stages.finetune.stage import run

    flags = {
        "dataset": dataset,
        "method": method,
        "where": where,
        "protocol": protocol,
        "seeds": options.parse_seeds(seeds),
        "per": per,
        "target.task": task,
        "target.column": target_column,
        "select": select,
        "training.epochs": epochs,
        "settings.input.skeleton": skeleton,
        "settings.features.backbone": backbone,
    }
    run_options = options.run_options(workspace, device=device, resume=resume, overwrite=overwrite, dry_run=dry_run, shard=shard)
    resolved = resolve_finetune(options.layers(config, assignments, flags))
    folder, summary = run(resolved.config, run_options, name=name, init=init, places=Places(poses, features, manifest))
    console.summary(summary, folder)
