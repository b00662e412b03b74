"""The table of predictions, and reading anybody's from CSV."""

from __future__ import annotations

import numpy as np
import pytest

from stages.errors import ArtifactError, UsageError
from stages.evaluate.predictions import read_csv
from stages.evaluate.table import in_order, numbers_of
from tests.evaluate.reports import full


@pytest.fixture
def written(tmp_path):
    def write(text: str, encoding: str = "utf-8"):
        path = tmp_path / "p.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_take__everything_of_the_clips() -> None:
    table = full(12)
    found = table.of(["clip-7", "clip-2"])
    assert found.columns["view"].tolist() == ["v3", "v2"]
    assert found.truth.tolist() == table.truth[[7, 2]].tolist()
    assert len(found) == 2


def test_read_csv__columns_groups_subjects_and_ids(written) -> None:
    path = written("id,who,sport,t,p\nx,a,dive,1,2\ny,a,dive,3,2.5\nz,b,vault,9,8\n", "utf-8-sig")
    table = read_csv(path, "t", "p", group="sport", subject="who", clip="id")
    assert table.clips.tolist() == ["x", "y", "z"]
    assert table.truth.tolist() == [1, 3, 9]
    assert table.predicted.tolist() == [[2, 2.5, 8]]
    assert table.groups.tolist() == ["dive", "dive", "vault"]
    assert table.clusters.tolist() == ["a", "a", "b"]
    assert table.means is not None
    assert table.means.tolist() == [2, 2, 9]
    assert table.normalised_by == "these clips"


def test_read_csv__further_columns_that_tell_groups_apart_come_along(written) -> None:
    rows = "".join(f"{n},{n},{'ab'[n % 2]},{n % 2},same,c{n}\n" for n in range(30))
    table = read_csv(written("t,p,side,code,one,name\n" + rows), "t", "p", clip="name")
    assert {name: texts.tolist() for name, texts in table.columns.items()} == {"side": ["a", "b"] * 15}


def test_read_csv__without_ids_rows_are_called_by_their_line_and_drawn_singly(written) -> None:
    table = read_csv(written("t,p\n1,2\n\n3,4\n"), "t", "p")
    assert table.clips.tolist() == ["line 2", "line 4"]
    assert len(set(table.clusters)) == 2
    assert set(table.groups) == {"all"}


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "has no column 't'"), ("t,pred\n1,2\n", r"has no column 'prd'\. Did you mean 'pred'\?(.|\n)*columns: t, pred")],
    ids=["empty file", "missing column"],
)
def test_read_csv__missing_columns_are_usage_errors(written, text, message) -> None:
    with pytest.raises(UsageError, match=message):
        read_csv(written(text), "t", "prd")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,p,g,c\n", "has no rows"),
        ("t,p,g,c\n1,2\n1,2,3,4,5\n", r"2 problem\(s\)(.|\n)*line 2: expected 4 cells, found 2(.|\n)*line 3: expected 4 cells, found 5"),
        (
            "t,p,g,c\n1,inf,a,x\n,2,a,y\n",
            "line 2: p must be a finite number, found 'inf'(.|\n)*|line 3: t must be a finite number, found ''",
        ),
        ("t,p,g,c\n1,2,,x\n", "line 2: g is empty"),
        ("t,p,g,c\n1,2,a,x\n1,2,a,y\n1,2,a,x\n", r"1 problem\(s\)(.|\n)*line 4: c 'x' was already on line 2"),
    ],
    ids=["no rows", "ragged", "no numbers", "no class", "ids repeat"],
)
def test_read_csv__bad_cells_are_artifact_errors(written, text, message) -> None:
    with pytest.raises(ArtifactError, match=message):
        read_csv(written(text), "t", "p", group="g", clip="c")


def test_read_csv__many_problems_are_cut(written) -> None:
    with pytest.raises(ArtifactError, match=r"30 problem\(s\)(.|\n)* and 10 more"):
        read_csv(written("t,p\n" + "x,1\n" * 30), "t", "p")


def test_read_csv__no_file_and_no_text(tmp_path) -> None:
    with pytest.raises(ArtifactError, match="cannot be read: No such file"):
        read_csv(tmp_path / "none.csv", "t", "p")
    (tmp_path / "bytes.csv").write_bytes(b"t,p\n\xff\xfe\x00,1\n")
    with pytest.raises(ArtifactError, match="are not a CSV file"):
        read_csv(tmp_path / "bytes.csv", "t", "p")


def test_in_order__numbers_as_numbers_and_text_as_text() -> None:
    assert in_order({"10", "9", "1.5"}) == ("1.5", "9", "10")
    assert in_order({"10", "9", "low"}) == ("10", "9", "low")
    assert numbers_of(["1", "nan"]) is None
    values = numbers_of(["0", "2"])
    assert values is not None
    np.testing.assert_array_equal(values, [0, 2])
