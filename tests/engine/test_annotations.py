"""Columns beside the target: their names and vocabularies, their codes, and how they travel with batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.datasets.manifest import Row
from stages.engine.annotations import END, MISSING, decode, encode, names_of
from stages.engine.batch import Features
from stages.engine.method import Context
from stages.engine.splitting import in_parts
from stages.errors import UsageError
from tests.engine import toys

ROWS = [
    Row("a", {"position": "tuck", "caption": "A good dive", "difficulty": 3.2}),
    Row("b", {"position": "pike", "caption": "splash", "difficulty": 2.0}),
    Row("c", {"position": None, "caption": None}),
    Row("d", {"position": "tuck", "caption": "a splash", "difficulty": 3.2}),
]


def test_names__are_what_training_has() -> None:
    assert names_of(ROWS, "position", "class") == ("pike", "tuck")
    assert names_of(ROWS, "difficulty", "class") == ("2.0", "3.2")
    assert names_of(ROWS, "caption", "words") == ("a", "dive", "good", "splash")


def test_names__nothing_to_learn() -> None:
    with pytest.raises(UsageError, match=r"No training clip has a value in 'position', which the method is to learn\.\n  hint: leave"):
        names_of(ROWS[2:3], "position", "class")
    with pytest.raises(
        UsageError, match=r"No clip has a value in 'moment', which says what belongs together\.\n  hint: name another column"
    ):
        names_of(ROWS, "moment", "group")
    with pytest.raises(UsageError, match=r"'position' has a single value in training: tuck\."):
        names_of([ROWS[0], ROWS[3]], "position", "class")
    assert names_of([ROWS[0], ROWS[3]], "position", "group") == ("tuck",), "all clips may belong together"
    assert names_of(ROWS[1:2], "caption", "words") == ("splash",), "one word is something to tell"


def test_encode__and_back() -> None:
    assert encode(ROWS, "position", "class", ("pike", "tuck")).tolist() == [1, 0, MISSING, 1]
    assert encode(ROWS, "position", "class", ("pike",)).tolist() == [MISSING, 0, MISSING, MISSING], "training never saw tuck"
    names = names_of(ROWS, "caption", "words")
    found = encode(ROWS, "caption", "words", names)
    assert found.tolist() == [[1, 3, 2, END], [4, END, MISSING, MISSING], [MISSING] * 4, [1, 4, END, MISSING]]
    assert decode(found, names) == ["a good dive", "splash", "", "a splash"]
    assert decode(np.array([[1, 4, 4]]), names) == ["a splash splash"], "a sentence may have no end"
    assert decode(np.array([1, 0]), ("pike", "tuck")) == ["tuck", "pike"]
    unknown = encode([Row("e", {"caption": "a belly flop"})], "caption", "words", names)
    assert unknown.tolist() == [[1, MISSING, MISSING, END]]


def test_numbers__have_no_names_and_may_be_missing() -> None:
    assert names_of(ROWS, "difficulty", "number") == ()
    found = encode(ROWS, "difficulty", "number", ())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [3.2, 2.0, np.nan, 3.2], rtol=1e-6)
    np.testing.assert_array_equal(encode([Row("e", {"mark": "8.5"})], "mark", "number", ()), [8.5])
    with pytest.raises(UsageError, match=r"'position' must be a number, found 'tuck' of a\.\n  hint: correct the manifest"):
        names_of(ROWS, "position", "number")
    with pytest.raises(UsageError, match=r"No training clip has a value in 'difficulty'"):
        names_of(ROWS[2:3], "difficulty", "number")


def test_context__keeps_the_names() -> None:
    context = Context(features={"features": (2, 3)}, annotations={"position": ("pike", "tuck")})
    assert Context.from_json(context.to_json()) == context
    assert "annotations" not in Context().to_json(), "models of methods without stay as they were"


def test_clips__annotations_and_features_follow_their_clips() -> None:
    ids = torch.arange(24)
    features = {"features": Features(ids.float()[:, None, None, None], torch.ones(24, 1, dtype=torch.bool))}
    whole = replace(toys.clips(), annotations={"position": ids, "caption": ids[:, None].repeat(1, 3)}, features=features)
    batch = whole.chosen(range(4, 24)).take([3, 5, 7, 9, 11]).to(torch.device("cpu"))
    assert batch.annotations["position"].tolist() == [7, 9, 11, 13, 15]
    assert batch.annotations["caption"][:, 2].tolist() == [7, 9, 11, 13, 15]
    parts = [part["train"] for _, part in in_parts({"train": batch}, 2)]
    assert [part.annotations["position"].tolist() for part in parts] == [[7], [9, 11], [13, 15]]
    assert [part.features["features"].values.flatten().tolist() for part in parts] == [[7], [9, 11], [13, 15]]
    assert [len(part.features["features"].mask) for part in parts] == [1, 2, 2]
