"""Writing the generated set as videos, with their manifest beside: what ``aqa datasets film`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stages.artifacts import store
from stages.datasets.generated import Clip
from stages.datasets.generated.film import SIZE, film_of, frames
from stages.datasets.registry import adapter_for, resolve_name
from stages.engine.progress import Progress
from stages.errors import UsageError
from stages.video.writer import writing

MANIFEST = "manifest.csv"


def shoot(dataset: str, folder: Path, progress: Progress, *, overwrite: bool = False) -> tuple[int, int]:
    """Write ``<folder>/<clip>.mp4`` for every clip that is not there yet, and the manifest.

    Returns:
        how many videos were made, and how many were there.

    Raises:
        UsageError: only generated sets can be filmed.
        ArtifactError: a video cannot be written.
    """
    adapter = adapter_for(resolve_name(dataset))
    if adapter.needs_data:
        raise UsageError(f"Only a generated set can be filmed, found '{dataset}'.", hint="for example generated-6x3+20")
    scan = adapter.scan(folder)
    clips: Sequence[Clip] = list(scan.sources.values())
    todo = [clip for clip in clips if overwrite or not target(folder, clip).exists()]
    with progress.task("film", len(todo)) as task:
        for clip in todo:
            film = film_of(clip)
            with writing(target(folder, clip), film.fps, SIZE) as append:
                for image in frames(film):
                    append(image)
            task.advance(1, clip.id)
    with store.replacing_path(folder / MANIFEST) as temporary:
        temporary.write_text(scan.manifest.to_csv(), encoding="utf-8")
    return len(todo), len(clips) - len(todo)


def target(folder: Path, clip: Clip) -> Path:
    """Return where the clip's video lies."""
    return folder / f"{clip.id}.mp4"
