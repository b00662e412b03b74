"""Protocols as named objects: the data sets' own names, label fractions, and what becomes of unknown ones."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.datasets import manifest, protocols, splits
from stages.datasets.manifest import Manifest
from stages.datasets.registry import DATASETS
from stages.errors import UsageError
from tests.conftest import run_python


def trials(name: str = "jigsaws") -> Manifest:
    """Four surgeons with five supertrials of two tasks, in four folds."""
    rows = [
        (
            f"{task}_{who}{trial}",
            {
                "action": task,
                "subject": who,
                "supertrial": str(trial),
                "fold": str((trial + number) % 4),
                "score": float(7 * number + trial),
            },
        )
        for task in ("Suturing", "Knot_Tying")
        for number, who in enumerate("BCDE")
        for trial in range(1, 6)
    ]
    return manifest.from_rows(rows, name)


def folds(rows: Manifest, protocol: str) -> list[splits.Fold]:
    return protocols.folds(rows, protocol, 0, rows.clips)


@pytest.mark.parametrize("protocol", ["jigsaws/4-fold", "4-fold", "JIGSAWS/4-fold"])
def test_folds__a_data_sets_own_name_goes_before_the_general_one(protocol: str) -> None:
    rows = trials("the manifest of jigsaws")
    found = folds(rows, protocol)
    assert [fold.name for fold in found] == ["fold-0", "fold-1", "fold-2", "fold-3"]
    by_clip = rows.by_clip()
    assert all(by_clip[clip].text("fold") == fold.name[-1] for fold in found for clip in fold.test)
    assert sorted(clip for fold in found for clip in fold.test) == sorted(rows.clips)


def test_folds__of_a_manifest_of_another_name_are_the_general_ones() -> None:
    by_subject = folds(trials("mine"), "4-fold")
    assert all({clip[-2] for clip in fold.test}.isdisjoint(clip[-2] for clip in fold.train) for fold in by_subject)
    assert folds(trials("mine"), "jigsaws/4-fold") == folds(trials(), "4-fold")


def test_folds__loso_and_louo() -> None:
    assert [fold.name for fold in folds(trials(), "jigsaws/loso")] == [f"supertrial-{number}" for number in range(1, 6)]
    assert sorted(fold.name for fold in folds(trials(), "jigsaws/louo")) == [f"without-{who}" for who in "BCDE"]


def test_folds__a_variant_has_the_protocols_of_its_data_set() -> None:
    assert len(folds(trials("jigsaws-stereo"), "loso")) == 5


@pytest.mark.parametrize(
    ("protocol", "trained", "tested"),
    [("ntu60/cross-subject", {"P001", "P038"}, {"P003", "P040"}), ("ntu60/cross-view", {"C002", "C003"}, {"C001"})],
)
def test_folds__ntus_protocols_on_a_part_of_the_set(protocol: str, trained: set[str], tested: set[str]) -> None:
    rows = manifest.from_rows(
        [(f"{who}{view}", {"subject": who, "view": view}) for who in ("P001", "P003", "P038", "P040") for view in ("C001", "C002", "C003")],
        "ntu60",
    )
    (fold,) = folds(rows, protocol)
    column = protocol.rpartition("-")[2]
    by_clip = rows.by_clip()
    assert {by_clip[clip].text(column) for clip in fold.train} == trained
    assert {by_clip[clip].text(column) for clip in fold.test} == tested
    assert fold.name == f"cross-{column}"


def test_folds__ntus_cross_subject_lists_are_the_published_halves() -> None:
    rule = protocols.resolve("ntu60/cross-subject", trials()).rule
    train, test = (set(part.partition("=")[2].split(",")) for part in rule.split(":")[1:])
    assert len(train) == len(test) == 20
    assert not train & test


@pytest.mark.parametrize(("name", "entry"), DATASETS.items(), ids=DATASETS)
def test_registry__every_protocol_that_is_listed_is_known(name: str, entry) -> None:
    rows = manifest.from_rows([("a", {})], name)
    for protocol in (*entry.protocols, *entry.aliases):
        assert splits.knows(protocols.resolve(f"{name}/{protocol}", rows).rule)
    assert set(entry.aliases) <= set(entry.protocols)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (trials("mine"), "5-fold"),
        (trials(), "4-fold"),
        (trials("kimore"), "5-fold"),
        (manifest.from_rows([("a", {"split": "train"})], "jigsaws"), "official"),
    ],
    ids=["unknown", "own", "kimore", "column"],
)
def test_default_protocol(rows: Manifest, expected: str) -> None:
    assert protocols.default_protocol(rows) == expected


@st.composite
def scored(draw) -> Manifest:
    sizes = draw(st.lists(st.integers(4, 30), min_size=1, max_size=3))
    names = [(f"{sport}{number}", sport) for sport, size in zip("xyz", sizes, strict=False) for number in range(size)]
    scores = draw(st.lists(st.floats(0, 100), min_size=len(names), max_size=len(names)))
    parts = [("train", "train", "train", "test")[number % 4] for number in range(len(names))]
    rows = [(clip, {"action": sport, "score": v, "split": part}) for (clip, sport), v, part in zip(names, scores, parts, strict=True)]
    return manifest.from_rows(rows, "mtl-aqa")


@settings(max_examples=40, deadline=None)
@given(scored(), st.sampled_from([10, 33, 40, 50]), st.integers(0, 3))
def test_label_fraction__drawn_per_class_reproducibly_from_training_alone(rows: Manifest, percent: int, seed: int) -> None:
    (whole,) = folds(rows, "official")
    (fold,) = folds(rows, f"mtl-aqa/{percent}-percent-labels/seed-{seed}")
    assert [fold] == folds(rows, f"official/{percent}-percent-labels/seed-{seed}")
    assert fold.test == whole.test
    assert sorted(fold.train + fold.unlabelled) == sorted(whole.train)
    assert list(fold.unlabelled) == [clip for clip in whole.train if clip in set(fold.unlabelled)]
    for sport in {clip[0] for clip in whole.train}:
        of_class, kept = (sum(clip[0] == sport for clip in part) for part in (whole.train, fold.train))
        assert kept == max(1, round(of_class * percent / 100))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100))
def test_label_fraction__spread_over_the_scores(seed: int) -> None:
    rows = manifest.from_rows([(f"c{n:03}", {"score": float(n), "split": "train" if n < 100 else "test"}) for n in range(104)], "m")
    (fold,) = folds(rows, f"10-percent-labels/seed-{seed}")
    assert [int(clip[1:]) // 10 for clip in fold.train] == list(range(10))  # one of each tenth of the scores


def test_label_fraction__the_same_clips_in_every_process() -> None:
    code = """
