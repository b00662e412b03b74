"""Set evaluations side by side: no model is trained or asked again, only their predictions are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stages.artifacts.fingerprint import of_value
from stages.compare import cases, paired, protocol, runs, write
from stages.compare.comparison import Comparison
from stages.compare.config import CompareConfig
from stages.compare.motion import motions
from stages.compare.poses import strips
from stages.compare.runs import Run
from stages.compare.selection import selected
from stages.engine.options import RunOptions

_LONGEST = 120


def run(
    config: CompareConfig,
    options: RunOptions,
    given: Sequence[str],
    *,
    poses: str | None = None,
    videos: str | None = None,
    manifest: Path | None = None,
    output: Path | None = None,
) -> Comparison:
    """Compare evaluations.

    Args:
        config: how figures are computed, what is the reference, which clips are compared and which are shown.
        options: the workspace, and whether anything is written.
        given: names of evaluations in the workspace, their folders, or files of predictions; two or more.
        poses: a pose set, a folder or a merged file, from which cases are drawn, instead of the set of the runs' data set.
        videos: a folder of the clips' videos, or a data set with videos, by which the motion of the cases is measured.
        manifest: the columns of the clips, instead of those beside the data set's artifacts.
        output: folder to write to.

    Raises:
        UsageError: fewer than two evaluations, names (of evaluations, the reference, clips, poses, videos, columns) that do not exist, or
            fewer than two clips.
        ArtifactError: predictions are missing, damaged or do not belong together; see :func:`stages.compare.runs.matched`.
    """
    found = runs.matched(runs.opened(given, options.workspace, config.against))
    found = selected(found, config.where, options.workspace, manifest)
    shown = cases.chosen(found, config)
    comparison = Comparison(
        matched=found,
        found=paired.compute(found.runs, config),
        aspects=protocol.aspects(found),
        cases=shown,
        strips=strips(shown, found.runs, options.workspace, poses, config.poses),
        motions=motions(shown, found.runs, videos, manifest, options),
        config=config,
    )
    if options.dry_run:
        return comparison
    comparison = replace(comparison, folder=output or options.workspace.comparisons / default_name(found.runs))
    write.everything(comparison)
    return comparison


def default_name(compared: Sequence[Run]) -> str:
    """Return ``<reference>-vs-<run>-vs-…``, cut where that is too long for a folder."""
    name = "-vs-".join(run.name for run in compared).replace("/", "_")
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}-{of_value(name)[:8]}"
