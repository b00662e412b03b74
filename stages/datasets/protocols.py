"""Protocols as named objects: the folds of a whole data set, whatever part of it an experiment uses.

Folds are made of the data set's full manifest and then restricted to the clips in use, so ``kimore/5-fold`` puts a subject into
the same fold whether one exercise is trained on, another is evaluated, or all of them pretrain an encoder.

A protocol is ``[DATA SET/]NAME[/N-percent-labels/seed-K]``.  NAME is one of the data set's own (``jigsaws/loso``; the list of data
sets says what it stands for) or one that any manifest can use (:mod:`stages.datasets.splits`); left out, it is the data set's default.
With the last part, N % of the training clips of every fold keep their labels, drawn evenly over the scores, the same ones for one K.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, replace

from stages.datasets import splits
from stages.datasets.manifest import Manifest
from stages.datasets.registry import DATASETS, Entry, resolve_name
from stages.datasets.splits import Fold
from stages.errors import UsageError, nearest

_LABELS = re.compile(r"(?:(?P<base>.*)/)?(?P<percent>\d+(?:\.\d+)?)-percent-labels(?:/seed-(?P<seed>\d+))?")


@dataclass(frozen=True)
class Protocol:
    """What a protocol's name stands for: how :mod:`stages.datasets.splits` spells it, and which share of the labels is kept."""

    rule: str
    published: bool
    """Whether the rule is a data set's own, which lists the values of the whole set."""
    percent: float | None = None
    seed: int = 0


def default_protocol(manifest: Manifest) -> str:
    """Return ``official`` where the manifest says which clips test, else the data set's first protocol, else 5 folds by subject."""
    entry = _entry_of(manifest)
    if "split" in manifest.columns:
        return "official"
    return entry.protocols[0] if entry and entry.aliases and entry.protocols else "5-fold"


def resolve(protocol: str, manifest: Manifest) -> Protocol:
    """Return what ``protocol`` stands for in ``manifest``, whose name is that of its data set.

    Raises:
        UsageError: neither the data set nor the toolkit knows the name.
    """
    if match := _LABELS.fullmatch(protocol):
        if match["seed"] is None:
            raise UsageError(f"'{protocol}' does not say which draw of the labels.", hint=f"for example {protocol}/seed-0")
        base = resolve(_base_of(match["base"] or "", manifest), manifest)
        return replace(base, percent=float(match["percent"]), seed=int(match["seed"]))
    set_name, slash, rest = protocol.partition("/") if re.match(r"[\w.+-]+/", protocol) else ("", "", protocol)
    entry = (_entry(set_name) if slash else None) or _entry_of(manifest)
    if entry is not None and rest in entry.aliases:
        return Protocol(entry.aliases[rest], published=True)
    if not splits.knows(rest):
        raise _unknown(protocol, rest, entry)
    return Protocol(rest, published=False)


def folds(manifest: Manifest, protocol: str, split_seed: int, used: Collection[str]) -> list[Fold]:
    """Return the folds of ``protocol`` over ``manifest``, restricted to the clips in ``used``.

    Raises:
        UsageError: the protocol is unknown, or a fold would have nothing to train or test on.
    """
    there = set(used)
    meant = resolve(protocol, manifest)
    found = []
    for whole in splits.folds(manifest, meant.rule, split_seed, published=meant.published, used=there):
        fold = whole if meant.percent is None else splits.keep_labels(whole, manifest, meant.percent, meant.seed)
        fold = _restricted(fold, there)
        if fold.train and fold.test:
            found.append(fold)
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
            part = _restricted(fold, {clip for clip in rows if rows[clip].text(column) == value})
            if part.train and part.test:
                result.append(replace(part, name=f"{value}-{fold.name}", part_of=fold.name))
    return result


def _restricted(fold: Fold, clips: Set[str]) -> Fold:
    train, test, unlabelled = (tuple(clip for clip in part if clip in clips) for part in (fold.train, fold.test, fold.unlabelled))
    return replace(fold, train=train, test=test, unlabelled=unlabelled)


def _base_of(base: str, manifest: Manifest) -> str:
    """Return the protocol whose labels are withheld: the data set's default where only the data set is named, or nothing."""
    return default_protocol(manifest) if base == "" or base == _name_of(manifest) or _entry(base) is not None else base


def _entry(name: str) -> Entry | None:
    """Return the data set of that name, or None; a variant (``generated-6x3``) is the data set that it is one of."""
    try:
        resolved = resolve_name(name)
    except UsageError:
        return None
    return DATASETS[resolved if resolved in DATASETS else resolved.partition("-")[0]]


def _entry_of(manifest: Manifest) -> Entry | None:
    return _entry(_name_of(manifest))


def _name_of(manifest: Manifest) -> str:
    return manifest.name.rpartition(" ")[2]  # a pose set's manifest is called "the manifest of NAME"


def _unknown(protocol: str, name: str, entry: Entry | None) -> UsageError:
    own = [*dict.fromkeys([*entry.protocols, *entry.aliases])] if entry else []
    guess = nearest(name, own)
    question = f" Did you mean '{guess}'?" if guess else ""
    of_set = f"of {entry.name}: {', '.join(own)}; " if entry and own else ""
    return UsageError(
        f"Unknown protocol '{protocol}'.{question}",
        hint=f"{of_set}of any manifest: {splits.RULES}; each with /N-percent-labels/seed-K behind it",
    )
