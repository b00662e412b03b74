"""``aqa compare``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aqa_cli import console, options

if TYPE_CHECKING:
    from stages.compare.comparison import Comparison


def command(
    evaluations: Annotated[
        list[str],
        typer.Argument(
            metavar="A B …", help="Names of evaluations in the workspace, their folders, or their predictions.h5.", show_default=False
        ),
    ],
    against: Annotated[
        str | None, typer.Option("--against", metavar="NAME", help="Which of them the others are compared with; default: the first.")
    ] = None,
    where: options.WhereOption = None,
    clip: Annotated[
        list[str] | None,
        typer.Option("--clip", metavar="ID", help="Show this clip; repeatable. Default: where they disagree most, best and worst."),
    ] = None,
    poses: Annotated[
        str | None, typer.Option("--poses", "-i", help="Pose set, folder or merged file for the skeletons; default: the data set's.")
    ] = None,
    videos: Annotated[
        str | None,
        typer.Option(
            "--videos", metavar="FOLDER|NAME", help="The clips' videos, or a data set with videos: says how complex the cases' motion is."
        ),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="CSV of the clips, instead of the one beside the data set's artifacts.")
    ] = None,
    data_root: options.DataRootOption = None,
    output: options.OutputOption = None,
    workspace: options.WorkspaceOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    dry_run: options.DryRunOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Set evaluations side by side: figures, paired differences with intervals, what was made differently, and cases.

    Nothing is trained or predicted again.  Clips are matched by id; those that not every evaluation has are left out.
    """
    from stages.compare import stage
    from stages.compare.config import CompareConfig
    from stages.configuration import resolve

    settings = resolve(CompareConfig, options.layers(config, assignments, {"against": against, "where": where, "clips": clip})).config
    run_options = options.run_options(workspace, data_root=data_root, dry_run=dry_run)
    comparison = stage.run(settings, run_options, evaluations, poses=poses, videos=videos, manifest=manifest, output=output)
    if as_json:
        console.result(comparison.to_json(), as_json=True, text="")
        return
    _show(comparison, dry_run=dry_run)


def _show(comparison: Comparison, *, dry_run: bool) -> None:
    from stages.compare.comparison import clips_sentence, drawn_sentence, left_out_sentence
    from stages.compare.write import PAGE

    runs = comparison.runs
    lines = [f"{clips_sentence(comparison)}; differences are a run minus {runs[0].name}"]
    lines += [sentence for sentence in (left_out_sentence(comparison), drawn_sentence(comparison)) if sentence]
    lines += [f"NOTE: {run.name}: {stamp}" for run in runs for stamp in run.facts.get("stamps", ())]
    console.result(None, as_json=False, text="\n".join(lines))
    console.table(("figure", "run", "value", "interval", "difference", "its interval", "p", ""), _rows(comparison))
    lines = [f"note: {note}" for note in comparison.notes]
    if differing := [aspect for aspect in comparison.aspects.protocol if not aspect.same]:
        lines.append("made differently:")
        lines += [f"  {aspect.name}: {' | '.join(aspect.values)}" for aspect in differing]
    if comparison.folder is not None:
        lines.append(f"page: {comparison.folder / PAGE}")
    elif dry_run:
        lines.append("dry run: nothing was written")
    console.result(None, as_json=False, text="\n".join(lines))


def _rows(comparison: Comparison) -> list[list[str]]:
    """Return a row per figure and run; of classes, their first figure."""
    from stages.compare.page import figure_rows

    found = comparison.found
    parts = [figure_rows(name, by_run) for name, by_run in found.overall.items()]
    for label, figures in found.per_class.items():
        part = figure_rows(*next(iter(figures.items())))
        parts.append({**part, "title": f"{part['title']}, {label} (n = {found.counts[label]})"})
    return [
        [part["title"], row["run"], row["cell"].value, row["cell"].interval, row["difference"], row["interval"], row["p"], row["verdict"]]
        for part in parts
        for row in part["rows"]
    ]
