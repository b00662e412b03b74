"""Finding runs, and bringing them to the clips that all of them have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.compare.runs import Matched, matched, opened
from stages.errors import ArtifactError, UsageError
from stages.evaluate.table import Table
from stages.workspace import Workspace
from tests.compare.evaluations import chosen, noisier, run_of, save
from tests.evaluate.tables import labels, scores


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with the evaluations ``one``, ``two`` and ``three``."""
    for number, name in enumerate(("one", "two", "three")):
        save(tmp_path / "evaluations" / name, noisier(scores(), number))
    return Workspace(tmp_path)


def _matched(*tables: Table) -> Matched:
    return matched([run_of(name, table) for name, table in zip("abcdefgh", tables, strict=False)])


def test_opened__names_folders_and_files(workspace: Workspace, tmp_path: Path) -> None:
    folder = save(tmp_path / "elsewhere/four", scores())
    alone = tmp_path / "five.h5"
    alone.write_bytes((folder / "predictions.h5").read_bytes())
    runs = opened(["one", str(folder), str(workspace.evaluations / "two/predictions.h5"), str(alone)], workspace)
    assert [run.name for run in runs] == ["one", "four", "two", "five"]
    assert all(len(run.table) == 30 for run in runs)
    assert runs[1].facts["dataset"] == "arms"


def test_opened__the_reference_comes_first(workspace: Workspace) -> None:
    def names(*given: str, against: str | None = None) -> list[str]:
        return [run.name for run in opened(given, workspace, against)]

    assert names("one", "two", "three") == ["one", "two", "three"]
    assert names("one", "two", "three", against="three") == ["three", "one", "two"]
    path = str(workspace.evaluations / "two")
    assert names("one", path, against=path) == ["two", "one"]
    with pytest.raises(UsageError, match=r"Unknown reference 'tow'\. Did you mean 'two'\?(.|\n)*known: one, two"):
        names("one", "two", against="tow")


def test_opened__same_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    folders = [save(tmp_path / place / "evaluations/x", scores()) for place in ("here", "there")]
    other = save(tmp_path / "here/evaluations/y", scores())
    runs = opened([str(folder) for folder in (*folders, other)], Workspace(tmp_path))
    assert [run.name for run in runs] == ["here/evaluations/x", "there/evaluations/x", "y"]


def test_opened__fewer_than_two(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match=r"aqa compare takes two evaluations or more, found 1\.(.|\n)*in the workspace: one, three, two"):
        opened(["one"], workspace)


def test_opened__twice_the_same(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match=r"'.*one' is named twice\.(.|\n)*name every evaluation once"):
        opened(["one", "two", str(workspace.evaluations / "one")], workspace)


def test_opened__no_such_evaluation(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match=r"Unknown evaluation 'tree'\. Did you mean 'three'\?(.|\n)*known: one, three, two"):
        opened(["one", "tree"], workspace)


def test_opened__no_predictions_and_damaged_predictions(workspace: Workspace) -> None:
    (workspace.evaluations / "two/predictions.h5").unlink()
    with pytest.raises(ArtifactError, match=r"two holds no predictions\.h5\.(.|\n)*'aqa evaluate --model NAME' writes it"):
        opened(["one", "two"], workspace)
    path = workspace.evaluations / "three/predictions.h5"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match="truncated or damaged"):
        opened(["one", "three"], workspace)


def test_matched__clips_by_id_in_the_order_of_the_reference() -> None:
    table = scores({"dive": 8, "vault": 8}, seeds=2)
    mixed = chosen(noisier(table, 1), list(np.random.default_rng(0).permutation(16)))
    found = _matched(chosen(table, list(range(12))), chosen(mixed, list(range(14))))
    one, two = (run.table for run in found.runs)
    assert one.clips.tolist() == two.clips.tolist()
    assert [clip for clip in table.clips if clip in set(one.clips)] == one.clips.tolist()
    place = {clip: number for number, clip in enumerate(table.clips)}
    for number, clip in enumerate(two.clips):
        assert two.truth[number] == table.truth[place[clip]]
        np.testing.assert_array_equal(two.predicted[:, number], noisier(table, 1).predicted[:, place[clip]])
        assert two.means[number] == table.means[place[clip]]
    assert set(found.left_out["a"]) == set(table.clips[:12]) - set(two.clips)
    assert set(found.left_out["b"]) == {"clip-12", "clip-13", "clip-14", "clip-15"} & set(mixed.clips[:14])
    assert found.notes == ()


