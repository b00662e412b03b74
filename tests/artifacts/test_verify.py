"""Checking files in a child process: what is found, and what hangs or crashes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from stages.artifacts import store
from stages.artifacts.collection import merge
from stages.artifacts.guarded import Guard
from stages.artifacts.verify import check_file, files_in, verify
from stages.errors import ArtifactError
from tests.artifacts.making import flip, model, pose_folder, restamp


def hang() -> None:
    """Never end; called in a child process."""
    time.sleep(600)


def crash() -> None:
    """End the process; called in a child process."""
    os.abort()


def stumble() -> None:
    """Raise what no reader expects; called in a child process."""
    raise ZeroDivisionError("nought")


def test_verify__a_good_folder(tmp_path: Path) -> None:
    pose_folder(tmp_path / "toy")
    merge(tmp_path / "toy", tmp_path / "toy.h5", "poses")
    store.write(tmp_path / "m.checkpoint", model())
    reports = verify([tmp_path])
    assert [(report.kind, report.members, report.problems) for report in reports] == [
        ("model", 1, ()),
        *[("poses", 1, ())] * 3,
        ("manifest", 0, ()),
        ("poses", 3, ()),
    ]


def test_verify__lists_every_bad_file_and_goes_on(tmp_path: Path) -> None:
    pose_folder(tmp_path)
    flip(tmp_path / "group/clip-0.h5", 700)
    (tmp_path / "group/clip-1.h5").write_bytes(b"")
    (tmp_path / "manifest.csv").write_text("name,score\n")
    reports = {Path(report.path).name: report.problems for report in verify([tmp_path, tmp_path / "none.h5"])}
    assert reports["clip-2.h5"] == ()
    assert "clip-0.h5" in reports["clip-0.h5"][0]
    assert "is not a readable HDF5 artifact" in reports["clip-1.h5"][0]
    assert "must have a column 'clip'" in reports["manifest.csv"][0]
    assert "does not exist" in reports["none.h5"][0]


def test_verify__an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no artifacts") as caught:
        verify([tmp_path])
    assert caught.value.hint == "artifacts are *.h5, *.checkpoint files"


def test_files_in__nothing_hidden(tmp_path: Path) -> None:
    for name in ("a.h5", ".b.h5", ".c/d.h5", "e.txt", ".a.h5.x.partial", "f.checkpoint"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [file.name for file in files_in(tmp_path)] == ["a.h5", "f.checkpoint"]


def _foreign(path: Path, **options: object) -> None:
    """Write a model as a careless foreign writer would."""
    store.write(path, model())
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        del file["weights/w"]
        file.create_dataset("weights/w", data=np.arange(3.0), **options)
    restamp(path)


def test_check_file__protection_and_description_that_a_foreign_writer_forgot(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    _foreign(path, fletcher32=True)
    assert check_file(str(path))["problems"] == []
    _foreign(path)
    assert check_file(str(path))["problems"] == [f"{path}: /weights/w: has no fletcher32 checksum"]
    pose_folder(tmp_path / "toy", 1)
    pose = tmp_path / "toy/group/clip-0.h5"
    with h5py.File(pose, "r+", libver=("v110", "v110")) as file:
        del file["positions"].attrs["dimensions"]
        file["positions"].attrs["units"] = np.bytes_(b"mm")
    restamp(pose)
    assert check_file(str(pose))["problems"] == [
        f"{pose}: /positions: the attribute dimensions must be 'person,frame,joint,axis', found None",
        f"{pose}: /positions: the attribute units must be 'px', found 'mm'",
    ]


def test_check_file__documents_must_be_bytes(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    store.write(path, model())
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        del file["data"]
        dataset = file.create_dataset("data", data=np.frombuffer(b"{}", np.int8), fletcher32=True)
        dataset.attrs["format"] = np.bytes_(b"json")
    restamp(path)
    assert check_file(str(path))["problems"] == [f"{path}: /data: a document must be 1-D uint8, found int8 (2,)"]


def test_check_file__merged_with_damaged_members(tmp_path: Path) -> None:
    pose_folder(tmp_path / "toy", 4)
    path = tmp_path / "toy.h5"
    merge(tmp_path / "toy", path, "poses")
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        file["members/000001/timestamps"][0] = -7
        del file["members/000003"]
        file.create_group("members/000009")
    found = check_file(str(path))
    assert (found["kind"], found["members"]) == ("poses", 4)
    assert found["problems"] == [
        f"{path}: /index names group/clip-3 at /members/000003, which is not there",
        f"{path}: /members/000009 is not in /index",
        f"{path}:group/clip-1 is damaged: its content does not match its digest.",
    ]


def test_check_file__merged_with_a_changed_manifest(tmp_path: Path) -> None:
    pose_folder(tmp_path / "toy", 2)
    merge(tmp_path / "toy", tmp_path / "toy.h5", "poses")
    with h5py.File(tmp_path / "toy.h5", "r+") as file:
        file["manifest"][0] = 65
    assert check_file(str(tmp_path / "toy.h5"))["problems"] == [f"{tmp_path}/toy.h5 is damaged: its content does not match its digest."]


def test_check_file__many_damaged_members_are_summed_up(tmp_path: Path) -> None:
    pose_folder(tmp_path / "toy", 24)
    merge(tmp_path / "toy", tmp_path / "toy.h5", "poses")
    with h5py.File(tmp_path / "toy.h5", "r+") as file:
        for member in file["members"].values():
            member["timestamps"][0] = -7
    problems = check_file(str(tmp_path / "toy.h5"))["problems"]
    assert len(problems) == 21
    assert problems[-1] == f"{tmp_path}/toy.h5: … and 4 more damaged clips"


def test_guard__a_call_that_hangs_is_ended_and_the_next_one_served() -> None:
    with Guard("tests.artifacts.test_verify:hang", 0.3) as guard:
        for _ in range(2):
            with pytest.raises(ArtifactError, match=r"x\.h5 is damaged: reading it did not end within 0 s"):
                guard.call(where="x.h5")


def test_guard__a_call_that_crashes() -> None:
    with Guard("tests.artifacts.test_verify:crash", 20) as guard:
        for _ in range(2):
            with pytest.raises(ArtifactError, match=r"x\.h5 is damaged: reading it crashed the HDF5 library \(exit status -6\)"):
                guard.call(where="x.h5")


def test_guard__an_error_that_nobody_expects_names_the_file() -> None:
    with (
        Guard("tests.artifacts.test_verify:stumble", 20) as guard,
        pytest.raises(ArtifactError, match=r"x\.h5: Unexpected content \(ZeroDivisionError: nought\)\."),
    ):
        guard.call(where="x.h5")


def test_guard__a_function_that_is_not_there_is_a_bug() -> None:
    with Guard("tests.artifacts.test_verify:nothing", 20) as guard, pytest.raises(RuntimeError, match="did not start"):
        guard.call(where="x.h5")


def test_guard__a_child_that_was_killed_between_two_calls(tmp_path: Path) -> None:
    store.write(tmp_path / "m.h5", model())
    with Guard("stages.artifacts.verify:check_file", 20) as guard:
        guard.call(str(tmp_path / "m.h5"), where="m.h5")
        assert guard._child is not None
        guard._child.kill()
        guard._child.wait()
        with pytest.raises(ArtifactError, match="crashed"):
            guard.call(str(tmp_path / "m.h5"), where="m.h5")
        assert guard.call(str(tmp_path / "m.h5"), where="m.h5")["kind"] == "model"
