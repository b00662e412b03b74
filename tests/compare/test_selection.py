"""``--where``: which clips are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.compare.runs import Matched, matched
from stages.compare.selection import selected
from stages.datasets import manifest as manifests
from stages.errors import UsageError
from stages.workspace import Workspace
from tests.compare.evaluations import chosen, noisier, run_of
from tests.evaluate.tables import scores
from tests.small import write_feature_set, write_pose_set


def _matched(**facts: str) -> Matched:
    table = scores()
    return matched([run_of("a", table, **facts), run_of("b", chosen(noisier(table, 1), list(range(2, 30))), **facts)])


def _rows(colour: str = "colour") -> str:
    rows = [(f"clip-{number}", {colour: ("red", "green", "blue")[number % 3], "size": str(number)}) for number in range(30)]
    return manifests.from_rows(rows, "arms").to_csv()


def test_selected__the_clips_that_meet_every_condition(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(_rows())
    found = _matched()
    assert selected(found, (), Workspace(tmp_path), None) is found
    kept = selected(found, ("colour=red,blue", "size=0,2,3,4,5"), Workspace(tmp_path), tmp_path / "rows.csv")
    for run, whole in zip(kept.runs, found.runs, strict=True):
        assert run.table.clips.tolist() == ["clip-2", "clip-3", "clip-5"]
        assert run.table.predicted.tolist() == whole.table.of(["clip-2", "clip-3", "clip-5"]).predicted.tolist()
    assert kept.left_out == {"a": ("clip-0",), "b": ()}


def test_selected__by_the_manifest_beside_poses_or_features(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_feature_set(workspace.features / "arms/i3d")
    (workspace.features / "arms/i3d/manifest.csv").write_text(_rows())
    assert len(selected(_matched(), ("colour=red",), workspace, None).runs[0].table) == 9
    write_pose_set(workspace.poses / "arms")
    (workspace.poses / "arms/manifest.csv").write_text(_rows("shade"))
    assert len(selected(_matched(dataset="ARMS"), ("shade=green",), workspace, None).runs[0].table) == 9


def test_selected__errors(tmp_path: Path) -> None:
    workspace, found = Workspace(tmp_path), _matched()
    with pytest.raises(UsageError, match=r"the workspace has none of arms\.\n  hint: --manifest FILE"):
        selected(found, ("colour=red",), workspace, None)
    (tmp_path / "rows.csv").write_text(_rows())
    with pytest.raises(UsageError, match=r"has no column 'color'\. Did you mean 'colour'\?"):
        selected(found, ("color=red",), workspace, tmp_path / "rows.csv")
    expected = r"1 of the 28 clips that all runs have meet size=1,7, expected at least 2\.\n  hint: .* such as clip-2 and, in .*, clip-0"
    with pytest.raises(UsageError, match=expected):
        selected(found, ("size=1,7",), workspace, tmp_path / "rows.csv")
