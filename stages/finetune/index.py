"""The list of an experiment's models: written by ``aqa finetune``, read by whatever works with an experiment as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.errors import ArtifactError

INDEX = "index.json"
"""In the experiment's folder."""
_KEYS = ("dataset", "method", "protocol", "models")
_SHOWN = 8


def read_index(folder: Path) -> dict[str, Any]:
    """Return what the list in an experiment's folder says: data set, method, protocol, and of each model id, fold, seed and file.

    Raises:
        ArtifactError: it is damaged.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        complete = all(key in index for key in _KEYS) and bool(index["models"])
        complete = complete and all(key in entry for entry in index["models"] for key in ("id", "fold", "seed", "file"))
    except (OSError, ValueError, TypeError):
        complete = False
    if not complete:
        raise ArtifactError(f"{folder / INDEX}, the list of an experiment's models, is damaged.", hint="run the same 'aqa finetune' again")
    return dict(index)


def files_of(folder: Path, index: Mapping[str, Any]) -> list[Path]:
    """Return where the models of an experiment lie.

    Raises:
        ArtifactError: some are missing.
    """
    entries = index["models"]
    missing = [entry["id"] for entry in entries if not (folder / entry["file"]).is_file()]
    if missing:
        more = " …" if len(missing) > _SHOWN else ""
        raise ArtifactError(
            f"{len(missing)} of {len(entries)} models of '{folder.name}' are missing: {', '.join(missing[:_SHOWN])}{more}.",
            hint="run the same 'aqa finetune' again; it trains just those",
        )
    return [folder / entry["file"] for entry in entries]
