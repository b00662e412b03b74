"""``aqa status``: one row per set and experiment."""

from __future__ import annotations

import json
import os
from pathlib import Path

from stages.engine import plan
from stages.engine.plan import Failure
from tests.artifacts.making import pose_folder


def test_status__an_empty_workspace(aqa, workspace: Path) -> None:
    code, out, _ = aqa("status")
    assert code == 0
    assert f"{workspace} holds no artifacts yet" in out


def test_status__table_failures_and_left_overs(aqa, workspace: Path) -> None:
    folder = workspace / "poses/toy"
    clips = pose_folder(folder, 2)
    plan.write_worklist(folder, [*clips, "x", "y"])
    plan.record_failures(folder / "failures.jsonl", [Failure("x", "ArtifactError", "no skeleton in x")])
    partial = folder / ".y.h5.abc.partial"
    partial.write_bytes(b"")
    os.utime(partial, (0, 0))
    code, out, err = aqa("status")
    assert code == 0
    assert [line.split("\t") for line in out.splitlines()] == [
        ["what", "items", "done", "failed", "missing", "damaged", "unfinished", "partial files"],
        ["poses/toy", "4", "2", "1", "1", "0", "0", "1"],
    ]
    assert "poses/toy: x failed: no skeleton in x" in err
    assert f"find {workspace} -name '.*.partial' -mmin +60 -delete" in err


def test_status__json_and_workspace_flag(aqa, tmp_path: Path) -> None:
    pose_folder(tmp_path / "w/poses/toy", 2)
    code, out, _ = aqa("status", "--workspace", tmp_path / "w", "--json")
    assert code == 0
    row = json.loads(out)["rows"][0]
    assert (row["name"], row["items"], row["done"]) == ("poses/toy", None, 2)
