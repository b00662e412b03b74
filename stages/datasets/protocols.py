"""Protocols as named objects: the folds of a whole data set, whatever part of it an experiment uses.

Folds are made of the data set's full manifest and then restricted to the clips in use, so ``kimore/5-fold`` puts a subject into
the same fold whether one exercise is trained on, another is evaluated, or all of them pretrain an encoder.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from stages.datasets import splits
from stages.datasets.manifest import Manifest
from stages.datasets.splits import Fold
from stages.errors import UsageError


def default_protocol(manifest: Manifest) -> str:
    """Return ``official`` where the manifest says which clips test, else 5 folds by subject."""
    return "official" if "split" in manifest.columns else "5-fold"


def folds(manifest: Manifest, protocol: str, split_seed: int, used: Collection[str]) -> list[Fold]:
    """Return the folds of ``protocol`` over ``manifest``, restricted to the clips in ``used``.

    Raises:
        UsageError: the protocol is unknown, or a fold would have nothing to train or test on.
    """
    there = set(used)
    found = []
    for fold in splits.folds(manifest, protocol, split_seed):
        train = tuple(clip for clip in fold.train if clip in there)
        test = tuple(clip for clip in fold.test if clip in there)
        if train and test:
            found.append(Fold(fold.name, train, test))
    if not found:
        raise UsageError(f"No fold of {protocol} has both training and test clips among the {len(there)} in use.")
    return found


def per_value(manifest: Manifest, found: Sequence[Fold], column: str | None) -> list[Fold]:
    """Return each fold once per value of ``column``, named ``<value>-<fold>``; the folds as they are where it is None."""
    if column is None:
        return list(found)
    manifest.require(column)
    rows = manifest.by_clip()
    result = []
    for value in sorted({row.text(column) for row in manifest.rows}):
        for fold in found:
            train, test = (tuple(clip for clip in part if rows[clip].text(column) == value) for part in (fold.train, fold.test))
            if train and test:
                result.append(replace(fold, name=f"{value}-{fold.name}", train=train, test=test, part_of=fold.name))
    return result
