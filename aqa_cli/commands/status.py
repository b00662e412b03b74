"""``aqa status``"""

from __future__ import annotations

from aqa_cli import console, options

_COLUMNS = ("what", "items", "done", "failed", "missing", "damaged", "unfinished", "partial files")


def command(workspace: options.WorkspaceOption = None, as_json: options.JsonOption = False) -> None:
    """Count what is done, failed and missing in the workspace."""
    from stages.engine.status import survey

    where = options.workspace(workspace)
    rows = survey(where)
    if as_json:
        console.result({"workspace": str(where.root), "rows": [row.to_json() for row in rows]}, as_json=True, text="")
        return
    if not rows:
        print(f"{where.root} holds no artifacts yet; 'aqa import-poses --help' or 'aqa demo' starts")
        return
    cells = [[row.name, "?" if row.items is None else str(row.items), *(str(count) for count in row.counts())] for row in rows]
    console.table(_COLUMNS, cells)
    for row in rows:
        for failure in row.failures[:5]:
            console.err.print(f"{row.name}: {failure.id} failed: {failure.message}", markup=False)
    if any(row.partial for row in rows):
        find = f"find {where.root} -name '.*.partial' -mmin +60 -delete"
        console.err.print(f"Partial files were left by killed writers; this deletes them: {find}", markup=False)
