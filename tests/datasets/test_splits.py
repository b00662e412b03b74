"""Protocols: subjects stay together, everything is tested once, and the same seed gives the same folds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.datasets import manifest, splits
from stages.datasets.manifest import Manifest
from stages.errors import UsageError


def people(count: int, clips: int = 2, **constant: str) -> Manifest:
    """Subjects s0 …, each with several clips; the subject's number is its score."""
    rows = [
        (f"s{subject}/c{clip}", {"subject": f"s{subject}", "score": float(subject), **constant})
        for subject in range(count)
        for clip in range(clips)
    ]
    return manifest.from_rows(rows, "people")


@st.composite
def manifests(draw) -> Manifest:
    subjects = draw(st.integers(5, 15))
    sizes = draw(st.lists(st.integers(1, 4), min_size=subjects, max_size=subjects))
    scores = draw(st.lists(st.one_of(st.none(), st.floats(0, 50)), min_size=sum(sizes), max_size=sum(sizes)))
    names = [(f"s{s}/c{c}", f"s{s}") for s, size in enumerate(sizes) for c in range(size)]
    return manifest.from_rows([(clip, {"subject": who, "score": v}) for (clip, who), v in zip(names, scores, strict=True)], "m")


@settings(max_examples=40, deadline=None)
@given(manifests(), st.integers(2, 5), st.integers(0, 9))
def test_k_fold__disjoint_by_subject_complete_and_reproducible(rows, count, seed) -> None:
    found = splits.folds(rows, f"{count}-fold", seed)
    assert found == splits.folds(rows, f"anything/{count}-fold", seed)
    assert sorted(clip for fold in found for clip in fold.test) == sorted(rows.clips)
    sizes = []
    for fold in found:
        tested, trained = ({clip.split("/")[0] for clip in part} for part in (fold.test, fold.train))
        assert not tested & trained
        assert sorted(fold.train + fold.test) == sorted(rows.clips)
        sizes.append(len(tested))
    assert max(sizes) - min(sizes) <= 1


def test_k_fold__other_seed_other_folds() -> None:
    rows = people(20)
    assert splits.folds(rows, "5-fold", 0) != splits.folds(rows, "5-fold", 1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_k_fold__every_fold_spans_the_scores(seed) -> None:
    scores = people(20).by_clip()
    means = [np.mean([scores[clip].number("score") for clip in fold.test]) for fold in splits.folds(people(20), "5-fold", seed)]
    # one subject of each quarter of the order per fold: the mean can be off by at most the width of a quarter's half
    assert max(means) - min(means) <= 4


def test_k_fold__labels_are_spread_where_clips_stand_alone() -> None:
    rows = manifest.from_rows([(f"c{n:02}", {"label": "good" if n < 10 else "bad"}) for n in range(20)], "m")
    labels = rows.by_clip()
    for fold in splits.folds(rows, "5-fold", 3):
        assert sorted(labels[clip].text("label") for clip in fold.test) == ["bad", "bad", "good", "good"]


@settings(max_examples=40, deadline=None)
@given(manifests(), st.integers(0, 9))
def test_share__subjects_stay_together(rows, seed) -> None:
    (fold,) = splits.folds(rows, "70-30", seed)
    subjects = {row.text("subject") for row in rows.rows}
    tested = {clip.split("/")[0] for clip in fold.test}
    assert len(tested) == round(len(subjects) * 0.3)
    assert not tested & {clip.split("/")[0] for clip in fold.train}
    assert sorted(fold.train + fold.test) == sorted(rows.clips)


@settings(max_examples=40, deadline=None)
@given(manifests(), st.floats(0.05, 0.6), st.integers(0, 9))
def test_carve__subjects_stay_together_in_order_and_reproducibly(rows, fraction, seed) -> None:
    train, validation = splits.carve(rows.clips, rows, fraction, seed)
    assert (train, validation) == splits.carve(rows.clips, rows, fraction, seed)
    assert train
    assert validation
    assert not {clip.split("/")[0] for clip in train} & {clip.split("/")[0] for clip in validation}
    assert sorted(train + validation) == sorted(rows.clips)
    assert list(train) == [clip for clip in rows.clips if clip in train]


def test_carve__one_subject() -> None:
    with pytest.raises(UsageError, match="One subject is too few to carve a validation part from"):
        splits.carve(["s0/c0", "s0/c1"], people(1), 0.2, 0)


def test_official__column_decides_and_empty_cells_are_left_out() -> None:
    rows = manifest.from_rows([(f"c{n}", {"split": s}) for n, s in enumerate(["train", "test", "val", None, "test"])], "m")
    (fold,) = splits.folds(rows, "official")
    assert fold == splits.Fold("official", ("c0", "c2"), ("c1", "c4"))


def test_leave_one_out__a_fold_per_subject() -> None:
    found = splits.folds(people(3), "leave-one-out")
    assert {fold.name: fold.test for fold in found} == {f"without-s{n}": (f"s{n}/c0", f"s{n}/c1") for n in range(3)}


def test_cross_view__values_with_slashes_too() -> None:
    rows = manifest.from_rows([(f"c{n}", {"view": f"a/v{n % 3}"}) for n in range(6)], "m")
    (fold,) = splits.folds(rows, "cross-view:train=a/v0,a/v1:test=a/v2")
    assert fold.train == ("c0", "c1", "c3", "c4")
    assert fold.test == ("c2", "c5")


def test_by_column__a_fold_per_value_and_empty_cells_are_in_none() -> None:
    rows = manifest.from_rows([(f"c{n}", {"fold": f}) for n, f in enumerate(["1", "0", None, "1"])], "m")
    assert splits.folds(rows, "by-fold") == [
        splits.Fold("fold-0", ("c0", "c3"), ("c1",)),
        splits.Fold("fold-1", ("c1",), ("c0", "c3")),
    ]


def test_group_of__subject_then_group_then_clip() -> None:
    rows = manifest.from_rows([("a", {"subject": "s", "group": "g"}), ("b", {"subject": None, "group": "g"}), ("c", {})], "m")
    assert [splits.group_of(row) for row in rows.rows] == ["s", "g", "c"]


@pytest.mark.parametrize(
    ("rows", "protocol", "expected"),
    [
        (people(3), "5-fold", "5 folds by subject need 5 subjects or more; people has 3."),
        (people(3), "1-fold", "'1-fold' is no protocol: there must be at least 2 folds."),
        (people(1), "70-30", "people has 1 subject(s); a split by subject needs 2 or more."),
        (people(1), "leave-one-out", "people has 1 subject(s)"),
        (people(3), "70-40", "The shares of '70-40' must add up to 100."),
        (people(3), "100-0", "The shares of '100-0' must add up to 100."),
        (people(3), "kimore/five-fold", "Unknown protocol 'kimore/five-fold'.\n  hint: known: K-fold"),
        (people(3), "official", "people has no column 'split'."),
        (people(3, split="tset"), "official", "Column 'split' of people has the unknown value(s) tset."),
        (people(3, split="train"), "official", "Fold 'official' of people has no test clips."),
        (people(3, view="v1"), "cross-veiw:train=v1:test=v2", "people has no column 'veiw'. Did you mean 'view'?"),
        (people(3, view="v1"), "cross-view:train=v1:test=v2", "Column 'view' of people has no value v2.\n  hint: values of view: v1"),
        (people(3, view="v1"), "cross-view:train=v1:test=v1", "Fold 'view-v1' of people tests on clips that it trains on."),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_folds__errors(rows, protocol, expected) -> None:
    with pytest.raises(UsageError) as caught:
        splits.folds(rows, protocol)
    assert str(caught.value).startswith(expected)
