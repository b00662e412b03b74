"""``aqa validate``: every bad file is listed; exit code 3 if there is one."""

from __future__ import annotations

import json
from pathlib import Path

from tests.artifacts.making import flip, pose_folder


def test_validate__all_well(aqa, tmp_path: Path) -> None:
    pose_folder(tmp_path, 3)
    code, out, _ = aqa("validate", tmp_path)
    assert code == 0
    assert out == "4 file(s) with 3 artifact(s) checked, 0 bad\n"


def test_validate__lists_every_bad_file(aqa, tmp_path: Path) -> None:
    pose_folder(tmp_path, 4)
    flip(tmp_path / "group/clip-0.h5", 700)
    (tmp_path / "group/clip-2.h5").write_bytes(b"half")
    code, out, err = aqa("validate", tmp_path / "group", tmp_path / "manifest.csv")
    assert code == 3
    assert [line.split("/")[-1] for line in out.splitlines() if line.startswith("BAD")] == ["clip-0.h5", "clip-2.h5"]
    assert out.splitlines()[-1] == "5 file(s) with 3 artifact(s) checked, 2 bad"
    assert "2 of 5 file(s) are damaged or not valid." in err
    assert "delete them and run the commands that made them again" in err


def test_validate__json(aqa, tmp_path: Path) -> None:
    pose_folder(tmp_path, 1)
    (tmp_path / "bad.h5").write_bytes(b"half")
    code, out, _ = aqa("validate", tmp_path, "--json")
    found = json.loads(out)
    assert code == 3
    assert (found["checked"], found["bad"]) == (3, 1)
    assert [Path(entry["path"]).name for entry in found["files"] if entry["problems"]] == ["bad.h5"]


def test_validate__a_path_that_is_not_there(aqa, tmp_path: Path) -> None:
    code, out, _ = aqa("validate", tmp_path / "none.h5")
    assert code == 3
    assert "none.h5 does not exist." in out
