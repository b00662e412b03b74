"""The options that commands share, and how they become a stage's configuration and run options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aqa_cli.console import progress
from stages.configuration import Layer, nest_flags, parse_assignments, read_file
from stages.engine.launcher import Process, this_process
from stages.engine.options import RunOptions, parse_shard
from stages.engine.progress import Silent
from stages.errors import UsageError
from stages.workspace import Workspace

_WHERE, _HOW = "Where", "How to run"

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", help="Folder of inputs and outputs; else $AQA_WORKSPACE, else ./aqa-workspace.", rich_help_panel=_WHERE),
]
DataRootOption = Annotated[
    Path | None, typer.Option("--data-root", help="Folder under which data sets lie; else $AQA_DATA.", rich_help_panel=_WHERE)
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Where to write, instead of the workspace.", rich_help_panel=_WHERE)
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="YAML file with the configuration.", rich_help_panel=_HOW)]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set any configuration key, e.g. training.epochs=50; repeatable.", rich_help_panel=_HOW
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Make outputs again that exist.", rich_help_panel=_HOW)]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.", rich_help_panel=_HOW)]
FailFastOption = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first item that fails.", rich_help_panel=_HOW)]
ShardOption = Annotated[
    str | None, typer.Option("--shard", metavar="I/N", help="Do part I of N, or 'auto' in a SLURM job array.", rich_help_panel=_HOW)
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:0 … or mps.", rich_help_panel=_HOW)]
ResumeOption = Annotated[
    str,
    typer.Option(
        "--resume",
        help="no, yes (go on with a run that was stopped; an error where there is none) or auto.",
        rich_help_panel=_HOW,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
VideoDatasetOption = Annotated[
    str | None, typer.Option("--dataset", metavar="NAME", help="The videos of a data set in its published layout, instead of paths.")
]
WhereOption = Annotated[
    list[str] | None, typer.Option("--where", metavar="COLUMN=VALUE", help="Select clips by a manifest column; repeatable.")
]
SeedsOption = Annotated[str | None, typer.Option("--seeds", help="e.g. 0-2 or 0,1,5.")]
ProtocolOption = Annotated[str | None, typer.Option("--protocol", help="e.g. kimore/5-fold, 70-30, official, leave-one-out.")]
PerOption = Annotated[str | None, typer.Option("--per", metavar="COLUMN", help="One model per value of a column, e.g. action.")]
TaskOption = Annotated[str | None, typer.Option("--task", help="score, level or action.")]
TargetColumnOption = Annotated[str | None, typer.Option("--target-column", help="Manifest column of the target.")]
SelectOption = Annotated[str | None, typer.Option("--select", help="val, last or test (stamped).")]
EpochsOption = Annotated[int | None, typer.Option("--epochs", help="Epochs of training.")]
SkeletonOption = Annotated[str | None, typer.Option("--skeleton", help="Convert every clip to this layout.")]
InitOption = Annotated[
    str | None, typer.Option("--init", metavar="ENCODER", help="Encoder (name or file), or 'none'; default: the only one.")
]
PosesOption = Annotated[Path | None, typer.Option("--poses", "-i", help="Folder or merged file of poses.")]
FeaturesOption = Annotated[Path | None, typer.Option("--features", help="Folder or merged file of features.")]
BackboneOption = Annotated[
    str | None, typer.Option("--backbone", metavar="NAME", help="Which features of the set; default: the only ones.")
]
ImagesOption = Annotated[Path | None, typer.Option("--images", help="Folder or merged file of pictures.")]
ManifestOption = Annotated[Path | None, typer.Option("--manifest", help="CSV of the clips, instead of the one beside the artifacts.")]


def workspace(folder: Path | None) -> Workspace:
    """Return the workspace that was asked for."""
    return Workspace(folder) if folder is not None else Workspace.default()


def run_options(
    folder: Path | None,
    *,
    data_root: Path | None = None,
    device: str = "auto",
    shard: str | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    fail_fast: bool = False,
    resume: str = "no",
    trains: bool = False,
) -> RunOptions:
    """Return the run options of a command.

    With ``trains`` the processes that a launcher started train together; those of any other command share its items, or are refused.

    Raises:
        UsageError: several processes were started that would all do the same.
    """
    process = this_process()
    if process.count > 1 and not trains and shard is None:
        raise UsageError(
            f"{process.count} processes were started, and each would do all of it: only pretrain and finetune train together.",
            hint="--shard auto, where the command has it, shares the items among them; or start one process",
        )
    return RunOptions(
        workspace=workspace(folder),
        data_root=data_root,
        device=device,
        shard=parse_shard(shard, Process() if trains else process),
        overwrite=overwrite,
        dry_run=dry_run,
        fail_fast=fail_fast,
        resume=resume,
        progress=Silent() if trains and process.rank else progress(),
    )


def parse_seeds(text: str | None) -> list[int] | None:
    """Read ``0-2``, ``0,1,5`` or ``3``."""
    if text is None:
        return None
    seeds: list[int] = []
    try:
        for part in text.split(","):
            low, dash, high = part.partition("-")
            seeds.extend(range(int(low), int(high) + 1) if dash else [int(low)])
    except ValueError:
        seeds = []
    if not seeds:
        raise UsageError(f"--seeds takes numbers and ranges, found '{text}'.", hint="for example --seeds 0-2")
    return list(dict.fromkeys(seeds))


def experiment_flags(
    *,
    dataset: str | None,
    where: list[str] | None,
    protocol: str | None,
    seeds: str | None,
    per: str | None,
    task: str | None,
    target_column: str | None,
    select: str | None,
    epochs: int | None,
    skeleton: str | None,
    backbone: str | None,
) -> dict[str, Any]:
    """Return the options of an experiment as keys of its configuration."""
    return {
        "dataset": dataset,
        "where": where,
        "protocol": protocol,
        "seeds": parse_seeds(seeds),
        "per": per,
        "target.task": task,
        "target.column": target_column,
        "select": select,
        "training.epochs": epochs,
        "settings.input.skeleton": skeleton,
        "settings.features.backbone": backbone,
    }


def layers(config: Path | None, assignments: list[str] | None, flags: dict[str, Any]) -> list[Layer]:
    """Return the sources of a configuration, weakest first: file, ``--set``, flags."""
    found = []
    if config is not None:
        found.append(Layer(str(config), read_file(config)))
    if assignments:
        found.append(Layer("--set", parse_assignments(assignments)))
    found.append(Layer("flag", nest_flags(flags)))
    return found
