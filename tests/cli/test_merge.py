"""``aqa merge``: a folder becomes one file that every command takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.artifacts import store
from stages.artifacts.collection import Collection
from tests.artifacts.making import flip, model, pose_folder, poses


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pose_folder(tmp_path / "toy", 3)
    return tmp_path / "toy"


def test_merge__beside_the_folder_by_default(aqa, folder: Path) -> None:
    code, out, _ = aqa("merge", folder)
    assert (code, out) == (0, f"3 artifacts in {folder}.h5\n")
    assert Collection(folder.with_name("toy.h5"), "poses").ids == Collection(folder, "poses").ids


def test_merge__from_inside_the_folder(aqa, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert aqa("merge", ".")[0] == 0
    assert folder.with_name("toy.h5").is_file()


def test_merge__twice_is_nothing_to_do(aqa, folder: Path) -> None:
    aqa("merge", folder)
    code, out, _ = aqa("merge", folder)
    assert (code, out) == (0, f"{folder}.h5 holds these very artifacts already; nothing to do\n")


def test_merge__refuses_to_overwrite(aqa, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "all.h5"
    aqa("merge", folder, "-o", target)
    store.write(folder / "new.h5", poses())
    code, _, err = aqa("merge", folder, "-o", target)
    assert code == 3
    assert f"{target} exists and holds something else." in err
    assert len(Collection(target, "poses")) == 3
    assert aqa("merge", folder, "-o", target, "--overwrite")[0] == 0
    assert len(Collection(target, "poses")) == 4


def test_merge__another_kind(aqa, folder: Path, tmp_path: Path) -> None:
    code, _, err = aqa("merge", folder, "--kind", "features")
    assert code == 3
    assert "is of kind 'poses', expected 'features'" in err
    store.write(tmp_path / "models/a.h5", model())
    assert aqa("merge", tmp_path / "models")[0] == 0
    assert Collection(tmp_path / "models.h5", "model").ids == ["a"]


def test_merge__a_damaged_member(aqa, folder: Path) -> None:
    flip(folder / "group/clip-1.h5", 700)
    code, _, err = aqa("merge", folder)
    assert code == 3
    assert "clip-1.h5" in err
    assert not folder.with_name("toy.h5").exists()


def test_merge__into_the_folder_itself(aqa, folder: Path) -> None:
    code, _, err = aqa("merge", folder, "-o", folder / "all.h5")
    assert code == 2
    assert "lies inside" in err


def test_merge__no_folder(aqa, tmp_path: Path) -> None:
    code, _, err = aqa("merge", tmp_path / "none")
    assert code == 3
    assert "none does not exist." in err
