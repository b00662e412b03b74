"""``aqa doctor``"""

from __future__ import annotations

from aqa_cli import console, options

_SIGNS = {"ok": "ok", "warning": "WARNING", "error": "ERROR"}


def command(
    workspace: options.WorkspaceOption = None, data_root: options.DataRootOption = None, as_json: options.JsonOption = False
) -> None:
    """Check this machine: packages, devices, disk, data, permissions.  Its output belongs in every bug report."""
    from stages.doctor import examine
    from stages.errors import MissingDependencyError
    from stages.workspace import data_root as root_of

    console.err.print("Importing every package; this takes up to a minute.", markup=False)
    findings = examine(options.workspace(workspace), root_of(data_root))
    lines = []
    for finding in findings:
        lines.append(f"{_SIGNS[finding.state]:<8} {finding.name:<16} {finding.value}")
        if finding.mend and finding.mend not in finding.value:
            lines.append(f"{'':<8} {'':<16} → {finding.mend}")
    console.result([finding.to_json() for finding in findings], as_json=as_json, text="\n".join(lines))
    broken = [finding for finding in findings if finding.state == "error"]
    if broken:
        raise MissingDependencyError(
            f"{len(broken)} required package(s) are missing or broken: {', '.join(finding.name for finding in broken)}.",
            hint=broken[0].mend,
        )
