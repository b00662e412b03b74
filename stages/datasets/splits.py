"""Splits and protocols: which clips train, validate and test, by name, reproducibly, with subjects kept together.

A protocol is named ``<data set>/<protocol>`` (``kimore/5-fold``) or just by its second half (:mod:`stages.datasets.protocols` knows the
data sets' own names); any manifest can use

* ``K-fold``: K folds by subject, subjects dealt to folds so that every fold has the same spread of scores (or of labels);
* ``A-B``: one split with A % of the subjects for training (``70-30``);
* ``official``: the manifest's own ``split`` column;
* ``leave-one-out``: one fold per subject;
* ``by-COLUMN``: one fold per value of a column, for folds that are published (``by-fold``); clips without a value are in none;
* ``cross-COLUMN:train=a,b:test=c``: for example ``cross-view:train=v01,v02:test=v03``;
* ``zero-shot``: one fold per action, trained on the others (Parmar and Morris, WACV 2019, section 5.2); of an official split, the
  others' training clips train and the action's test clips test;
* ``from-ACTION``: one fold, trained on one action, tested on every action (on the others where there is no official split);
* ``new-action-N[:test=M]``: one fold per action, N of its clips to train and M others (50) to test, drawn at random whatever an official
  split says of them (section 5.3); for one seed, all N have the same M.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from stages.datasets.manifest import Manifest, Row
from stages.engine.seeding import generator
from stages.errors import UsageError, unknown_name

GROUP_COLUMNS = ("subject", "group", "clip")
"""Columns that name whom a split keeps together; the first that the manifest has counts."""


_RULES = {
    "K-fold": re.compile(r"(\d+)-fold"),
    "A-B (per cent)": re.compile(r"(\d+)-(\d+)"),
    "official": re.compile(r"official"),
    "leave-one-out": re.compile(r"leave-one-out"),
    "by-COLUMN": re.compile(r"by-([\w.]+)"),
    "cross-COLUMN:train=a,b:test=c": re.compile(r"cross-([\w.]+):train=([^:]+):test=([^:]+)"),
    "zero-shot": re.compile(r"zero-shot"),
    "from-ACTION": re.compile(r"from-(.+)"),
    "new-action-N": re.compile(r"new-action-(\d+)(?::test=(\d+))?"),
}
RULES = ", ".join(_RULES)
"""How the protocols that any manifest can use are spelled."""
NEW_ACTION_TESTED = 50
"""Clips on which ``new-action`` tests, as the paper does."""


@dataclass(frozen=True)
class Fold:
    """One split: clip ids to train on (validation is carved from them later) and to test on."""

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    part_of: str = ""
    """The protocol's fold of which this is the part of one value (``--per``); empty for the fold itself."""
    unlabelled: tuple[str, ...] = ()
    """Training clips whose labels the protocol withholds; never among ``train``."""

    @property
    def protocol_fold(self) -> str:
        """The name of the fold in its protocol."""
        return self.part_of or self.name


def knows(name: str) -> bool:
    """Say whether ``name`` is how a protocol that any manifest can use is spelled."""
    return any(rule.fullmatch(name) for rule in _RULES.values())


