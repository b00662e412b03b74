"""Protocols of what one action teaches of another: zero-shot, from one action, to a new action."""

from __future__ import annotations

import pytest

from stages.datasets import manifest, protocols, splits
from stages.datasets.aqa_7 import SPORTS
from stages.datasets.manifest import Manifest
from stages.datasets.splits import Fold
from stages.errors import UsageError


def actions(sizes: dict[str, int], *, split: bool = True, subjects: int = 0) -> Manifest:
    """Clips ``a/0`` … of each action, every third of which tests, of people where there are to be some."""
    rows = []
    for action, count in sizes.items():
        for n in range(count):
            values: dict[str, manifest.Value] = {"action": action, "score": float(n)}
            values |= {"split": "test" if n % 3 == 2 else "train"} if split else {}
            values |= {"subject": f"s{n % subjects}"} if subjects else {}
            rows.append((f"{action}/{n}", values))
    return manifest.from_rows(rows, "actions")


def of(fold: Fold, part: str) -> set[str]:
    return {clip.partition("/")[0] for clip in getattr(fold, part)}


def test_zero_shot__trains_on_the_others_training_clips_and_tests_on_its_test_clips() -> None:
    rows = actions({"a": 6, "b": 9, "c": 3})
    found = {fold.name: fold for fold in splits.folds(rows, "zero-shot")}
    assert set(found) == {"action-a", "action-b", "action-c"}
    assert set(found["action-a"].test) == {"a/2", "a/5"}
    assert of(found["action-a"], "train") == {"b", "c"}
    assert len(found["action-a"].train) == 6 + 2
    assert not {clip for clip in found["action-a"].train if int(clip.partition("/")[2]) % 3 == 2}


def test_zero_shot__without_a_split_all_clips_of_the_others_train() -> None:
    (a, b) = splits.folds(actions({"a": 4, "b": 5}, split=False), "any/zero-shot")
    assert (len(a.train), len(a.test), len(b.train), len(b.test)) == (5, 4, 4, 5)


def test_zero_shot__one_action_is_too_few() -> None:
    with pytest.raises(UsageError, match="actions has one action, a; zero-shot needs another to train on"):
        splits.folds(actions({"a": 6}), "zero-shot")
    with pytest.raises(UsageError, match="'action'"):
        splits.folds(manifest.from_rows([("x", {"score": 1.0})], "m"), "zero-shot")


def test_from_action__trains_on_one_and_tests_on_every_action() -> None:
    rows = actions({"a": 6, "b": 9})
    (fold,) = splits.folds(rows, "from-a")
    assert (fold.name, of(fold, "train"), of(fold, "test")) == ("from-a", {"a"}, {"a", "b"})
    assert len(fold.train) == 4
    (whole,) = splits.folds(actions({"a": 6, "b": 9}, split=False), "from-a")
    assert (len(whole.train), of(whole, "test")) == (6, {"b"})
    with pytest.raises(UsageError, match=r"Unknown action of actions 'bb'\. Did you mean 'b'"):
        splits.folds(rows, "from-bb")


def test_new_action__larger_sets_hold_the_smaller_and_test_on_the_same_clips() -> None:
    rows = actions({"a": 40, "b": 30})
    small, large = (splits.folds(rows, f"new-action-{count}:test=10") for count in (5, 15))
    for few, many in zip(small, large, strict=True):
        assert (few.name, len(few.train), len(many.train), len(few.test)) == (many.name, 5, 15, 10)
        assert few.test == many.test
        assert set(few.train) < set(many.train)
        assert not set(many.train) & set(many.test)
        assert of(few, "train") == of(few, "test") == {few.name.removeprefix("action-")}
    assert splits.folds(rows, "new-action-5:test=10", 0) == small
    assert splits.folds(rows, "new-action-5:test=10", 1) != small


def test_new_action__draws_the_same_clips_when_other_actions_are_left_out() -> None:
    rows = actions({"a": 40, "b": 8})
    with pytest.raises(UsageError, match=r"new-action-5 takes 5 clip\(s\) of an action to train and 10 others to test; b of actions has 8"):
        protocols.folds(rows, "new-action-5:test=10", 0, rows.clips)
    only = [clip for clip in rows.clips if clip.startswith("a")]
    assert protocols.folds(rows, "new-action-5:test=10", 0, only) == splits.folds(actions({"a": 40}), "new-action-5:test=10")


def test_new_action__no_subject_is_on_both_sides_and_unscored_clips_are_not_drawn() -> None:
    rows = actions({"a": 40}, split=False, subjects=20)
    (fold,) = splits.folds(rows, "new-action-12:test=8")
    who = {row.clip: row.text("subject") for row in rows.rows}
    assert not {who[clip] for clip in fold.train} & {who[clip] for clip in fold.test}
    some = manifest.from_rows([(f"x{n}", {"action": "a", "score": None if n % 2 else 1.0}) for n in range(20)], "m")
    (fold,) = splits.folds(some, "new-action-6:test=4")
    assert all(int(clip[1:]) % 2 == 0 for clip in (*fold.train, *fold.test))


@pytest.mark.parametrize("name", ["zero-shot", "from-diving", "new-action-25", "aqa-7/new-action-125"])
def test_protocol__aqa_7_knows_them(name: str) -> None:
    assert protocols.resolve(name, manifest.from_rows([], "aqa-7")).rule == name.rpartition("/")[2]


@pytest.mark.parametrize(("count", "fits"), [(35, 6), (36, 6), (125, 4)])
def test_new_action__aqa_7_has_enough_for_the_paper_s_sets(count: int, fits: int) -> None:
    """88 and 91 synchronised dives leave 38 and 41 to train; 125 leave one of 175 jumps unused."""
    sizes = {sport.name: sport.train + sport.test for sport in SPORTS}
    enough = {name: size for name, size in sizes.items() if size >= count + splits.NEW_ACTION_TESTED}
    assert len(splits.folds(actions(enough), f"new-action-{count}")) == fits
