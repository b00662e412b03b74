"""``aqa evaluate``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aqa_cli import console, options

if TYPE_CHECKING:
    from stages.evaluate.evaluation import Evaluation
    from stages.evaluate.figures import Figures

_CSV = "Anybody's predictions"


def command(
    dataset: Annotated[str | None, typer.Option("--dataset", help="Evaluate the experiment on this data set.")] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Name of the experiment; default: the only one. Several are fused.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="W,W,…", help="Of the experiments that are fused; default: alike.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="A CSV of predictions; -o FOLDER writes their report.", rich_help_panel=_CSV)
    ] = None,
    truth_column: Annotated[str, typer.Option("--truth-column", help="Its column of true scores.", rich_help_panel=_CSV)] = "truth",
    prediction_column: Annotated[
        str, typer.Option("--prediction-column", help="Its column of predicted scores.", rich_help_panel=_CSV)
    ] = "prediction",
    group_column: Annotated[str | None, typer.Option("--group-column", help="Its column of classes.", rich_help_panel=_CSV)] = None,
    subject_column: Annotated[
        str | None, typer.Option("--subject-column", help="Its column of subjects; they are resampled whole.", rich_help_panel=_CSV)
    ] = None,
    clip_column: Annotated[
        str | None, typer.Option("--clip-column", help="Its column of ids; default: line numbers.", rich_help_panel=_CSV)
    ] = None,
    poses: options.PosesOption = None,
    features: options.FeaturesOption = None,
    images: options.ImagesOption = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="CSV of clips and scores, instead of the one beside the artifacts.")
    ] = None,
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
    from stages.errors import UsageError
    from stages.evaluate.config import EvaluateConfig

    settings = resolve(EvaluateConfig, options.layers(config, assignments, {})).config
    if predictions is not None:
        if dataset or model or poses or features or manifest:
            raise UsageError("--predictions is evaluated by itself: --dataset, --model, --poses, --features and --manifest have no part.")
        from stages.evaluate import predictions as anybodys

        evaluation = anybodys.run(
            settings,
            predictions,
            truth_column,
            prediction_column,
            group=group_column,
            subject=subject_column,
            clip=clip_column,
            output=None if dry_run else output,
        )
        content = evaluation.figures.to_json() if output is None else evaluation.to_json()
    else:
        from stages.engine.opening import Places
        from stages.evaluate import stage

        run_options = options.run_options(workspace, device=device, dry_run=dry_run)
        evaluation = stage.run(
            settings,
            run_options,
            dataset=dataset,
            models=model or (),
            weights=_numbers(weights),
            places=Places(poses, features, manifest, images),
            output=output,
        )
        content = evaluation.to_json()
    console.result(content, as_json=as_json, text=_text(evaluation, dry_run=dry_run))


def _numbers(text: str | None) -> list[float] | None:
    from stages.errors import UsageError

    try:
        return None if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--weights takes numbers with commas between them, found '{text}'.", hint="for example 0.6,0.6,0.4,0.4") from None


def _text(evaluation: Evaluation, *, dry_run: bool) -> str:
    from stages.evaluate.names import made_sentence
    from stages.evaluate.write import REPORT

    facts = evaluation.facts
    lines = [f"{evaluation.name}: {made_sentence(facts)}"] if "protocol" in facts else []
    lines += [f"NOTE: {stamp}" for stamp in facts["stamps"]]
    lines.append(text_of(evaluation.figures, len(evaluation.table)))
    if evaluation.folder is not None:
        lines.append(f"report: {evaluation.folder / REPORT}")
    elif dry_run:
        lines.append("dry run: nothing was written")
    return "\n".join(lines)


def _streams(found: Figures) -> list[str]:
    from stages.evaluate.names import TITLES, headline_of, interval_of, shown

    if found.streams is None:
        return []
    streams, name = found.streams, headline_of(found)
    lines = [f"streams, {TITLES[name]} of each alone, and how often it was picked"]
    for stream, figures in streams.figures.items():
        lines.append(f"  {stream:<9} {shown(figures[name].value)}  {interval_of(figures[name])}  picked {streams.picked[stream]:.0%}")
    nearest = f"{shown(streams.right.value, 3)}  {interval_of(streams.right, 3)}"
    return [*lines, f"  picks that were the nearest {nearest}; always the same stream {shown(streams.chance.value, 3)}"]


def text_of(found: Figures, clips: int) -> str:
    """Return the figures as lines for people."""
    from stages.evaluate.names import TITLES, interval_of, range_sentence, shown

    rows = [(TITLES[name], estimate) for name, estimate in found.overall.items()]
    leading = [(f"  {group} (n = {found.counts[group]})", next(iter(estimates.values()))) for group, estimates in found.per_class.items()]
    width = max(len(title) for title, _ in rows + leading)
    lines = [f"{clips} clips"]
    for title, estimate in rows + leading:
        spread = f"  sd over seeds {shown(estimate.deviation)}" if len(estimate.seeds) > 1 else ""
        lines.append(f"{title:<{width}} {shown(estimate.value):>11}  {interval_of(estimate)}{spread}".rstrip())
    lines += _streams(found)
    for each in found.coverage:
        held = f"{shown(each.share, 3)}  [{shown(each.low, 3)}, {shown(each.high, 3)}]"
        lines.append(f"intervals of {each.confidence:.0%} hold the truth in {held} of the clips; mean width {each.width:.4g}")
    lines += [f"note: {note}" for note in found.notes]
    if found.score_range:
        lines.append(range_sentence(found))
    return "\n".join(lines)