def test_matched__different_tasks() -> None:
    with pytest.raises(
        ArtifactError, match=r"'a' predicts scores, 'b' levels: runs of different tasks cannot be compared\.(.|\n)*same --task"
    ):
        _matched(scores(), labels(("1", "2"), task="level"))


@pytest.mark.parametrize("shared", [0, 1])
def test_matched__fewer_than_two_common_clips(shared: int) -> None:
    table = scores()
    message = rf"The runs have {shared} clip\(s\) in common, expected at least 2: of the 10 of 'a', {shared} are among the 12 of 'b'\."
    with pytest.raises(
        ArtifactError, match=message + r"(.|\n)*such as clip-0 and clip-\d+\.(.|\n)*evaluate all of them on the same data set"
    ):
        _matched(chosen(table, list(range(10))), chosen(table, list(range(10 - shared, 22 - shared))))


def test_matched__different_truth() -> None:
    table = scores()
    truth = table.truth.copy()
    truth[[3, 7]] += 1
    message = (
        rf"'a' and 'b' have different truth for 2 of 30 common clips: clip-3 \({table.truth[3]:.6g} and {truth[3]:.6g}\), clip-7 \(.*\)\."
        r"(.|\n)*target\.column"
    )
    with pytest.raises(ArtifactError, match=message):
        _matched(table, replace(table, truth=truth))
    assert len(_matched(table, replace(table, truth=table.truth * (1 + 1e-12))).runs) == 2


def test_matched__classes_by_name() -> None:
    table = labels(("amiss", "high", "low"))
    number = np.array([1.0, 2.0])
    fewer = chosen(table, [place for place in range(60) if table.truth[place] > 0])
    said = np.where(fewer.predicted > 0, fewer.predicted, 2)
    other = replace(fewer, classes=("high", "low"), truth=fewer.truth - 1, predicted=said - 1)
    found = _matched(table, other)
    assert {run.table.classes for run in found.runs} == {("amiss", "high", "low")}
    assert set(found.runs[1].table.truth) == set(number)
    np.testing.assert_array_equal(found.runs[1].table.predicted, said)
    swapped = replace(other, classes=("low", "high"))
    with pytest.raises(ArtifactError, match=r"different truth for 40 of 40 common clips: clip-1 \(high and low\)"):
        _matched(table, swapped)


def test_matched__other_classes_and_subjects_are_said() -> None:
    table = scores({"dive": 12, "vault": 12}, folds=3, subjects=6)
    other = replace(table, groups=np.full(24, "all"), clusters=table.clips)
    renamed = replace(table, folds=np.array([f"part-{name}" for name in table.folds]))
    found = _matched(table, renamed, other)
    assert found.notes == (
        "the classes are those of 'a'; 'c' had others",
        "the subjects that are drawn are those of 'a'; 'c' had others",
    )
    for run in found.runs:
        np.testing.assert_array_equal(run.table.clusters, table.clusters)
        np.testing.assert_array_equal(run.table.groups, table.groups)


def test_matched__folds_that_differ_are_dropped() -> None:
    table = scores(folds=3)
    other = replace(table, folds=np.array([f"fold-{number % 5}" for number in range(30)]))
    found = _matched(table, replace(table, folds=np.array([f"x{name}" for name in table.folds])), other)
    assert found.refolded == ("c",)
    assert found.notes == ("means over folds are left out: 'c' were tested in other folds than 'a'",)
    assert {name for run in found.runs for name in run.table.folds} == {"all"}
    assert _matched(table, table).runs[1].table.folds.tolist() == table.folds.tolist()


def test_matched__predictions_without_class_statistics() -> None:
    table = scores({"dive": 12, "vault": 12})
    found = _matched(table, replace(table, means=None, deviations=None))
    assert found.notes == ("class-normalised figures are left out: the predictions of 'b' do not hold their classes' means",)
    assert all(run.table.means is None and run.table.deviations is None for run in found.runs)
