"""What a method learns beside its target: columns of the manifest as classes (a dive's position), as numbers (a judge's mark) or as
sentences (a commentary).

Names of classes and vocabularies come from training clips only and are stored in the model (:class:`stages.engine.method.Context`).
Nothing is demanded of a clip: where a cell is empty, or says what training never saw, there is :data:`MISSING` (NaN among numbers), which
losses leave out.
N clips, W words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch

from stages.arrays import Array
from stages.datasets.manifest import Row
from stages.engine.batch import Clips
from stages.errors import UsageError

Kind = Literal["class", "group", "number", "words"]
"""``class``: one of several names; ``group``: a name that clips have in common which belong together; ``number``; ``words``: a sentence."""

MISSING = -1
"""Stands for an annotation that is not there, and behind the end of a sentence."""
END = 0
"""Ends a sentence; the words of the vocabulary are counted from 1."""


def names_of(rows: Sequence[Row], column: str, kind: Kind) -> tuple[str, ...]:
    """Return the classes, or the vocabulary in lower case, that the training rows have in a column, in alphabetical order; none of numbers.

    Raises:
        UsageError: the column is empty in all of them, has a single class, or something that is no number.
    """
    cells = {row.text(column) for row in rows} - {""}
    found = sorted(cells if kind in ("class", "group") else {word for cell in cells for word in _words(cell)})
    if not found and kind == "group":
        raise UsageError(
            f"No clip has a value in '{column}', which says what belongs together.", hint="name another column of the manifest"
        )
    if not found:
        raise UsageError(f"No training clip has a value in '{column}', which the method is to learn.", hint="leave the column out")
    if kind == "number":
        _numbers(rows, column)
        return ()
    if kind == "class" and len(found) == 1:
        raise UsageError(f"'{column}' has a single value in training: {found[0]}.", hint="leave the column out")
    return tuple(found)


def names_in(rows: Sequence[Row], kinds: Mapping[str, Kind]) -> dict[str, tuple[str, ...]]:
    """Return :func:`names_of` for every column."""
    return {column: names_of(rows, column, kind) for column, kind in kinds.items()}


def encode(rows: Sequence[Row], column: str, kind: Kind, names: Sequence[str]) -> Array:
    """Return what the rows say in a column: places in ``names`` (N,), numbers (N,), or sentences (N, W), each closed by :data:`END`."""
    if kind == "number":
        return _numbers(rows, column)
    if kind in ("class", "group"):
        known = {name: place for place, name in enumerate(names)}
        return np.array([known.get(row.text(column), MISSING) for row in rows], dtype=np.int64)
    known = {name: place for place, name in enumerate(names, start=END + 1)}
    sentences = [[known.get(word, MISSING) for word in _words(row.text(column))] for row in rows]
    closed = [[*sentence, END] if sentence else [] for sentence in sentences]
    encoded = np.full((len(rows), max(map(len, closed), default=0)), MISSING, dtype=np.int64)
    for place, sentence in enumerate(closed):
        encoded[place, : len(sentence)] = sentence
    return encoded


def annotated(clips: Clips, rows: Sequence[Row], kinds: Mapping[str, Kind], names: Mapping[str, Sequence[str]]) -> Clips:
    """Return clips with what their rows say in some columns, given each column's classes or vocabulary."""
    encoded = {column: encode(rows, column, kind, names[column]) for column, kind in kinds.items()}
    return replace(clips, annotations={column: torch.from_numpy(values) for column, values in encoded.items()})


def decode(values: Array, names: Sequence[str]) -> list[str]:
    """Return in words what a method says: of classes (N,), or of sentences (N, W), each up to its end."""
    if values.ndim == 1:
        return [names[int(value)] for value in values]
    return [" ".join(names[word - 1] for word in _until_end(sentence.tolist())) for sentence in values]


def _numbers(rows: Sequence[Row], column: str) -> Array:
    cells = [row.text(column) for row in rows]
    try:
        return np.array([float(cell or "nan") for cell in cells], dtype=np.float32)
    except ValueError:
        odd = next(row for row in rows if not _is_number(row.text(column)))
        raise UsageError(
            f"'{column}' must be a number, found '{odd.text(column)}' of {odd.clip}.", hint="correct the manifest, or name another column"
        ) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _until_end(sentence: list[int]) -> list[int]:
    return sentence[: next((place for place, word in enumerate(sentence) if word <= END), len(sentence))]


def _words(text: str) -> list[str]:
    return text.lower().split()
