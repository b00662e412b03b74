"""What a workspace holds: done, failed, missing, damaged, unfinished, left over."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from stages.artifacts import store
from stages.artifacts.collection import merge
from stages.engine import plan
from stages.engine.plan import Failure
from stages.engine.status import STALE_SECONDS, Row, survey
from stages.errors import ArtifactError
from stages.workspace import Workspace
from tests.artifacts.making import model, pose_folder, poses


def rows(root: Path) -> dict[str, Row]:
    return {row.name: row for row in survey(Workspace(root))}


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_survey__an_empty_workspace(tmp_path: Path) -> None:
    assert survey(Workspace(tmp_path / "none")) == []


def test_survey__counts_each_state_once(tmp_path: Path) -> None:
    folder = tmp_path / "poses/toy"
    clips = pose_folder(folder, 3)
    plan.write_worklist(folder, [*clips, "broken", "failed", "missing"])
    (folder / "broken.h5").write_bytes(b"half")
    plan.record_failures(folder / "failures.0-of-2.jsonl", [Failure("failed", "ArtifactError", "bad video")])
    for name, seconds in ((".a.h5.x.partial", STALE_SECONDS + 60), (".b.h5.x.partial", 0)):
        (folder / name).write_bytes(b"")
        age(folder / name, seconds)
    row = rows(tmp_path)["poses/toy"]
    assert row.items == 6
    assert dict(zip(("done", "failed", "missing", "damaged", "unfinished", "partial"), row.counts(), strict=True)) == {
        "done": 3, "failed": 1, "missing": 1, "damaged": 1, "unfinished": 0, "partial": 1,
    }  # fmt: skip
    assert [failure.message for failure in row.failures] == ["bad video"]
    assert row.to_json()["failures"][0]["id"] == "failed"


def test_survey__a_failure_that_a_later_run_made_good_no_longer_counts(tmp_path: Path) -> None:
    folder = tmp_path / "poses/toy"
    clips = pose_folder(folder, 2)
    plan.write_worklist(folder, clips)
    log = folder / "failures.3-of-4.jsonl"
    plan.record_failures(log, [Failure(clips[0], "ArtifactError", "bad video")])
    assert rows(tmp_path)["poses/toy"].counts()[:3] == (1, 1, 0)
    age(log, 100)
    assert rows(tmp_path)["poses/toy"].counts()[:3] == (2, 0, 0)


def test_survey__experiments_with_runs_that_can_be_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "models/exp"
    store.write(folder / "fold-0/0.h5", model())
    store.write(folder / "fold-1/0.checkpoint", model())
    plan.write_worklist(folder, ["fold-0/0", "fold-1/0"])
    assert rows(tmp_path)["models/exp"] == Row("models/exp", 2, 1, missing=1, unfinished=1)


def test_survey__every_section_and_files_of_their_own(tmp_path: Path) -> None:
    pose_folder(tmp_path / "poses/toy", 3)
    merge(tmp_path / "poses/toy", tmp_path / "poses/toy.h5", "poses")
    store.write(tmp_path / "features/toy/i3d/a.h5", poses())
    store.write(tmp_path / "encoders/sme-gcn.h5", model())
    (tmp_path / "encoders/bad.h5").write_bytes(b"half")
    store.write(tmp_path / "encoders/folds/fold-0.h5", model())
    (tmp_path / "models/.hidden").mkdir(parents=True)
    found = rows(tmp_path)
    assert list(found) == ["poses/toy", "poses/toy.h5", "features/toy/i3d", "encoders/bad.h5", "encoders/folds", "encoders/sme-gcn.h5"]
    assert (found["poses/toy"].items, found["poses/toy"].done) == (None, 3)
    assert (found["poses/toy.h5"].items, found["poses/toy.h5"].done) == (3, 3)
    assert found["encoders/bad.h5"] == Row("encoders/bad.h5", None, 0, damaged=1)
    assert found["encoders/sme-gcn.h5"] == Row("encoders/sme-gcn.h5", 1, 1)


def test_survey__a_damaged_worklist(tmp_path: Path) -> None:
    pose_folder(tmp_path / "poses/toy", 1)
    (tmp_path / "poses/toy/worklist.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"worklist\.json is not a list of ids"):
        survey(Workspace(tmp_path))
