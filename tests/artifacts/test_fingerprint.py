"""Fingerprints: the same for the same, different for anything that matters."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.artifacts.fingerprint import canonical, combine, fingerprint, of_file, of_value

PAIRS = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=6)


def test_fingerprint__is_what_the_document_says() -> None:
    text = '{"config":{"a":0.1,"\\u00e9":[1,null]},"inputs":{"poses":"00"},"stage":"finetune","stage_version":2}'
    assert fingerprint("finetune", 2, {"é": [1, None], "a": 0.1}, {"poses": "00"}) == hashlib.sha256(text.encode()).hexdigest()


def test_fingerprint__changes_with_every_part() -> None:
    base = fingerprint("a", 1, {"x": 1}, {"r": "0"})
    others = [
        fingerprint("b", 1, {"x": 1}, {"r": "0"}),
        fingerprint("a", 2, {"x": 1}, {"r": "0"}),
        fingerprint("a", 1, {"x": 2}, {"r": "0"}),
        fingerprint("a", 1, {"x": 1}, {"r": "1"}),
        fingerprint("a", 1, {"x": 1}, {"s": "0"}),
    ]
    assert len({base, *others}) == 6


@given(st.dictionaries(st.text(), st.integers()))
def test_canonical__order_of_keys_does_not_matter(values: dict[str, int]) -> None:
    assert canonical(values) == canonical(dict(reversed(values.items())))
    assert json.loads(canonical(values)) == values


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical__no_nan(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": value})


@given(PAIRS, st.randoms())
def test_combine__order_does_not_matter(pairs: list[tuple[str, str]], chance: object) -> None:
    shuffled = list(pairs)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert combine(pairs) == combine(shuffled)


@given(PAIRS, PAIRS)
def test_combine__differs_where_the_inputs_do(a: list[tuple[str, str]], b: list[tuple[str, str]]) -> None:
    assert (combine(a) == combine(b)) == (sorted(a) == sorted(b))


def test_combine__is_what_the_document_says() -> None:
    assert combine([("b", "2"), ("a", "1")]) == hashlib.sha256(b'["a","1"]["b","2"]').hexdigest()


def test_of_file_and_of_value(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert of_file(tmp_path / "x") == hashlib.sha256(b"abc").hexdigest()
    assert of_value([1, "a"]) == hashlib.sha256(b'[1,"a"]').hexdigest()
