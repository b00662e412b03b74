"""``aqa evaluate``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aqa_cli import console, options

if TYPE_CHECKING:
    from stages.evaluate.figures import Figures

_CSV = "Anybody's predictions"


def command(
    dataset: Annotated[str | None, typer.Option("--dataset", help="Evaluate the experiment on this data set.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Name of the experiment; default: the only one.")] = None,
    predictions: Annotated[Path | None, typer.Option("--predictions", help="A CSV of predictions.", rich_help_panel=_CSV)] = None,
    truth_column: Annotated[str, typer.Option("--truth-column", help="Its column of true scores.", rich_help_panel=_CSV)] = "truth",
    prediction_column: Annotated[
        str, typer.Option("--prediction-column", help="Its column of predicted scores.", rich_help_panel=_CSV)
    ] = "prediction",
    group_column: Annotated[str | None, typer.Option("--group-column", help="Its column of classes.", rich_help_panel=_CSV)] = None,
    subject_column: Annotated[
        str | None, typer.Option("--subject-column", help="Its column of subjects; they are resampled whole.", rich_help_panel=_CSV)
    ] = None,
    poses: Annotated[Path | None, typer.Option("--poses", "-i", help="Folder or merged file of poses.")] = None,
    output: options.OutputOption = None,
    workspace: options.WorkspaceOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    device: options.DeviceOption = "auto",
    dry_run: options.DryRunOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Measure an experiment on the clips that its models did not train on, or anybody's predictions."""
    from stages.configuration import resolve
    from stages.evaluate import figures
    from stages.evaluate.config import EvaluateConfig
    from stages.evaluate.table import read_csv

    settings = resolve(EvaluateConfig, options.layers(config, assignments, {})).config
    if predictions is not None:
        table = read_csv(predictions, truth_column, prediction_column, group_column, subject_column)
        found = figures.compute(table, settings)
        console.result(found.to_json(), as_json=as_json, text=text_of(found, len(table)))
        return
    from stages.evaluate.stage import run

    run_options = options.run_options(workspace, device=device, dry_run=dry_run)
    evaluation = run(settings, run_options, dataset=dataset, model=model, poses=poses, output=output)
    facts = evaluation.facts
    lines = [f"{evaluation.name}: {facts['protocol']}, {len(facts['seeds'])} seed(s), selected by {facts['select']}"]
    lines += [f"NOTE: {stamp}" for stamp in evaluation.facts["stamps"]]
    lines.append(text_of(evaluation.figures, len(evaluation.table)))
    lines.append(f"in {evaluation.folder}")
    console.result(
        {"experiment": evaluation.name, **evaluation.facts, **evaluation.figures.to_json()}, as_json=as_json, text="\n".join(lines)
    )


def text_of(found: Figures, clips: int) -> str:
    """Return the figures as lines for people."""
    from stages.evaluate.names import TITLES

    lines = [f"{clips} clips"]
    for name, estimate in found.overall.items():
        spread = f"  sd over seeds {estimate.deviation:.4f}" if len(estimate.seeds) > 1 else ""
        lines.append(f"{TITLES[name]:<44} {estimate.value:>9.4f}  [{estimate.low:.4f}, {estimate.high:.4f}]{spread}")
    for group, estimates in found.per_class.items():
        rho = estimates["spearman"]
        lines.append(f"  {group:<42} {rho.value:>9.4f}  [{rho.low:.4f}, {rho.high:.4f}]  n = {found.counts[group]}")
    if found.score_range:
        lines.append(f"R-ℓ2 uses the range {found.score_range[0]:g} to {found.score_range[1]:g}")
    return "\n".join(lines)
