"""``aqa sweep``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aqa_cli import console, options

if TYPE_CHECKING:
    from stages.sweep.outcome import Sweep


def command(
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="KEY=V1,V2,…",
            help="A configuration key of finetune and its values, or labels= with percents; once for curves, twice for a grid.",
        ),
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="What to train, each a curve; repeatable; 'aqa methods' lists them.")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Set to train on; default: the only one.")] = None,
    where: options.WhereOption = None,
    protocol: options.ProtocolOption = None,
    labels_seed: Annotated[
        int | None, typer.Option("--labels-seed", metavar="K", help="Which draw of the labels '--vary labels' keeps; default: 0.")
    ] = None,
    seeds: options.SeedsOption = None,
    per: options.PerOption = None,
    task: options.TaskOption = None,
    target_column: options.TargetColumnOption = None,
    select: options.SelectOption = None,
    epochs: options.EpochsOption = None,
    skeleton: options.SkeletonOption = None,
    init: options.InitOption = None,
    figure: Annotated[
        str | None, typer.Option("--figure", metavar="NAME", help="What is drawn, e.g. mae; default: Spearman, accuracy for classes.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the sweep; default: <data set>-by-<key>.")] = None,
    poses: options.PosesOption = None,
    features: options.FeaturesOption = None,
    images: options.ImagesOption = None,
    backbone: options.BackboneOption = None,
    manifest: options.ManifestOption = None,
    workspace: options.WorkspaceOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    device: options.DeviceOption = "auto",
    resume: options.ResumeOption = "no",
    overwrite: options.OverwriteOption = False,
    dry_run: options.DryRunOption = False,
    shard: options.ShardOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Train and evaluate an experiment for every value of one or two settings, and draw the figure.

    Each is an ordinary experiment of the workspace.  What is there is skipped, so a sweep can grow by values and methods.
    With --shard only models are trained; the same command without it evaluates them and draws.
    """
    from stages.engine.opening import Places
    from stages.sweep import stage
    from stages.sweep.config import parse_vary, resolve_sweep

    flags: dict[str, Any] = {"methods": method, "vary": parse_vary(vary or []), "labels_seed": labels_seed, "init": init, "figure": figure}
    flags |= options.experiment_flags(
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
    run_options = options.run_options(workspace, device=device, resume=resume, overwrite=overwrite, dry_run=dry_run, shard=shard)
    settings = resolve_sweep(options.layers(config, assignments, flags)).config
    sweep = stage.run(settings, run_options, name=name, places=Places(poses, features, manifest, images))
    if as_json:
        console.result(sweep.to_json(), as_json=True, text="")
        return
    _show(sweep, dry_run=dry_run)


def _show(sweep: Sweep, *, dry_run: bool) -> None:
    from stages.sweep.write import PAGE

    console.summary(sweep.trained, sweep.folder)
    if dry_run:
        console.result(None, as_json=False, text="dry run: nothing was written")
        return
    if not sweep.measured:
        console.result(None, as_json=False, text="this shard's models are there; the same command without --shard evaluates and draws")
        return
    stamps = [f"NOTE: {stamp}" for stamp in sweep.stamps()]
    if stamps:
        console.result(None, as_json=False, text="\n".join(stamps))
    console.table(("method", *sweep.axis_names, sweep.title, "interval", "sd over seeds", "clips"), sweep.table())
    console.result(None, as_json=False, text=f"page: {sweep.folder / PAGE}")