def folds(manifest: Manifest, protocol: str, seed: int = 0, *, published: bool = False, used: Collection[str] | None = None) -> list[Fold]:
    """Return the folds of ``protocol`` over ``manifest``.

    Args:
        manifest: the clips; those without a target must have been dropped.
        protocol: see the module's text; a ``<data set>/`` in front is allowed.
        seed: of the assignment of subjects to folds; part of the experiment, not of a training run.
        published: the protocol lists the values of a whole data set, of which a part may be absent here.
        used: the clips in use, where they are not all; what is drawn within an action is drawn for those that have some.

    Raises:
        UsageError: the protocol is unknown, or the manifest cannot be split that way.
    """
    name = re.sub(r"^[\w.+-]+/", "", protocol)
    rule, match = next(((rule, match) for rule, pattern in _RULES.items() if (match := pattern.fullmatch(name))), ("", None))
    if match is None:
        raise UsageError(f"Unknown protocol '{protocol}'.", hint=f"known: {RULES}")
    if rule == "K-fold":
        found = _k_fold(manifest, int(match[1]), seed)
    elif rule == "A-B (per cent)":
        found = _share(manifest, int(match[1]), int(match[2]), name, seed)
    elif rule == "official":
        found = _official(manifest)
    elif rule == "leave-one-out":
        found = _leave_one_out(manifest)
    elif rule == "by-COLUMN":
        found = _by_column(manifest, match[1])
    elif rule == "zero-shot":
        found = _zero_shot(manifest)
    elif rule == "from-ACTION":
        found = [_from_action(manifest, match[1])]
    elif rule == "new-action-N":
        found = _new_action(manifest, int(match[1]), int(match[2] or NEW_ACTION_TESTED), seed, used)
    else:
        found = _cross(manifest, match[1], match[2].split(","), match[3].split(","), published=published)
    _check(found, manifest)
    return found


def keep_labels(fold: Fold, manifest: Manifest, percent: float, seed: int) -> Fold:
    """Return ``fold`` with the labels of ``percent`` % of its training clips, the others ``unlabelled``.

    Clips are drawn one by one, evenly over the scores of each class (``action``): the clips of a class, in order of score, are cut into as
    many stretches as labels are kept, and each stretch gives one.  Without scores the stretches lie within each ``label``.  A clip that
    has neither is never drawn.  At least one clip of every class keeps its label.

    Raises:
        UsageError: the share is not between 0 and 100, or no training clip has a score or a label.
    """
    if not 0 < percent < 100:
        hint = "leave it out of the protocol's name to keep all labels"
        raise UsageError(f"'{percent:g}-percent-labels' is no share: it must lie between 0 and 100.", hint=hint)
    rows = manifest.by_clip()
    classes: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in (rows[clip] for clip in fold.train):
        if not math.isnan(row.number("score")):
            classes[row.text("action"), ""].append(row)
        elif row.text("label"):
            classes[row.text("action"), row.text("label")].append(row)
    if not classes:
        raise UsageError(f"No training clip of {manifest.name} has a score or a label to keep.")
    kept: set[str] = set()
    for (action, label), members in sorted(classes.items()):
        random = generator("labels", seed, fold.protocol_fold, action, label)
        ordered = [row.clip for row in sorted(members, key=lambda row: (row.number("score") if not label else 0.0, row.clip))]
        if label:
            ordered = [ordered[number] for number in random.permutation(len(ordered))]
        kept |= set(_one_per_stretch(ordered, max(1, round(len(ordered) * percent / 100)), random))
    return replace(
        fold,
        train=tuple(clip for clip in fold.train if clip in kept),
        unlabelled=tuple(clip for clip in fold.train if clip not in kept),
    )


