"""Which clips are compared: those that meet the conditions of ``--where`` on the columns of their data set's manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stages.artifacts.collection import Collection
from stages.compare.runs import FEWEST, Matched, Run
from stages.datasets import manifest as manifests
from stages.datasets.manifest import Manifest
from stages.engine.opening import FEATURES
from stages.engine.records import POSES
from stages.errors import UsageError
from stages.workspace import Workspace, folded


def selected(found: Matched, conditions: Sequence[str], workspace: Workspace, given: Path | None) -> Matched:
    """Return the runs on those of their common clips that meet every condition.

    Args:
        found: the runs.
        conditions: ``COLUMN=VALUE[,VALUE…]``; with none, all clips are kept.
        workspace: whose manifest of the runs' data set is read.
        given: a manifest to read instead.

    Raises:
        UsageError: a condition is malformed or its column unknown, there is no manifest, or fewer than two clips are left.
        ArtifactError: the manifest is damaged.
    """
    if not conditions:
        return found
    rows = manifests.read(given) if given else manifest_of(found.runs, workspace)
    wanted = set(rows.where(conditions).clips)
    kept = [clip for clip in found.runs[0].table.clips.tolist() if clip in wanted]
    if len(kept) < FEWEST:
        raise UsageError(
            f"{len(kept)} of the {len(found.runs[0].table)} clips that all runs have meet {' and '.join(conditions)}, "
            f"expected at least {FEWEST}.",
            hint=f"clips are matched by their ids, such as {found.runs[0].table.clips[0]} and, in {rows.name}, {rows.rows[0].clip}",
        )
    return replace(
        found,
        runs=tuple(replace(run, table=run.table.of(kept)) for run in found.runs),
        left_out={name: tuple(clip for clip in clips if clip in wanted) for name, clips in found.left_out.items()},
    )


def manifest_of(runs: Sequence[Run], workspace: Workspace) -> Manifest:
    """Return the manifest beside the poses, or else beside the features, of the runs' data set.

    Raises:
        UsageError: the workspace has none.
        ArtifactError: it is damaged.
    """
    names = list(dict.fromkeys(str(run.facts["dataset"]) for run in runs if "dataset" in run.facts))
    known = {folded(name) for name in names}
    places = [(workspace.pose_set(name), POSES) for name in workspace.pose_sets() if folded(name) in known]
    sets = [name for name in workspace.feature_sets() if folded(name.partition("/")[0]) in known]
    places += [(workspace.feature_set(name), FEATURES) for name in sets]
    for path, kind in places:
        if text := Collection(path, kind).manifest_text():
            return manifests.parse(text, f"the manifest of {path.stem if kind == POSES else path.parent.name}")
    raise UsageError(
        f"--where selects by the columns of a manifest, and the workspace has none of {' or '.join(names) or 'these runs'}.",
        hint="--manifest FILE",
    )
