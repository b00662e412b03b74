"""Plan, skip, refuse, shard, record failures: the one way in which any stage works through its items.

An item's output is *done* when it carries the item's fingerprint; it is skipped.  An output with another fingerprint is
*stale*: the run refuses, names the keys that differ and offers ``--overwrite``.  An output that is damaged is made again; one that
this version cannot read (a newer format, another program's file) counts as stale.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from stages.artifacts import store
from stages.artifacts.fingerprint import fingerprint
from stages.configuration import differing_keys
from stages.engine.launcher import is_writer, together
from stages.engine.options import RunOptions, Shard
from stages.errors import AqaError, ArtifactError, ForeignArtifactError, ItemsFailedError

FAILURES = "failures"
WORKLIST = "worklist.json"


class State(Enum):
    """What a plan found at an item's output."""

    PENDING = "to do"
    DONE = "done"
    STALE = "stale"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Item:
    """One output of a stage, and everything that decides it."""

    id: str
    output: Path
    stage: str
    stage_version: int
    config: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Role → fingerprint."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint that the output must carry."""
        return fingerprint(self.stage, self.stage_version, self.config, self.inputs)


@dataclass(frozen=True)
class Failure:
    """An item that could not be made, with its reason."""

    id: str
    error: str
    message: str
    details: str = ""


@dataclass
class Summary:
    """What a run did."""

    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)

    def raise_if_failed(self, failures: Path) -> None:
        """Raise exit code 4 where items failed."""
        if self.failed:
            names = "\n".join(f"  - {failure.id}: {failure.message}" for failure in self.failed[:10])
            more = f"\n  … and {len(self.failed) - 10} more" if len(self.failed) > 10 else ""
            raise ItemsFailedError(
                f"{len(self.failed)} of {len(self.failed) + len(self.done) + len(self.skipped)} items failed:\n{names}{more}",
                hint=f"reasons in {failures}; the same command retries just these",
            )


@dataclass(frozen=True)
class Plan:
    """The items of one run with what was found at their outputs; only this shard's items."""

    states: tuple[tuple[Item, State], ...]

    def items(self, *states: State) -> list[Item]:
        """Return the items in any of ``states``."""
        return [item for item, state in self.states if state in states]


def plan(items: Sequence[Item], shard: Shard | None = None) -> Plan:
    """Look at every output that belongs to ``shard`` and say what is done, stale, damaged or still to do."""
    part = shard or Shard()
    return Plan(tuple((item, state_of(item)) for position, item in enumerate(items) if part.takes(position)))


def state_of(item: Item) -> State:
    """Say what lies at an item's output, reading only its root attributes."""
    if not item.output.exists():
        return State.PENDING
    try:
        header = store.read_header(item.output)
    except ForeignArtifactError:
        return State.STALE
    except ArtifactError:
        return State.DAMAGED
    return State.DONE if header.fingerprint == item.fingerprint else State.STALE


def _agreed(found: Plan) -> Plan:
    """Return the plan as the first of the processes that train together found it: it may be done with an item before another looks."""
    if together().count == 1:
        return found
    from stages.engine import ranks  # needs torch, which a plan does not

    states = ranks.agreed(lambda: [state.name for _, state in found.states])
    return Plan(tuple((item, State[name]) for (item, _), name in zip(found.states, states, strict=True)))


def refuse_stale(found: Plan) -> None:
    """Raise exit code 3 where an output was made differently, naming the keys that differ, or is not ours to replace."""
    stale = found.items(State.STALE)
    if not stale:
        return
    first = stale[0]
    reasons = _differences(first)
    raise ArtifactError(
        f"{len(stale)} output{'s' if len(stale) > 1 else ''} exist{'' if len(stale) > 1 else 's'} but "
        f"{'were' if len(stale) > 1 else 'was'} made differently, for example {first.output}:\n"
        + "\n".join(f"  - {reason}" for reason in reasons),
        hint="--overwrite makes them again; or choose another name or workspace",
    )


