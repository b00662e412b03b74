"""Which encoder a training starts from: the one that was named, a folder of one per fold, or the only one that fits."""

from __future__ import annotations

from pathlib import Path

from stages.artifacts import store
from stages.engine.options import RunOptions
from stages.errors import ArtifactError, UsageError


def find_encoder(init: str | None, options: RunOptions, architecture: str | None, folds: set[str]) -> dict[str, Path]:
    """Return fold → the encoder artifact to start from; empty for fresh weights.

    A name may stand for one artifact, or for a folder with one per fold (a pretraining inside the protocol).  Where none is named, the
    only one of the ``architecture`` is taken; without an architecture, pretraining is no part of the method and has to be asked for.
    """
    workspace = options.workspace
    if init is None and architecture is None:
        return {}
    if init is None:
        names = (
            sorted({path.stem for path in workspace.encoders.iterdir() if not path.name.startswith(".")})
            if workspace.encoders.is_dir()
            else []
        )
        names = [name for name in names if _architecture(workspace.encoders / name) == architecture]
        if len(names) > 1:
            raise UsageError(f"Several encoders are possible: {', '.join(names)}.", hint="choose one with --init NAME, or --init none")
        if not names:
            options.progress.note("No encoder in the workspace: training from scratch.")
            return {}
        init = names[0]
        options.progress.note(f"Starting from the only encoder in the workspace, '{init}' (--init none starts from scratch).")
    if init == "none":
        return {}
    base = workspace.encoders / init
    candidates = [Path(init), base.with_name(base.name + ".h5"), base]
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        raise UsageError(f"There is no encoder '{init}' in {workspace.encoders}, nor a file of that name.", hint="aqa pretrain --help")
    if found.is_file():
        return dict.fromkeys(folds, found)
    missing = sorted(fold for fold in folds if not (found / f"{fold}.h5").is_file())
    if missing:
        raise ArtifactError(f"{found} has no encoder for the fold(s) {', '.join(missing)}.", hint="pretrain with the same --protocol")
    return {fold: found / f"{fold}.h5" for fold in folds}


def _architecture(path: Path) -> str:
    files = [path.with_name(path.name + ".h5")] if not path.is_dir() else sorted(path.glob("*.h5"))[:1]
    return str(store.read_document(files[0], "encoder")["name"]) if files and files[0].is_file() else ""
