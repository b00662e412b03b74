"""UWA3D in its published layout."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from stages.datasets import splits, uwa3d
from stages.datasets.check import check
from stages.datasets.uwa3d import Recording
from stages.engine.progress import Silent
from stages.errors import ArtifactError
from stages.skeletons.layouts import OPENNI_15
from tests.datasets import trees
from tests.small import clip as moving


def write(file: Path, array: object, variable: str = "A") -> None:
    """Write a MATLAB 7.3 file: HDF5 behind a block of text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w", userblock_size=512) as opened:
        opened[variable] = np.asarray(array)


def person(quality: float = 0.5, frames: int = 12) -> np.ndarray:
    return 1000 * moving(quality, frames, 0, OPENNI_15)[0].reshape(frames, 45)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    home = tmp_path / "UWA3DII/ActionsSkeleton"
    for action in (1, 30):
        for subject in (1, 2, 3):
            for view in (1, 2, 3, 4):
                write(home / f"a{action:02d}_s{subject:02d}_e01_v{view:02d}.mat", person(0.1 if action == 1 else 0.9))
    return tmp_path


def test_scan__names_hold_the_labels(root: Path) -> None:
    folder = uwa3d.locate(root)
    assert folder == root / "UWA3DII/ActionsSkeleton"
    found = uwa3d.scan(folder)
    assert found.problems == []
    assert found.manifest.by_clip()["a30_s02_e01_v04"].values == {"action": "a30", "subject": "s02", "view": "v04", "episode": "e01"}
    (fold,) = splits.folds(found.manifest, "cross-view:train=v01,v02:test=v03")
    assert len(fold.train) == 12


def test_scan__views_in_folders_doubled_clips_and_other_names(root: Path) -> None:
    folder = root / "UWA3DII/ActionsSkeleton"
    write(folder / "view_1/a02_s01_e01_v01.mat", person())
    write(folder / "view_2/a02_s01_e01_v01.mat", person())
    write(folder / "a31_s01_e01_v01.mat", person())
    write(folder / "a01_s01_e01_v05.mat", person())
    found = uwa3d.scan(folder)
    assert "a02_s01_e01_v01" in found.sources
    assert found.problems == [
        "a01_s01_e01_v05.mat: not a name of the form aAA_sSS_eEE_vVV with a published action and view",
        "a31_s01_e01_v01.mat: not a name of the form aAA_sSS_eEE_vVV with a published action and view",
        "a02_s01_e01_v01: in view_1 and in view_2, the first is used",
    ]


def test_scan__nothing_usable(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no clips"):
        uwa3d.scan(tmp_path)
    assert uwa3d.locate(tmp_path) is None


@pytest.mark.parametrize("turned", [False, True], ids=["frames-first", "frames-last"])
def test_load__both_kinds_of_matlab_files(tmp_path: Path, turned: bool) -> None:
    table = person(frames=9)
    table[4, :3] = 0
    write(tmp_path / "new.mat", table.T if turned else table)
    poses = uwa3d.load_poses(Recording(tmp_path / "new.mat"))
    assert poses.positions.shape == (1, 9, 15, 3)
    assert np.isnan(poses.positions[0, 4, 0]).all()
    np.testing.assert_allclose(poses.positions[0, 3], table[3].reshape(15, 3), rtol=1e-6)
    trees.matrix(tmp_path / "old.mat", "A", table)
    np.testing.assert_array_equal(uwa3d.load_poses(Recording(tmp_path / "old.mat")).positions, poses.positions)


@pytest.mark.parametrize(
    ("array", "variable", "expected"),
    [
        (np.zeros((5, 44)), "A", r"x.mat: expected A with 45 numbers per frame \(15 joints × 3\), found \(5, 44\)"),
        (np.zeros((5, 45)), "A", r"x.mat: no joint was seen in any frame \(all numbers are zero\)"),
        (np.zeros((5, 45)), "B", "x.mat: expected a matrix of numbers 'A', found B"),
        (np.zeros(45), "A", "x.mat: expected a matrix of numbers 'A', found A"),
    ],
    ids=["columns", "zeros", "variable", "one-axis"],
)
def test_load__unreadable(tmp_path: Path, array: np.ndarray, variable: str, expected: str) -> None:
    write(tmp_path / "x.mat", array, variable)
    with pytest.raises(ArtifactError, match=expected):
        uwa3d.load_poses(Recording(tmp_path / "x.mat"))


def test_load__damaged(root: Path) -> None:
    file = root / "UWA3DII/ActionsSkeleton/a01_s01_e01_v01.mat"
    file.write_bytes(file.read_bytes()[:1500])
    (file.parent / "a01_s02_e01_v01.mat").write_bytes(b"")
    report = check(uwa3d.ADAPTER, file.parent, Silent())
    assert [line.split(":")[0] for line in report.unreadable] == ["a01_s01_e01_v01", "a01_s02_e01_v01"]
    assert all("is not a readable MATLAB file" in line for line in report.unreadable)
    assert report.usable
