"""``aqa examine``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aqa_cli import console, options

if TYPE_CHECKING:
    from stages.examine.examination import Examination


def command(
    encoder: Annotated[
        str | None,
        typer.Argument(metavar="ENCODER", help="Name, artifact, or folder of one per fold; default: the only one.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Set to take clips from; default: the last that the encoder was trained on.")
    ] = None,
    where: options.WhereOption = None,
    poses: options.PosesOption = None,
    features: options.FeaturesOption = None,
    images: options.ImagesOption = None,
    output: options.OutputOption = None,
    workspace: options.WorkspaceOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    device: options.DeviceOption = "auto",
    dry_run: options.DryRunOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Measure what pretraining has learned, on clips that the encoder did not see: its own tasks beside trivial guesses."""
    from stages.configuration import resolve
    from stages.engine.opening import Places
    from stages.examine.config import ExamineConfig
    from stages.examine.stage import run

    settings = resolve(ExamineConfig, options.layers(config, assignments, {"where": where})).config
    run_options = options.run_options(workspace, device=device, dry_run=dry_run)
    places = Places(poses, features, None, images) if poses or features or images else None
    found = run(settings, run_options, encoder=encoder, dataset=dataset, places=places, output=output)
    console.result(found.to_json(), as_json=as_json, text=_text(found, dry_run=dry_run))


def _text(found: Examination, *, dry_run: bool) -> str:
    from stages.evaluate.names import interval_of, shown
    from stages.examine.write import PAGE, title_of

    lines = [f"{found.name}: {found.sentence()}", *(f"NOTE: {stamp}" for stamp in found.stamps())]
    width = max(len(name) for name in found.estimates)
    lines += [f"{title_of(name):<{width}} {shown(each.value):>11}  {interval_of(each)}".rstrip() for name, each in found.estimates.items()]
    if found.folder is not None:
        lines.append(f"page: {found.folder / PAGE}")
    elif dry_run:
        lines.append("dry run: nothing was written")
    return "\n".join(lines)
