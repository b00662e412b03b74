"""``aqa export``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aqa_cli import console, options

if TYPE_CHECKING:
    from stages.export.stage import Outcome


def command(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help="An experiment or an encoder: its name, folder or file; default: the only one.", show_default=False
        ),
    ] = None,
    kind: Annotated[str | None, typer.Option("--format", help="onnx, safetensors or both; default: both.")] = None,
    member: Annotated[
        str | None, typer.Option("--member", metavar="FOLD/SEED", help="One model of the experiment, e.g. fold-0/0; default: all.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option("--frames", help="Of models that see pictures: the longest clip; default: the longest of training.")
    ] = None,
    output: options.OutputOption = None,
    workspace: options.WorkspaceOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    overwrite: options.OverwriteOption = False,
    dry_run: options.DryRunOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Write a model or an encoder as ONNX and safetensors files, with a model card.

    The graph's output is in the data's own units; it is compared with torch before it is written, and runs without torch.
    """
    from stages.configuration import resolve
    from stages.export.config import ExportConfig
    from stages.export.stage import run

    settings = resolve(ExportConfig, options.layers(config, assignments, {"format": kind, "frames": frames})).config
    run_options = options.run_options(workspace, overwrite=overwrite, dry_run=dry_run)
    outcome = run(settings, run_options, name=model, member=member, output=output)
    console.result(outcome.to_json(), as_json=as_json, text=_text(outcome, dry_run=dry_run))


def _text(outcome: Outcome, *, dry_run: bool) -> str:
    if dry_run:
        return "\n".join([f"{outcome.folder}:", *(f"  {file}" for file in outcome.digests), "dry run: nothing was written"])
    lines = [f"{outcome.folder}: {len(outcome.digests)} files"]
    lines += [f"  {file}  sha256 {digest[:16]}…" for file, digest in outcome.digests.items()]
    for name, difference in outcome.differences.items():
        batch = outcome.batches[name]
        many = "any number of clips" if batch == "N" else "one clip"
        lines.append(f"{name}: takes {many} at once; differs from torch by at most {difference:.2g} on example clips")
    return "\n".join(lines)
