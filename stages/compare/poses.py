"""The poses of the clips that are shown, from the pose set of the runs' data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stages.compare.cases import Case
from stages.compare.runs import Run
from stages.errors import ArtifactError
from stages.evaluate.report.skeletons import Pose, strip
from stages.render.pairs import PoseFiles, open_poses
from stages.workspace import Workspace, folded


@dataclass(frozen=True)
class Strips:
    """Clip → its poses, drawn; and why others have none."""

    drawn: dict[str, list[Pose]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def strips(cases: Sequence[Case], runs: Sequence[Run], workspace: Workspace, given: str | None, count: int) -> Strips:
    """Draw the poses of the cases.

    Args:
        cases: the clips.
        runs: their data sets say where poses are looked for, the reference's first.
        workspace: the pose sets.
        given: a pose set, a folder or a merged file instead.
        count: how many poses of each.

    Raises:
        UsageError, ArtifactError: poses were given, and do not exist.
    """
    try:
        files = open_poses(given, (), workspace) if given is not None else _of_data_set(runs, workspace)
    except ArtifactError as error:
        if given is not None:
            raise
        return Strips(missing=(f"the poses of the runs' data set cannot be read: {error.message}",))
    if files is None:
        sets = dict.fromkeys(str(run.facts["dataset"]) for run in runs if "dataset" in run.facts)
        return Strips(missing=(f"the workspace has no poses of {' or '.join(sets) or 'these runs'}; --poses names others",))
    drawn, missing = {}, []
    known = set(files.ids)
    for case in cases:
        if case.clip not in known:
            missing.append(f"the pose set {files.name} has no clip {case.clip}")
            continue
        try:
            drawn[case.clip] = strip(files.read(case.clip), count)
        except ArtifactError:
            missing.append(f"the poses of {case.clip} are damaged; 'aqa validate' says more")
    return Strips(drawn, tuple(missing))


def _of_data_set(runs: Sequence[Run], workspace: Workspace) -> PoseFiles | None:
    there = workspace.pose_sets()
    for run in runs:
        wanted = folded(str(run.facts.get("dataset", "")))
        found = next((name for name in there if folded(name) == wanted), None)
        if found is not None:
            return open_poses(found, (), workspace)
    return None
