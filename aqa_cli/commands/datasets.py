"""``aqa datasets``, ``aqa datasets check``, ``aqa datasets export`` and ``aqa datasets film``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aqa_cli import console, options

if TYPE_CHECKING:
    from stages.datasets.check import Report

app = typer.Typer(help="List the data sets that are known; check one that was downloaded; export its manifest; film generated people.")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A data set; 'aqa datasets' lists them.")]


@app.callback(invoke_without_command=True)
def command(context: typer.Context, data_root: options.DataRootOption = None, as_json: options.JsonOption = False) -> None:
    """List the data sets that are known, where to get them, and which lie under the data root."""
    if context.invoked_subcommand is not None:
        context.obj = data_root
        return
    from stages.datasets.registry import DATASETS, adapter_for
    from stages.workspace import data_root as resolve_root

    root = resolve_root(data_root)
    found: dict[str, str] = {}
    for name in DATASETS:
        adapter = adapter_for(name)
        folder = adapter.locate(root) if adapter.needs_data and root is not None and root.is_dir() else None
        found[name] = str(folder) if folder else ("no" if adapter.needs_data else "made on the spot")
    if as_json:
        facts = [
            {
                "name": entry.name,
                "summary": entry.summary,
                "tasks": entry.tasks,
                "licence": entry.licence,
                "source": entry.source,
                "protocols": [f"{entry.name}/{protocol}" for protocol in entry.protocols],
                "found": found[entry.name],
            }
            for entry in DATASETS.values()
        ]
        console.result(facts, as_json=True, text="")
        return
    rows = [
        (entry.name, entry.summary, entry.tasks, ", ".join(entry.protocols), entry.licence, entry.source, found[entry.name])
        for entry in DATASETS.values()
    ]
    console.table(("name", "what", "task", "protocols", "licence", "request from", "found"), rows)
    if root is None:
        console.err.print("No data root: give --data-root DIR or set AQA_DATA to see what is there.")


@app.command()
def check(
    context: typer.Context, name: NameArgument, data_root: options.DataRootOption = None, as_json: options.JsonOption = False
) -> None:
    """Load every recording of a data set and list all that is missing, duplicated, odd or unreadable."""
    from stages.datasets.check import check as run
    from stages.datasets.registry import adapter_for, find_folder
    from stages.errors import ArtifactError
    from stages.workspace import data_root as resolve_root

    adapter = adapter_for(name)
    report = run(adapter, find_folder(adapter, resolve_root(data_root or context.obj)), console.progress())
    console.result(report.to_json(), as_json=as_json, text=text_of(report))
    if not report.usable:
        hint = "download it again" if report.unreadable else f"expected {adapter.layout_help}"
        raise ArtifactError(f"{adapter.name} in {report.folder} is not usable: no recording can be read.", hint=hint)


@app.command()
def export(
    context: typer.Context,
    name: NameArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The CSV file to write.")],
    data_root: options.DataRootOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file where it exists.")] = False,
) -> None:
    """Write a data set's manifest as CSV: every clip with a recording (every clip, where only labels are there), labels, scores, split."""
    from stages.artifacts import store
    from stages.datasets.registry import adapter_for, find_folder
    from stages.errors import UsageError
    from stages.workspace import data_root as resolve_root

    adapter = adapter_for(name)
    scan = adapter.scan(find_folder(adapter, resolve_root(data_root or context.obj)))
    if output.exists() and not overwrite:
        raise UsageError(f"{output} exists.", hint="--overwrite replaces it")
    recorded = scan.recorded or set(scan.manifest.clips)
    rows = scan.manifest.keep(lambda row: row.clip in recorded)
    with store.replacing_path(output) as temporary:
        temporary.write_text(rows.to_csv(), encoding="utf-8")
    print(f"{len(rows)} clips in {output}")


@app.command()
def film(
    name: Annotated[str, typer.Argument(metavar="NAME", help="generated, or a size of it such as generated-6x3+20.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make videos again that exist.")] = False,
) -> None:
    """Write a generated data set as videos with their manifest, to try video commands on."""
    from stages.datasets.generated.film.shoot import MANIFEST, shoot

    made, there = shoot(name, output, console.progress(), overwrite=overwrite)
    print(f"{made} done, {there} skipped; in {output}, labels in {output / MANIFEST}")


def text_of(report: Report) -> str:
    """Return the report as lines for people."""
    lines = [f"{report.name} in {report.folder}"]
    width = max(12, *(len(count.what) for count in report.counts))
    for count in report.counts:
        published = "" if count.published is None else f"  of {count.published} published"
        lines.append(f"  {count.what:<{width}} {count.found:>6}{published}")
    if report.usable:
        lines.append(f"  {'frames':<{width}} {report.frames[0]} to {report.frames[2]}, median {report.frames[1]}")
    for title, items in (("missing or inconsistent", report.problems), ("unreadable", report.unreadable), ("odd", report.odd)):
        if items:
            lines += [f"{title}: {len(items)}", *(f"  {item}" for item in items)]
    state = "usable" if report.usable else "not usable"
    lines.append(f"{state}, {report.warnings} warning(s)" if report.warnings else f"{state}, nothing to complain about")
    return "\n".join(lines)
