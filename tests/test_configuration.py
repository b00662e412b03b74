"""How layers of configuration become one, and what a mistake in any of them says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from stages.configuration import (
    RESOLVERS,
    Config,
    Layer,
    differing_keys,
    flatten,
    nest_flags,
    parse_assignments,
    parse_values,
    read_file,
    resolve,
    resolve_stage,
)
from stages.errors import UsageError


class Inner(Config):
    epochs: int = Field(10, gt=0)
    rate: float = 0.1


class Outer(Config):
    name: str | None = None
    training: Inner = Inner()
    seeds: tuple[int, ...] = (0,)


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
NAMES = st.text(st.characters(categories=["L"]), min_size=1, max_size=3)
NESTED = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=3), lambda inner: st.dictionaries(NAMES, st.one_of(LEAVES, inner), max_size=3)
)


def test_resolve__the_strongest_layer_wins_and_is_remembered() -> None:
    layers = [
        Layer("file", {"name": "a", "training": {"epochs": 20, "rate": 0.2}}),
        Layer("--set", {"training": {"epochs": 30}}),
        Layer("flag", {"name": "b"}),
    ]
    resolved = resolve(Outer, layers)
    assert resolved.config == Outer(name="b", training=Inner(epochs=30, rate=0.2))
    assert resolved.sources == {"name": "flag", "training.epochs": "--set", "training.rate": "file", "seeds": "default"}


def test_resolve__an_empty_section_decides_nothing() -> None:
    resolved = resolve(Outer, [Layer("preset", {"training": {}}), Layer("file", {"training": {"rate": 1}})])
    assert resolved.sources == {"name": "default", "training.epochs": "default", "training.rate": "file", "seeds": "default"}


def test_resolve__does_not_change_its_layers() -> None:
    values: dict[str, Any] = {"training": {"epochs": 1}}
    resolve(Outer, [Layer("a", values), Layer("b", {"training": {"rate": 5}})])
    assert values == {"training": {"epochs": 1}}


def test_resolve__every_problem_at_once_with_its_layer() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(
            Outer, [Layer("my.yaml", {"training": {"epoch": 3, "rate": "fast"}}), Layer("flag", {"seds": [1], "training": {"epochs": 0}})]
        )
    lines = caught.value.message.splitlines()
    assert set(lines) == {
        "'training.epochs' (flag): Input should be greater than 0, found 0.",
        "'training.rate' (my.yaml): Input should be a valid number, unable to parse string as a number, found 'fast'.",
        "Unknown key 'training.epoch' (my.yaml). Did you mean 'training.epochs'?",
        "Unknown key 'seds' (flag). Did you mean 'seeds'?",
    }
    assert caught.value.hint == "'aqa config show STAGE' lists every key with its value"


def test_config__is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Outer().name = "x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=3", {"a": 3}),
        ("a.b.c=true", {"a": {"b": {"c": True}}}),
        ("a=1e-3", {"a": 0.001}),
        ("a=[1, 2]", {"a": [1, 2]}),
        ("a=x=y", {"a": "x=y"}),
        ("a=", {"a": None}),
        (" a =text", {"a": "text"}),
        ("a={b: 1}", {"a": {"b": 1}}),
    ],
)
def test_parse_assignments(text: str, expected: dict[str, Any]) -> None:
    assert parse_assignments([text]) == expected


def test_parse_values__commas_part_them_but_for_those_in_brackets() -> None:
    assert parse_values("1e-3,[1, 2],{a: 1, b: 2},x y,null", "here") == [0.001, [1, 2], {"a": 1, "b": 2}, "x y", None]
    with pytest.raises(UsageError, match="here is not valid YAML"):
        parse_values("1,[2", "here")


def test_parse_assignments__later_ones_add_and_replace() -> None:
    assert parse_assignments(["a.b=1", "a.c=2", "a.b=3"]) == {"a": {"b": 3, "c": 2}}


@pytest.mark.parametrize("text", ["a", "=3", " =3"])
def test_parse_assignments__no_key_or_no_value(text: str) -> None:
    with pytest.raises(UsageError, match=f"--set takes KEY=VALUE, found '{text}'"):
        parse_assignments([text])


def test_parse_assignments__not_yaml() -> None:
    with pytest.raises(UsageError, match=r"--set a=\[1 is not valid YAML"):
        parse_assignments(["a=[1"])


def test_read_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("training:\n  epochs: 5\n")
    assert read_file(path) == {"training": {"epochs": 5}}
    path.write_text("# nothing\n")
    assert read_file(path) == {}


def test_read_file__what_is_not_one(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with pytest.raises(UsageError, match=r"Cannot read the configuration file .*c\.yaml: No such file"):
        read_file(path)
    path.write_text("- a\n- b\n")
    with pytest.raises(UsageError, match=r"c\.yaml must hold keys and values, found list"):
        read_file(path)
    path.write_text("a: [1")
    with pytest.raises(UsageError, match=r"c\.yaml is not valid YAML"):
        read_file(path)
    path.write_bytes(b"a: \xff\xfe")
    with pytest.raises(UsageError, match=r"c\.yaml is not a text file in UTF-8"):
        read_file(path)


def test_nest_flags__drops_what_was_not_given() -> None:
    assert nest_flags({"a.b": 1, "a.c": None, "d": [], "e": False}) == {"a": {"b": 1}, "e": False}


@given(NESTED)
def test_flatten__loses_nothing(values: dict[str, Any]) -> None:
    flat = dict(flatten(values))
    rebuilt = nest_flags({key: value if value not in (None, []) else "gone" for key, value in flat.items()})
    assert dict(flatten(rebuilt)) == {key: value if value not in (None, []) else "gone" for key, value in flat.items()}


@given(NESTED, NESTED)
def test_differing_keys__none_exactly_when_equal(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert differing_keys(a, a) == []
    assert (differing_keys(a, b) == []) == (dict(flatten(a)) == dict(flatten(b)))
    assert differing_keys(a, b) == differing_keys(b, a)


@pytest.mark.parametrize("stage", RESOLVERS)
def test_resolve_stage__every_stage_resolves_and_tells_its_sources(stage: str) -> None:
    resolved = resolve_stage(stage, [])
    values = dict(flatten(resolved.config.model_dump(mode="json")))
    assert set(resolved.sources) >= {key for key, value in values.items() if value != {}}


def test_resolve_stage__unknown() -> None:
    with pytest.raises(UsageError, match=r"Unknown stage 'fine-tune'\. Did you mean 'finetune'\?"):
        resolve_stage("fine-tune", [])


class _Inner(Config):
    one: int = 1
    two: int = 2


class _Outer(Config):
    inner: _Inner = _Inner(two=5)


def test_resolve__one_key_of_a_nested_default_leaves_the_others() -> None:
    assert resolve(_Outer, [Layer("--set", {"inner": {"one": 7}})]).config == _Outer(inner=_Inner(one=7, two=5))
