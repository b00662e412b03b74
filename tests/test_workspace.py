"""Where things lie by default, and what happens when a choice is not clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.artifacts.collection import merge
from stages.errors import UsageError
from stages.workspace import Workspace, data_root, only_one
from tests.artifacts.making import pose_folder


def test_default__the_environment_then_the_folder_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AQA_WORKSPACE", "/somewhere")
    assert Workspace.default().root == Path("/somewhere")
    monkeypatch.setenv("AQA_WORKSPACE", "")
    assert Workspace.default().root == Path("aqa-workspace")
    monkeypatch.delenv("AQA_WORKSPACE")
    assert Workspace.default().root == Path("aqa-workspace")


def test_image_sets__folders_and_merged_files_under_one_name(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.image_sets() == []
    (workspace.images / "a").mkdir(parents=True)
    for name in ("a.h5", "b.h5", "preview.png", ".c.h5"):
        (workspace.images / name).touch()
    assert workspace.image_sets() == ["a", "b"]
    assert workspace.image_set("a") == workspace.images / "a"
    assert workspace.image_set("b") == workspace.images / "b.h5"


def test_pose_sets__folders_and_merged_files_under_one_name(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.pose_sets() == []
    pose_folder(workspace.poses / "a", 1)
    merge(workspace.poses / "a", workspace.poses / "a.h5", "poses")
    merge(workspace.poses / "a", workspace.poses / "b.h5", "poses")
    (workspace.poses / ".hidden").mkdir()
    (workspace.poses / "notes.txt").write_text("")
    (workspace.poses / ".c.h5.x.partial").write_text("")
    assert workspace.pose_sets() == ["a", "b"]
    assert workspace.pose_set("a") == workspace.poses / "a"
    assert workspace.pose_set("b") == workspace.poses / "b.h5"
    assert workspace.pose_set("c") == workspace.poses / "c"


def test_experiments__those_with_an_index(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.experiments() == []
    for name in ("b", "a", "unfinished"):
        (workspace.models / name).mkdir(parents=True)
        if name != "unfinished":
            (workspace.models / name / "index.json").write_text("{}")
    assert workspace.experiments() == ["a", "b"]


def test_folders__one_per_kind(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    folders = [workspace.poses, workspace.encoders, workspace.models, workspace.evaluations]
    assert [folder.relative_to(tmp_path).as_posix() for folder in folders] == ["poses", "encoders", "models", "evaluations"]


def test_only_one() -> None:
    assert only_one("pose set", ["a"], "--dataset", "make") == "a"
    with pytest.raises(UsageError, match=r"There is no pose set in the workspace\.") as caught:
        only_one("pose set", [], "--dataset", "aqa import-poses")
    assert caught.value.hint == "aqa import-poses"
    with pytest.raises(UsageError, match=r"Several pose sets are possible: a, b\.") as caught:
        only_one("pose set", ["a", "b"], "--dataset NAME", "make")
    assert caught.value.hint == "choose one with --dataset NAME"


def test_data_root__flag_then_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AQA_DATA", "/data")
    assert data_root(Path("/flag")) == Path("/flag")
    assert data_root(None) == Path("/data")
    monkeypatch.setenv("AQA_DATA", "")
    assert data_root(None) is None
    monkeypatch.delenv("AQA_DATA")
    assert data_root(None) is None
