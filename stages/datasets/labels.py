"""The manifest beside a set of artifacts: what was there, what the sources know, and what a user's own CSV says, in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from stages.artifacts import store
from stages.artifacts.collection import MANIFEST
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest, Value
from stages.errors import ArtifactError

Rows = Iterable[tuple[str, Mapping[str, Value]]]


def read_beside(folder: Path) -> Manifest | None:
    """Return the manifest that lies in a set's folder, or None."""
    path = folder / MANIFEST
    return manifests.read(path) if path.is_file() else None


def merged(there: Manifest | None, rows: Rows, labels: Manifest | None, *, overwrite: bool) -> tuple[Manifest, list[str]]:
    """Return the merged manifest, and the clips of ``labels`` that are not part of it.

    What lies beside the artifacts is kept, cells that a user filled in included, unless ``overwrite``; the user's own CSV goes before
    everything.  Rows that are there keep their order, new ones follow.

    Raises:
        ArtifactError: no clip of ``labels`` is among the clips.
    """
    values: dict[str, dict[str, Value]] = {row.clip: dict(row.values) for row in (there.rows if there else ())}
    for clip, fresh in rows:
        old = values.get(clip, {})
        weak, strong = (old, fresh) if overwrite else (fresh, old)
        values[clip] = {**weak, **{column: value for column, value in strong.items() if value is not None}}
    strange = []
    for row in labels.rows if labels else ():
        if row.clip in values:
            values[row.clip] |= {column: value for column, value in row.values.items() if value is not None}
        else:
            strange.append(row.clip)
    if labels and len(strange) == len(labels):
        raise ArtifactError(
            f"No clip of {labels.name} is among the imported ones; it has {_some(labels.clips)}, there are {_some(list(values))}.",
            hint="'clip' must hold the path of the file relative to the imported folder, without the suffix",
        )
    return manifests.from_rows(values.items(), there.name if there else MANIFEST), strange


def write_beside(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into a set's folder; without rows there is none."""
    if len(manifest):
        with store.replacing_path(folder / MANIFEST) as temporary:
            temporary.write_text(manifest.to_csv(), encoding="utf-8")


def _some(clips: list[str]) -> str:
    return ", ".join(f"'{clip}'" for clip in clips[:3]) + (" …" if len(clips) > 3 else "")
