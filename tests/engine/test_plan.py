"""Plan and run: skip, refuse, make again, shard, record failures and retry just those."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.artifacts import store
from stages.engine import plan
from stages.engine.options import RunOptions, Shard
from stages.engine.plan import Item, State
from stages.engine.progress import Silent
from stages.errors import ArtifactError, ItemsFailedError, MissingDependencyError, PreemptedError, TrainingError
from tests.artifacts.making import model, restamp

Work = Callable[[Item], None]


def items(folder: Path, count: int = 3, **config: Any) -> list[Item]:
    settings_ = {"epochs": 3, "nested": {"rate": 0.1}} | config
    return [Item(f"item-{n}", folder / f"item-{n}.h5", "finetune", 1, settings_, {"poses": str(n)}) for n in range(count)]


def make(item: Item) -> None:
    artifact = model(config=dict(item.config))
    header = replace(artifact.header, stage=item.stage, stage_version=item.stage_version, fingerprint=item.fingerprint)
    store.write(item.output, replace(artifact, header=header))


def failing(*names: str, error: Exception | None = None) -> Work:
    def work(item: Item) -> None:
        if item.id in names:
            raise error or ArtifactError(f"{item.id} is a bad video.")
        make(item)

    return work


def run(items_: list[Item], work: Work = make, *, tolerant: bool = True, **options: Any) -> plan.Summary:
    return plan.run(items_, work, RunOptions(**options), log=items_[0].output.parent, tolerant=tolerant)


def test_run__makes_then_skips(tmp_path: Path) -> None:
    first, second = run(items(tmp_path)), run(items(tmp_path))
    assert (first.done, first.skipped) == (["item-0", "item-1", "item-2"], [])
    assert (second.done, second.skipped) == ([], ["item-0", "item-1", "item-2"])
    first.raise_if_failed(tmp_path)


def test_run__a_missing_output_alone_is_made(tmp_path: Path) -> None:
    run(items(tmp_path))
    (tmp_path / "item-1.h5").unlink()
    assert run(items(tmp_path)).done == ["item-1"]


def test_run__stale_outputs_are_refused_and_the_keys_named(tmp_path: Path) -> None:
    run(items(tmp_path))
    before = (tmp_path / "item-0.h5").read_bytes()
    with pytest.raises(ArtifactError) as caught:
        run(items(tmp_path, epochs=5, nested={"rate": 0.2}, fresh="x"))
    assert caught.value.message == (
        f"3 outputs exist but were made differently, for example {tmp_path / 'item-0.h5'}:\n"
        '  - epochs: was 3, now 5\n  - fresh: was absent, now "x"\n  - nested.rate: was 0.1, now 0.2'
    )
    assert caught.value.hint == "--overwrite makes them again; or choose another name or workspace"
    assert (tmp_path / "item-0.h5").read_bytes() == before


def test_run__stale_because_inputs_or_the_stage_changed(tmp_path: Path) -> None:
    run(items(tmp_path, 1))
    item = items(tmp_path, 1)[0]
    with pytest.raises(ArtifactError, match=r"1 output exists but was made differently, for example (.|\n)* - its inputs changed"):
        run([replace(item, inputs={"poses": "other"})])
    with pytest.raises(ArtifactError, match="made by finetune 1, now finetune 2"):
        run([replace(item, stage_version=2)])


def test_run__overwrite_makes_everything_again(tmp_path: Path) -> None:
    run(items(tmp_path))
    assert run(items(tmp_path), overwrite=True).done == ["item-0", "item-1", "item-2"]
    assert run(items(tmp_path, epochs=9), overwrite=True).done == ["item-0", "item-1", "item-2"]
    assert run(items(tmp_path, epochs=9)).skipped == ["item-0", "item-1", "item-2"]


def test_run__damaged_outputs_are_made_again(tmp_path: Path) -> None:
    run(items(tmp_path))
    (tmp_path / "item-1.h5").write_bytes(b"half")
    assert [state for _, state in plan.plan(items(tmp_path)).states] == [State.DONE, State.DAMAGED, State.DONE]
    assert run(items(tmp_path)).done == ["item-1"]


@pytest.mark.parametrize("version", ["2.0", "7.3"])
def test_run__a_file_of_a_newer_format_is_not_replaced_unasked(tmp_path: Path, version: str) -> None:
    run(items(tmp_path, 1))
    restamp(tmp_path / "item-0.h5", schema_version=version)
    with pytest.raises(ArtifactError, match=f"has format version {version}; this version of the toolkit reads 1.x"):
        run(items(tmp_path, 1))
    assert run(items(tmp_path, 1), overwrite=True).done == ["item-0"]


def test_run__dry_run_says_what_would_be_done_and_writes_nothing(tmp_path: Path) -> None:
    run(items(tmp_path, 2))
    (tmp_path / "item-1.h5").write_bytes(b"half")
    before = sorted(tmp_path.iterdir())
    progress = Silent()
    summary = run(items(tmp_path), failing("item-1", "item-2"), dry_run=True, progress=progress)
    names = [tmp_path / f"item-{n}.h5" for n in range(3)]
    assert progress.notes == [f"skip         {names[0]}", f"make again   {names[1]}", f"make         {names[2]}"]
    assert (summary.done, summary.failed) == ([], [])
    assert sorted(tmp_path.iterdir()) == before


def test_run__dry_run_of_a_run_that_would_refuse_lists_and_refuses(tmp_path: Path) -> None:
    run(items(tmp_path, 1))
    progress = Silent()
    with pytest.raises(ArtifactError, match="made differently"):
        run(items(tmp_path, 1, epochs=4), dry_run=True, progress=progress)
    assert progress.notes == [f"stale        {tmp_path / 'item-0.h5'}"]
    progress = Silent()
    run(items(tmp_path, 1, epochs=4), dry_run=True, overwrite=True, progress=progress)
    assert progress.notes == [f"make again   {tmp_path / 'item-0.h5'}"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 9), total=st.integers(0, 40))
def test_plan__shards_are_disjoint_and_complete(tmp_path: Path, count: int, total: int) -> None:
    everything = items(tmp_path / "none", total)
    parts = [[item.id for item in plan.plan(everything, Shard(n, count)).items(State.PENDING)] for n in range(count)]
    assert sorted(name for part in parts for name in part) == sorted(item.id for item in everything)


def test_run__shards_together_make_everything(tmp_path: Path) -> None:
    done = [run(items(tmp_path, 7), shard=Shard(n, 3)).done for n in range(3)]
    assert sorted(name for part in done for name in part) == [f"item-{n}" for n in range(7)]
    assert run(items(tmp_path, 7)).done == []


def test_run__a_bad_item_does_not_stop_the_run_and_is_retried_alone(tmp_path: Path) -> None:
    summary = run(items(tmp_path), failing("item-1"))
    assert (summary.done, [failure.id for failure in summary.failed]) == (["item-0", "item-2"], ["item-1"])
    with pytest.raises(ItemsFailedError) as caught:
        summary.raise_if_failed(tmp_path)
    assert caught.value.exit_code == 4
    assert caught.value.message == "1 of 3 items failed:\n  - item-1: item-1 is a bad video."
    assert caught.value.hint == f"reasons in {tmp_path}; the same command retries just these"
    record = json.loads((tmp_path / "failures.jsonl").read_text())
    assert record == {"id": "item-1", "error": "ArtifactError", "message": "item-1 is a bad video.", "details": ""}
    assert plan.read_failures(tmp_path) == summary.failed
    again = run(items(tmp_path))
    assert (again.done, again.skipped) == (["item-1"], ["item-0", "item-2"])
    assert not (tmp_path / "failures.jsonl").exists()


def test_run__many_failures_are_summed_up(tmp_path: Path) -> None:
    summary = run(items(tmp_path, 15), failing(*(f"item-{n}" for n in range(12))))
    with pytest.raises(ItemsFailedError, match=r"12 of 15 items failed(.|\n)*item-9(.|\n)*… and 2 more"):
        summary.raise_if_failed(tmp_path)


def test_run__an_unexpected_error_is_recorded_with_its_traceback(tmp_path: Path) -> None:
    summary = run(items(tmp_path), failing("item-0", error=ZeroDivisionError()))
    failure = summary.failed[0]
    assert (failure.error, failure.message) == ("ZeroDivisionError", "ZeroDivisionError")
    assert "Traceback" in failure.details


@pytest.mark.parametrize(("tolerant", "fail_fast"), [(False, False), (True, True)], ids=["intolerant", "fail-fast"])
def test_run__stops_at_the_first_failure_and_records_it(tmp_path: Path, tolerant: bool, fail_fast: bool) -> None:
    with pytest.raises(TrainingError, match="diverged"):
        run(items(tmp_path), failing("item-1", error=TrainingError("diverged")), tolerant=tolerant, fail_fast=fail_fast)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["failures.jsonl", "item-0.h5"]
    assert [failure.id for failure in plan.read_failures(tmp_path)] == ["item-1"]


@pytest.mark.parametrize(
    "error",
    [MissingDependencyError("no mmpose"), PreemptedError("stopped"), ArtifactError("Cannot write x: the disk is full.")],
    ids=["package", "preempted", "disk"],
)
def test_run__what_hits_every_item_alike_stops_at_once(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        run(items(tmp_path), failing("item-0", error=error))
    assert list(tmp_path.iterdir()) == []


def test_run__each_shard_keeps_its_own_failures_and_a_whole_run_clears_them(tmp_path: Path) -> None:
    for n in range(2):
        run(items(tmp_path, 4), failing("item-0", "item-1"), shard=Shard(n, 2))
    assert sorted(path.name for path in plan.failure_files(tmp_path)) == ["failures.0-of-2.jsonl", "failures.1-of-2.jsonl"]
    assert sorted(failure.id for failure in plan.read_failures(tmp_path)) == ["item-0", "item-1"]
    run(items(tmp_path, 4), failing("item-1"))
    assert [path.name for path in plan.failure_files(tmp_path)] == ["failures.jsonl"]
    assert [failure.id for failure in plan.read_failures(tmp_path)] == ["item-1"]


def test_run__nothing_to_do_at_all(tmp_path: Path) -> None:
    summary = plan.run([], make, RunOptions(), log=tmp_path)
    assert (summary.done, summary.skipped, summary.failed) == ([], [], [])


def test_read_failures__not_a_list(tmp_path: Path) -> None:
    (tmp_path / "failures.jsonl").write_text("oops\n")
    with pytest.raises(ArtifactError, match=r"failures\.jsonl is not a list of failures"):
        plan.read_failures(tmp_path)


def test_worklist__round_trip_and_damage(tmp_path: Path) -> None:
    assert plan.read_worklist(tmp_path) is None
    plan.write_worklist(tmp_path, ["b", "a"])
    assert plan.read_worklist(tmp_path) == ["a", "b"]
    for text in ("{", "{}", "[1]"):
        (tmp_path / "worklist.json").write_text(text)
        with pytest.raises(ArtifactError, match=r"worklist\.json is not a list of ids"):
            plan.read_worklist(tmp_path)