def carve(train: Sequence[str], manifest: Manifest, fraction: float, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split training clips into (train, validation) by subject, about ``fraction`` of them for validation.

    Where a protocol withholds labels, the validation clips come out of those that keep theirs, and count among them.

    Raises:
        UsageError: there are too few subjects to put one aside.
    """
    rows = manifest.by_clip()
    groups = _groups([rows[clip] for clip in train])
    if len(groups) < 2:
        raise UsageError("One subject is too few to carve a validation part from.", hint="--select last needs none")
    chosen = {clip for group in _spread(groups, fraction, seed) for clip in groups[group]}
    return tuple(clip for clip in train if clip not in chosen), tuple(clip for clip in train if clip in chosen)


def group_of(row: Row) -> str:
    """Return whom ``row`` belongs to: its subject, else its group, else the clip itself."""
    return next((row.text(column) for column in GROUP_COLUMNS[:-1] if row.text(column)), row.clip)


def _k_fold(manifest: Manifest, count: int, seed: int) -> list[Fold]:
    groups = _groups(manifest.rows)
    if count < 2:
        raise UsageError(f"'{count}-fold' is no protocol: there must be at least 2 folds.")
    if count > len(groups):
        raise UsageError(f"{count} folds by subject need {count} subjects or more; {manifest.name} has {len(groups)}.")
    return [
        _fold(f"fold-{number}", manifest, {clip for group in part for clip in groups[group]})
        for number, part in enumerate(_dealt(groups, count, seed))
    ]


def _share(manifest: Manifest, train: int, test: int, name: str, seed: int) -> list[Fold]:
    if train + test != 100 or not train * test:
        raise UsageError(f"The shares of '{name}' must add up to 100.")
    groups = _groups(manifest.rows)
    _need_two(groups, manifest)
    chosen = _spread(groups, test / 100, seed)
    return [_fold(name, manifest, {clip for group in chosen for clip in groups[group]})]


def _official(manifest: Manifest) -> list[Fold]:
    manifest.require("split")
    test = {row.clip for row in manifest.rows if row.text("split") == "test"}
    known = {"train", "val", "validation", "test", ""}
    odd = sorted({row.text("split") for row in manifest.rows} - known)
    if odd:
        raise UsageError(f"Column 'split' of {manifest.name} has the unknown value(s) {', '.join(odd)}.", hint="train, val or test")
    kept = manifest.keep(lambda row: row.text("split") != "")
    return [_fold("official", kept, test)]


def _leave_one_out(manifest: Manifest) -> list[Fold]:
    groups = _groups(manifest.rows)
    _need_two(groups, manifest)
    return [_fold(f"without-{group}", manifest, set(clips)) for group, clips in groups.items()]


def _by_column(manifest: Manifest, column: str) -> list[Fold]:
    manifest.require(column)
    kept = manifest.keep(lambda row: row.text(column) != "")
    values = dict.fromkeys(sorted(row.text(column) for row in kept.rows))
    return [_fold(f"{column}-{value}", kept, {row.clip for row in kept.rows if row.text(column) == value}) for value in values]


def _cross(manifest: Manifest, column: str, train: list[str], test: list[str], *, published: bool) -> list[Fold]:
    manifest.require(column)
    known = sorted({row.text(column) for row in manifest.rows})
    unknown = [value for value in (*train, *test) if value not in known]
    if unknown and not published:
        raise UsageError(
            f"Column '{column}' of {manifest.name} has no value {', '.join(unknown)}.", hint=f"values of {column}: {', '.join(known[:20])}"
        )
    name = f"{column}-{'-'.join(test)}" if not published else f"cross-{column}"
    trained = tuple(row.clip for row in manifest.rows if row.text(column) in train)
    tested = tuple(row.clip for row in manifest.rows if row.text(column) in test)
    return [Fold(name, trained, tested)]


def _zero_shot(manifest: Manifest) -> list[Fold]:
    trained, tested = _official_parts(manifest)
    actions = _actions(manifest)
    if len(actions) < 2:
        raise UsageError(f"{manifest.name} has one action, {actions[0]}; zero-shot needs another to train on.")
    return [
        Fold(
            f"action-{action}",
            tuple(row.clip for row in trained if row.text("action") not in ("", action)),
            tuple(row.clip for row in tested if row.text("action") == action),
        )
        for action in actions
    ]


def _from_action(manifest: Manifest, action: str) -> Fold:
    trained, tested = _official_parts(manifest)
    if action not in (known := _actions(manifest)):
        raise unknown_name(f"action of {manifest.name}", action, known)
    train = [row.clip for row in trained if row.text("action") == action]
    known_to_it = set(train)
    return Fold(f"from-{action}", tuple(train), tuple(row.clip for row in tested if row.text("action") and row.clip not in known_to_it))


def _new_action(manifest: Manifest, train: int, test: int, seed: int, used: Collection[str] | None) -> list[Fold]:
    rows = [row for row in manifest.rows if "score" not in manifest.columns or not math.isnan(row.number("score"))]
    there = None if used is None else set(used)
    found = []
    for action in _actions(manifest):
        members = sorted((row for row in rows if row.text("action") == action), key=lambda row: row.clip)
        if there is not None and not any(row.clip in there for row in members):
            continue
        order = [members[number] for number in generator("new action", seed, action).permutation(len(members))]
        tested = order[:test]
        others = {group_of(row) for row in tested}
        trained = [row for row in order[test:] if group_of(row) not in others][:train]
        if len(trained) < train or not train or not test:
            left = sum(group_of(row) not in others for row in order[test:])
            raise UsageError(
                f"new-action-{train} takes {train} clip(s) of an action to train and {test} others to test; {action} of {manifest.name} "
                f"has {len(members)} with a score, which leaves {left} to train.",
                hint="a smaller N, new-action-N:test=M, or --where action=… for the actions that have enough",
            )
        found.append(Fold(f"action-{action}", tuple(row.clip for row in trained), tuple(row.clip for row in tested)))
    return found


def _official_parts(manifest: Manifest) -> tuple[list[Row], list[Row]]:
    """Return the rows that may train and those that may test: all of them for both where there is no official split."""
    if "split" not in manifest.columns:
        return list(manifest.rows), list(manifest.rows)
    (fold,) = _official(manifest)
    rows = manifest.by_clip()
    return [rows[clip] for clip in fold.train], [rows[clip] for clip in fold.test]


def _actions(manifest: Manifest) -> list[str]:
    manifest.require("action")
    found = sorted({row.text("action") for row in manifest.rows} - {""})
    if not found:
        raise UsageError(f"No clip of {manifest.name} has a value in 'action'.")
    return found


def _need_two(groups: dict[str, list[str]], manifest: Manifest) -> None:
    if len(groups) < 2:
        raise UsageError(f"{manifest.name} has {len(groups)} subject(s); a split by subject needs 2 or more.")


def _fold(name: str, manifest: Manifest, test: set[str]) -> Fold:
    return Fold(
        name,
        tuple(clip for clip in manifest.clips if clip not in test),
        tuple(clip for clip in manifest.clips if clip in test),
    )


def _check(found: list[Fold], manifest: Manifest) -> None:
    for fold in found:
        for part in ("train", "test"):
            if not getattr(fold, part):
                raise UsageError(f"Fold '{fold.name}' of {manifest.name} has no {part} clips.")
        if set(fold.train) & set(fold.test):
            raise UsageError(f"Fold '{fold.name}' of {manifest.name} tests on clips that it trains on.")


def _groups(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return group → clips, the groups in order of mean score (those without come first), of the label that all clips share, of name."""
    members: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        members[group_of(row)].append(row)

    def order(group: str) -> tuple[float, str, str]:
        scores = [row.number("score") for row in members[group] if not math.isnan(row.number("score"))]
        labels = {row.text("label") for row in members[group]}
        return (float(np.mean(scores)) if scores else -math.inf, labels.pop() if len(labels) == 1 else "", group)

    return {group: [row.clip for row in members[group]] for group in sorted(members, key=order)}


def _spread(groups: dict[str, list[str]], fraction: float, seed: int) -> list[str]:
    """Choose about ``fraction`` of the groups, evenly over their order by score."""
    count = min(len(groups) - 1, max(1, round(len(groups) * fraction)))
    return _one_per_stretch(list(groups), count, generator("spread", seed))


def _one_per_stretch(ordered: Sequence[str], count: int, random: np.random.Generator) -> list[str]:
    """Choose ``count`` items, one at random from each of as many equal stretches of the order."""
    edges = [len(ordered) * step // count for step in range(count + 1)]
    return [ordered[int(random.integers(low, high))] for low, high in pairwise(edges)]


def _dealt(groups: dict[str, list[str]], count: int, seed: int) -> list[list[str]]:
    """Deal the groups, in order of score, to ``count`` hands: each round gives every hand one, in random order."""
    random = generator("folds", seed)
    hands: list[list[str]] = [[] for _ in range(count)]
    ordered = list(groups)
    for start in range(0, len(ordered), count):
        for hand, group in zip(random.permutation(count), ordered[start : start + count], strict=False):
            hands[hand].append(group)
    return hands
