"""``aqa validate``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options


def command(
    paths: Annotated[list[Path], typer.Argument(help="Artifacts, merged files, manifests, or folders of them.", show_default=False)],
    time_limit: Annotated[
        float, typer.Option("--time-limit", min=0.1, help="Seconds for one file, before what its size adds; damaged files can hang.")
    ] = 60.0,
    as_json: options.JsonOption = False,
) -> None:
    """Check every artifact: format, checksums, digest.  Lists every bad file; exit code 3 if there is one."""
    from stages.artifacts.verify import verify
    from stages.errors import ArtifactError

    reports = verify(paths, seconds=time_limit, progress=console.progress())
    bad = [report for report in reports if report.problems]
    lines = [f"BAD  {report.path}\n" + "\n".join(f"  - {problem}" for problem in report.problems) for report in bad]
    members = sum(report.members for report in reports)
    lines.append(f"{len(reports)} file(s) with {members} artifact(s) checked, {len(bad)} bad")
    document = {"checked": len(reports), "bad": len(bad), "files": [report.to_json() for report in reports]}
    console.result(document, as_json=as_json, text="\n".join(lines))
    if bad:
        raise ArtifactError(
            f"{len(bad)} of {len(reports)} file(s) are damaged or not valid.",
            hint="delete them and run the commands that made them again; they make just what is missing",
        )
