"""Splits and protocols: which clips train, validate and test, by name, reproducibly, with subjects kept together.

A protocol is named ``<data set>/<protocol>`` (``kimore/5-fold``) or just by its second half; any manifest can use

* ``K-fold``: K folds by subject, subjects dealt to folds so that every fold has the same spread of scores (or of labels);
* ``A-B``: one split with A % of the subjects for training (``70-30``);
* ``official``: the manifest's own ``split`` column;
* ``leave-one-out``: one fold per subject;
* ``cross-COLUMN:train=a,b:test=c``: for example ``cross-view:train=v01,v02:test=v03``.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stages.datasets.manifest import Manifest, Row
from stages.engine.seeding import generator
from stages.errors import UsageError

GROUP_COLUMNS = ("subject", "group", "clip")
"""Columns that name whom a split keeps together; the first that the manifest has counts."""


@dataclass(frozen=True)
class Fold:
    """One split: clip ids to train on (validation is carved from them later) and to test on."""

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    part_of: str = ""
    """The protocol's fold of which this is the part of one value (``--per``); empty for the fold itself."""

    @property
    def protocol_fold(self) -> str:
        """The name of the fold in its protocol."""
        return self.part_of or self.name


def folds(manifest: Manifest, protocol: str, seed: int = 0) -> list[Fold]:
    """Return the folds of ``protocol`` over ``manifest``.

    Args:
        manifest: the clips; those without a target must have been dropped.
        protocol: see the module's text; a ``<data set>/`` in front is allowed.
        seed: of the assignment of subjects to folds; part of the experiment, not of a training run.

    Raises:
        UsageError: the protocol is unknown, or the manifest cannot be split that way.
    """
    name = re.sub(r"^[\w.+-]+/", "", protocol)
    if match := re.fullmatch(r"(\d+)-fold", name):
        found = _k_fold(manifest, int(match[1]), seed)
    elif match := re.fullmatch(r"(\d+)-(\d+)", name):
        found = _share(manifest, int(match[1]), int(match[2]), name, seed)
    elif name == "official":
        found = _official(manifest)
    elif name == "leave-one-out":
        found = _leave_one_out(manifest)
    elif match := re.fullmatch(r"cross-([\w.]+):train=([^:]+):test=([^:]+)", name):
        found = _cross(manifest, match[1], match[2].split(","), match[3].split(","))
    else:
        raise UsageError(
            f"Unknown protocol '{protocol}'.",
            hint="known: K-fold, A-B (per cent), official, leave-one-out, cross-COLUMN:train=a,b:test=c",
        )
    _check(found, manifest)
    return found


def carve(train: Sequence[str], manifest: Manifest, fraction: float, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split training clips into (train, validation) by subject, about ``fraction`` of them for validation.

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


def _cross(manifest: Manifest, column: str, train: list[str], test: list[str]) -> list[Fold]:
    manifest.require(column)
    known = sorted({row.text(column) for row in manifest.rows})
    unknown = [value for value in (*train, *test) if value not in known]
    if unknown:
        raise UsageError(
            f"Column '{column}' of {manifest.name} has no value {', '.join(unknown)}.", hint=f"values of {column}: {', '.join(known[:20])}"
        )
    name = f"{column}-{'-'.join(test)}"
    trained = tuple(row.clip for row in manifest.rows if row.text(column) in train)
    tested = tuple(row.clip for row in manifest.rows if row.text(column) in test)
    return [Fold(name, trained, tested)]


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
    """Choose about ``fraction`` of the groups, one at random from each of as many equal stretches of the order by score."""
    ordered = list(groups)
    count = min(len(ordered) - 1, max(1, round(len(ordered) * fraction)))
    edges = [len(ordered) * step // count for step in range(count + 1)]
    random = generator("spread", seed)
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