from stages.datasets import manifest, protocols
rows = [(f"{n:02}_{n}", {"score": float(n * 7 % 90), "split": "test" if n % 4 == 3 else "train"}) for n in range(200)]
rows = manifest.from_rows(rows, "mtl-aqa")
print(protocols.folds(rows, "mtl-aqa/10-percent-labels/seed-0", 0, rows.clips))
"""
    first, second = (run_python(code, PYTHONHASHSEED=seed) for seed in "12")
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert "unlabelled=('" in first.stdout


@pytest.mark.parametrize(
    ("name", "shares"),
    [("mtl-aqa", {"10", "40"}), ("rhythmic-gymnastics", {"40"}), ("jigsaws", {"50"})],
)
def test_registry__lists_the_shares_of_labels_of_the_papers(name: str, shares: set[str]) -> None:
    listed = {match[1] for protocol in DATASETS[name].protocols if (match := re.search(r"(\d+)-percent-labels/seed-0$", protocol))}
    assert listed == shares


def test_label_fraction__other_seed_other_clips() -> None:
    found = [folds(trials(), f"4-fold/50-percent-labels/seed-{seed}") for seed in (0, 1)]
    assert [fold.test for fold in found[0]] == [fold.test for fold in found[1]]
    assert [fold.train for fold in found[0]] != [fold.train for fold in found[1]]


def test_label_fraction__by_label_where_there_are_no_scores_and_never_what_has_neither() -> None:
    labels = ["good"] * 6 + ["bad"] * 6 + [None] * 4
    rows = manifest.from_rows(
        [(f"c{n:02}", {"label": label, "split": "test" if n % 6 == 5 else "train"}) for n, label in enumerate(labels)], "m"
    )
    (fold,) = folds(rows, "40-percent-labels/seed-0")
    assert sorted(rows.by_clip()[clip].text("label") for clip in fold.train) == ["bad", "bad", "good", "good"]
    assert {"c12", "c13", "c14", "c15"} <= set(fold.unlabelled)


def test_label_fraction__the_same_clips_whatever_part_is_in_use() -> None:
    rows = trials()
    used = [clip for clip in rows.clips if clip.startswith("Suturing")]
    whole = folds(rows, "louo/50-percent-labels/seed-0")
    part = protocols.folds(rows, "louo/50-percent-labels/seed-0", 0, used)
    for fold, smaller in zip(whole, part, strict=True):
        assert smaller.train == tuple(clip for clip in fold.train if clip in used)
        assert smaller.unlabelled == tuple(clip for clip in fold.unlabelled if clip in used)
        subjects = [{clip[-2] for clip in clips} for clips in (smaller.train + smaller.unlabelled, smaller.test)]
        assert not subjects[0] & subjects[1]


def test_label_fraction__validation_comes_out_of_the_labelled_clips() -> None:
    fold = folds(trials(), "louo/50-percent-labels/seed-0")[0]
    train, validation = splits.carve(fold.train, trials(), 0.3, 0)
    assert sorted(train + validation) == sorted(fold.train)
    assert not set(validation) & set(fold.unlabelled)


def test_per_value__unlabelled_clips_are_divided_too() -> None:
    rows = trials()
    parts = protocols.per_value(rows, folds(rows, "4-fold/50-percent-labels/seed-0"), "action")
    assert [part.name for part in parts][:2] == ["Knot_Tying-fold-0", "Knot_Tying-fold-1"]
    for part in parts:
        assert part.unlabelled
        assert all(clip.startswith(part.name.partition("-")[0]) for clip in part.train + part.test + part.unlabelled)


@pytest.mark.parametrize(
    ("rows", "protocol", "expected"),
    [
        (
            trials(),
            "jigsaws/losso",
            "Unknown protocol 'jigsaws/losso'. Did you mean 'loso'?\n  hint: of jigsaws: 4-fold, loso, louo, 4-fold/50-percent-labels/",
        ),
        (
            trials("mine"),
            "loso",
            "Unknown protocol 'loso'.\n  hint: of any manifest: K-fold, A-B (per cent), official, leave-one-out, by-COLUMN",
        ),
        (
            trials(),
            "10-percent-labels",
            "'10-percent-labels' does not say which draw of the labels.\n  hint: for example 10-percent-labels/seed-0",
        ),
        (trials(), "0-percent-labels/seed-0", "'0-percent-labels' is no share: it must lie between 0 and 100."),
        (trials(), "kimroe/10-percent-labels/seed-0", "Unknown protocol 'kimroe'."),
        (trials(), "by-user", "jigsaws has no column 'user'."),
        (
            manifest.from_rows([("a", {"split": "train"}), ("b", {"split": "test"})], "m"),
            "10-percent-labels/seed-0",
            "No training clip of m has a",
        ),
        (
            manifest.from_rows([("a", {"view": "C001"}), ("b", {"view": "C001"})], "ntu60"),
            "cross-view",
            "Fold 'cross-view' of ntu60 has no train",
        ),
    ],
    ids=["own", "general", "no-seed", "nothing", "prefix", "column", "no-scores", "part"],
)
def test_folds__errors(rows: Manifest, protocol: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        folds(rows, protocol)
    assert str(caught.value).startswith(expected)


def test_folds__nothing_in_use() -> None:
    with pytest.raises(UsageError, match="No fold of loso has both training and test clips among the 1 in use"):
        protocols.folds(trials(), "loso", 0, trials().clips[:1])
