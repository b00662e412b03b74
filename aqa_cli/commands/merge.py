"""``aqa merge``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqa_cli import console, options


def command(
    folder: Annotated[Path, typer.Argument(help="Folder of artifacts of one kind.", show_default=False)],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default: FOLDER.h5 beside the folder.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="poses, features …; default: the kind of the first artifact.")] = None,
    overwrite: options.OverwriteOption = False,
) -> None:
    """Pack a folder of artifacts and its manifest into one file.  Every command takes either."""
    from stages.artifacts.collection import merge_folder

    target = output or folder.resolve().with_name(f"{folder.resolve().name}.h5")
    count = merge_folder(folder, target, kind, overwrite=overwrite, progress=console.progress())
    print(f"{count} artifacts in {target}" if count else f"{target} holds these very artifacts already; nothing to do")
