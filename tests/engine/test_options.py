"""Shards: parsed strictly, taken from SLURM, disjoint and complete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.engine.options import SHARD_COUNT, SHARD_FIRST, SHARD_INDEX, Shard, parse_shard
from stages.errors import UsageError


@given(st.integers(1, 30), st.integers(0, 200))
def test_shard__parts_are_disjoint_and_complete(count: int, items: int) -> None:
    shards = [parse_shard(f"{index}/{count}") for index in range(count)]
    taken = [position for shard in shards for position in range(items) if shard.takes(position)]
    assert sorted(taken) == list(range(items))
    sizes = [sum(shard.takes(position) for position in range(items)) for shard in shards]
    assert max(sizes) - min(sizes) <= 1
    assert len({shard.label for shard in shards}) == count


@given(st.integers(1, 9), st.lists(st.integers(0, 9), max_size=6))
def test_shard__lists_one_after_the_other_are_shared_as_one(count: int, sizes: list[int]) -> None:
    for shard in (Shard(index, count) for index in range(count)):
        before = [sum(sizes[:number]) for number in range(len(sizes))]
        apart = [
            first + place for first, size in zip(before, sizes, strict=True) for place in range(size) if shard.after(first).takes(place)
        ]
        assert apart == [position for position in range(sum(sizes)) if shard.takes(position)]


def test_parse_shard__none_is_everything() -> None:
    assert parse_shard(None) == Shard(0, 1)
    assert parse_shard(None).label == ""


@pytest.mark.parametrize("text", ["3", "a/b", "1/2/3", "", "1/"])
def test_parse_shard__not_a_shard(text: str) -> None:
    with pytest.raises(UsageError, match=f"--shard takes i/n or auto, found '{text}'") as caught:
        parse_shard(text)
    assert caught.value.hint == "for example --shard 0/4 … --shard 3/4"


@pytest.mark.parametrize("text", ["4/4", "-1/4", "0/0"])
def test_parse_shard__out_of_range(text: str) -> None:
    with pytest.raises(UsageError, match=f"--shard {text}: the index must lie between 0 and"):
        parse_shard(text)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({SHARD_INDEX: "3", SHARD_COUNT: "8"}, Shard(3, 8)),
        ({SHARD_INDEX: "11", SHARD_COUNT: "8", SHARD_FIRST: "10"}, Shard(1, 8)),
        ({SHARD_INDEX: "20", SHARD_COUNT: "3", SHARD_FIRST: "10", "SLURM_ARRAY_TASK_STEP": "5"}, Shard(2, 3)),
    ],
    ids=["from 0", "from 10", "in steps"],
)
def test_parse_shard__auto_reads_the_job_array(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: Shard) -> None:
    for name in (SHARD_INDEX, SHARD_COUNT, SHARD_FIRST, "SLURM_ARRAY_TASK_STEP"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert parse_shard("auto") == expected


@pytest.mark.parametrize("variables", [{}, {SHARD_INDEX: "1"}, {SHARD_INDEX: "x", SHARD_COUNT: "2"}])
def test_parse_shard__auto_outside_a_job_array(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    monkeypatch.delenv(SHARD_INDEX, raising=False)
    monkeypatch.delenv(SHARD_COUNT, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"needs the SLURM array variables {SHARD_INDEX} and {SHARD_COUNT}") as caught:
        parse_shard("auto")
    assert "sbatch --array" in caught.value.hint


def test_parse_shard__an_array_with_gaps_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {SHARD_INDEX: "9", SHARD_COUNT: "2", SHARD_FIRST: "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLURM_ARRAY_TASK_STEP", raising=False)
    with pytest.raises(UsageError, match="--shard 9/2: the index must lie between 0 and 1"):
        parse_shard("auto")
