"""Reading what data sets come in: matrices, tables, numbers, and names of folders."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from stages.datasets import foreign
from stages.errors import ArtifactError
from tests.datasets.trees import matrix


def test_read_mat__by_name_or_the_only_one(tmp_path: Path) -> None:
    matrix(tmp_path / "a.mat", "x", [[1, 2], [3, 4]])
    assert foreign.read_mat(tmp_path / "a.mat", "x", columns=2).tolist() == [[1, 2], [3, 4]]
    assert foreign.read_mat(tmp_path / "a.mat", "other", columns=2).dtype == np.float64
    matrix(tmp_path / "row.mat", "x", [[1, 2, 3]])
    assert foreign.read_mat(tmp_path / "row.mat", "x").tolist() == [1, 2, 3]


def test_read_mat__errors(tmp_path: Path) -> None:
    import scipy.io

    matrix(tmp_path / "a.mat", "x", [[1, 2], [3, 4]])
    with pytest.raises(ArtifactError, match=r"a\.mat: 'x' must be a matrix of numbers with 3 columns, found double 2 × 2|int64 2 × 2"):
        foreign.read_mat(tmp_path / "a.mat", "x", columns=3)
    with pytest.raises(ArtifactError, match="with one row or column, found"):
        foreign.read_mat(tmp_path / "a.mat", "x")
    scipy.io.savemat(tmp_path / "two.mat", {"p": [1], "q": {"field": 1}})
    with pytest.raises(ArtifactError, match=r"two\.mat has no variable 'x'; it holds p, q"):
        foreign.read_mat(tmp_path / "two.mat", "x")
    with pytest.raises(ArtifactError, match="'q' must be a matrix of numbers with one row or column, found struct 1 × 1"):
        foreign.read_mat(tmp_path / "two.mat", "q")
    (tmp_path / "bad.mat").write_bytes((tmp_path / "a.mat").read_bytes()[:140])
    with pytest.raises(ArtifactError, match=r"bad\.mat is not a readable MATLAB file"):
        foreign.read_mat(tmp_path / "bad.mat", "x")
    with pytest.raises(ArtifactError, match=r"none\.mat cannot be read"):
        foreign.read_mat(tmp_path / "none.mat", "x")


def test_read_rows__any_separator_and_headers(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbfname a,b\n\n x\t1  2 \n\xff 3 4\n")
    rows = foreign.read_rows(tmp_path / "t.txt")
    assert rows[:2] == [(1, ["name", "a", "b"]), (3, ["x", "1", "2"])]
    assert [foreign.is_header(cells) for _, cells in rows] == [True, False, False]


@pytest.mark.parametrize(("value", "expected"), [(3, 3.0), ("2.5", 2.5), (True, 1.0)])
def test_number__finite(value: object, expected: float) -> None:
    assert foreign.number(value) == expected


@pytest.mark.parametrize("value", ["x", "inf", "nan", None, [1], float("inf")])
def test_number__anything_else_is_missing(value: object) -> None:
    assert math.isnan(foreign.number(value))


def test_homes__any_spelling(tmp_path: Path) -> None:
    for name in ("AQA_7", "aqa7-old", ".aqa-7"):
        (tmp_path / name).mkdir()
    assert list(foreign.homes(tmp_path, ["AQA-7"])) == [tmp_path, tmp_path / "AQA_7"]
    assert list(foreign.homes(tmp_path / "none", ["AQA-7"])) == [tmp_path / "none"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folders_in__not_readable(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    assert foreign.folders_in(tmp_path) == []
    tmp_path.chmod(0o700)


def test_number_rows__blank_lines_and_separators_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n,,,\n1,2,,\n \n3, 4\n")
    assert list(foreign.number_rows(tmp_path / "t.csv", ",")) == [(3, [1, 2]), (5, [3, 4])]
    assert foreign.number_table(tmp_path / "t.csv", 2, "x, y", ",").tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ArtifactError, match=r"t\.csv, line 3: expected 3 columns \(x, y, z\), found 2"):
        foreign.number_table(tmp_path / "t.csv", 3, "x, y, z", ",")
    with pytest.raises(ArtifactError, match=r"t\.csv, line 2: not a row of numbers"):
        list(foreign.number_rows(tmp_path / "t.csv"))
    with pytest.raises(ArtifactError, match=r"gone\.csv cannot be read"):
        list(foreign.number_rows(tmp_path / "gone.csv"))
