"""``aqa extract-pose``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options

_WHO, _REPAIR = "Who", "Repair"


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Videos, folders of frames, or folders that are searched for them.", show_default=False),
    ] = None,
    dataset: options.VideoDatasetOption = None,
    estimator: Annotated[
        str | None,
        typer.Option("--estimator", metavar="NAME|FILE", help="Who finds the joints: a name, net.onnx or config.py; default: rtmo-s."),
    ] = None,
    checkpoint: Annotated[str | None, typer.Option("--checkpoint", metavar="FILE", help="Weights; default: those of the name.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="fp32 or bf16; default: fp32.")] = None,
    flip_test: Annotated[bool | None, typer.Option("--flip-test", help="Average with the mirrored image: twice the time.")] = None,
    boxes: Annotated[
        str | None,
        typer.Option(
            "--boxes",
            metavar="FILE|NAME",
            help="Where a top-down network looks: a CSV or JSON file, or an estimator that finds people; default: it follows one person.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option("--person", help="largest, longest, most-moving, all, or an id; default: largest.", rich_help_panel=_WHO),
    ] = None,
    people: Annotated[
        int | None, typer.Option("--people", help="How many to keep; 2 for synchronised diving.", rich_help_panel=_WHO)
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option("--min-confidence", help="A joint of less is missing; default: 0.2.", rich_help_panel=_REPAIR)
    ] = None,
    max_gap: Annotated[
        float | None,
        typer.Option(
            "--max-gap", metavar="SECONDS", help="Longest gap that is filled in and marked; default: 0.5.", rich_help_panel=_REPAIR
        ),
    ] = None,
    repair_swaps: Annotated[
        bool | None, typer.Option("--repair-swaps", help="Put left and right back where they were exchanged.", rich_help_panel=_REPAIR)
    ] = None,
    smooth: Annotated[
        float | None,
        typer.Option("--smooth", metavar="SECONDS", help="Window of a smoothing filter; default: none.", rich_help_panel=_REPAIR),
    ] = None,
    allow_truncated: Annotated[
        bool | None,
        typer.Option("--allow-truncated", help="Keep what can be read of a video that is cut off.", rich_help_panel=_REPAIR),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="CSV whose rows are the clips (windows, with start and end) and their labels.")
    ] = None,
    where: options.WhereOption = None,
    set_name: Annotated[
        str | None, typer.Option("--set-name", help="Name of the pose set; default: the folder's, the file's or the data set's.")
    ] = None,
    weights_dir: Annotated[Path | None, typer.Option("--weights-dir", help="Folder of downloaded weights; else $AQA_WEIGHTS.")] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch",
            min=1,
            help="Frames held and handed over at once, at best the network's own batch or a multiple; changes no result.",
            rich_help_panel="How to run",
        ),
    ] = None,
    workspace: options.WorkspaceOption = None,
    data_root: options.DataRootOption = None,
    output: options.OutputOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    device: options.DeviceOption = "auto",
    overwrite: options.OverwriteOption = False,
    dry_run: options.DryRunOption = False,
    fail_fast: options.FailFastOption = False,
    shard: options.ShardOption = None,
) -> None:
    """Find the joints of the athlete in every video of a folder or of a data set."""
    from stages.configuration import resolve
    from stages.extract_pose.config import ExtractPoseConfig
    from stages.extract_pose.stage import Execution, run
    from stages.video.footage import Request

    flags = {
        "estimator": estimator,
        "checkpoint": checkpoint,
        "precision": precision,
        "flip_test": flip_test,
        "boxes": boxes,
        "person": person,
        "people": people,
        "min_confidence": min_confidence,
        "max_gap": max_gap,
        "repair_swaps": repair_swaps,
        "smooth": smooth,
        "allow_truncated": allow_truncated,
    }
    run_options = options.run_options(
        workspace, data_root=data_root, device=device, shard=shard, overwrite=overwrite, dry_run=dry_run, fail_fast=fail_fast
    )
    resolved = resolve(ExtractPoseConfig, options.layers(config, assignments, flags)).config
    folder, summary = run(
        resolved,
        run_options,
        output,
        request=Request(paths or [], dataset, manifest, where or [], set_name),
        execution=Execution(weights_dir, batch),
    )
    console.summary(summary, folder)