def run(items: Sequence[Item], work: Callable[[Item], None], options: RunOptions, *, log: Path, tolerant: bool = True) -> Summary:
    """Make every output of this shard that is missing.

    Args:
        items: all items of the stage, of every shard.
        work: makes one item and writes its output.
        options: shard, overwrite, dry run and the rest.
        log: the folder that holds ``failures*.jsonl``.
        tolerant: a failing item is recorded and the run goes on; otherwise its error ends the run.

    Raises:
        ArtifactError: outputs exist that were made differently, and ``--overwrite`` was not given.
    """
    found = _agreed(plan(items, options.shard))
    if options.dry_run:
        for item, state in found.states:
            verb = "make again" if options.overwrite and state is not State.PENDING else _VERBS[state]
            options.progress.note(f"{verb:<12} {item.output}")
    if not options.overwrite:
        refuse_stale(found)
    redo = (State.PENDING, State.DAMAGED, State.STALE)
    todo = found.items(*redo, State.DONE) if options.overwrite else found.items(*redo)
    summary = Summary(skipped=[] if options.overwrite else [item.id for item in found.items(State.DONE)])
    if options.dry_run:
        return summary
    failures = failures_file(log, options.shard)
    with options.progress.task(items[0].stage if items else "nothing", len(todo)) as task:
        for item in todo:
            task.advance(0, item.id)
            try:
                work(item)
                summary.done.append(item.id)
            except Exception as error:
                if _stops_everything(error):
                    raise
                summary.failed.append(_failure(item, error))
                record_failures(failures, summary.failed)
                if not tolerant or options.fail_fast:
                    raise
            task.advance(1, item.id)
    record_failures(failures, summary.failed)
    if options.shard.count == 1 and is_writer():
        for other in set(failure_files(log)) - {failures}:  # this run went through the items of every shard
            other.unlink(missing_ok=True)
    return summary


def failures_file(log: Path, shard: Shard) -> Path:
    """Return where this shard writes its failures (one writer per file)."""
    return log / f"{FAILURES}{shard.label}.jsonl"


def record_failures(path: Path, failures: Sequence[Failure]) -> None:
    """Replace the failures of the last run by those of this one; no failures, no file."""
    if not is_writer():
        return
    if not failures:
        path.unlink(missing_ok=True)
        return
    with store.replacing_path(path) as temporary:
        temporary.write_text("".join(json.dumps(vars(failure)) + "\n" for failure in failures), encoding="utf-8")


def failure_files(log: Path) -> list[Path]:
    """Return the files in which the shards of a stage left their failures."""
    return sorted(log.glob(f"{FAILURES}*.jsonl"))


def read_failures(log: Path) -> list[Failure]:
    """Return the failures that the last run of every shard left under ``log``.

    Raises:
        ArtifactError: a file of failures is not one.
    """
    return [failure for path in failure_files(log) for failure in read_failures_file(path)]


def read_failures_file(path: Path) -> list[Failure]:
    """Return the failures of one shard; see :func:`read_failures`."""
    try:
        return [Failure(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError) as error:
        raise ArtifactError(f"{path} is not a list of failures: {error}.", hint="delete it; the next run writes it anew") from None


def write_worklist(folder: Path, ids: Sequence[str]) -> None:
    """Freeze the list of items, so that ``aqa status`` can count what is missing without the inputs."""
    if not is_writer():
        return
    with store.replacing_path(folder / WORKLIST) as temporary:
        temporary.write_text(json.dumps(sorted(ids), indent=0), encoding="utf-8")


def read_worklist(folder: Path) -> list[str] | None:
    """Return the ids that a stage is to make in ``folder``, or None where no stage wrote its list.

    Raises:
        ArtifactError: the file is not a list of ids.
    """
    path = folder / WORKLIST
    if not path.is_file():
        return None
    try:
        ids = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        ids = None
    if not isinstance(ids, list) or not all(isinstance(entry, str) for entry in ids):
        raise ArtifactError(f"{path} is not a list of ids.", hint="run the stage again; it writes the list anew")
    return ids


_VERBS = {State.PENDING: "make", State.DONE: "skip", State.STALE: "stale", State.DAMAGED: "make again"}


def _differences(item: Item) -> list[str]:
    try:
        header = store.read_header(item.output)
    except ForeignArtifactError as error:
        return [error.message]
    reasons = []
    if (header.stage, header.stage_version) != (item.stage, item.stage_version):
        reasons.append(f"made by {header.stage} {header.stage_version}, now {item.stage} {item.stage_version}")
    old = store.read_document(item.output, "config")
    new = json.loads(json.dumps(item.config))
    reasons.extend(f"{key}: was {_value(old, key)}, now {_value(new, key)}" for key in differing_keys(old, new))
    return reasons or ["its inputs changed"]


def _value(config: Mapping[str, Any], dotted: str) -> str:
    value: Any = config
    for key in dotted.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return "absent"
        value = value[key]
    return json.dumps(value)


def _stops_everything(error: Exception) -> bool:
    # A full disk or a missing package hits every item alike: going on would only repeat it.
    return isinstance(error, AqaError) and (error.exit_code in (2, 5, 75) or str(error).startswith("Cannot write"))


def _failure(item: Item, error: Exception) -> Failure:
    if isinstance(error, AqaError):
        return Failure(item.id, type(error).__name__, error.message)
    return Failure(item.id, type(error).__name__, str(error) or type(error).__name__, traceback.format_exc())
