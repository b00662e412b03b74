"""How a command is carried out: everything that cannot change a result, and so is part of no fingerprint."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from stages.engine.launcher import Process
from stages.engine.progress import Progress, Silent
from stages.errors import UsageError
from stages.workspace import Workspace

SHARD_INDEX, SHARD_COUNT, SHARD_FIRST = "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"


@dataclass(frozen=True)
class Shard:
    """Part ``index`` of ``count`` of the work; the parts are disjoint and need not know of each other."""

    index: int = 0
    count: int = 1

    def takes(self, position: int) -> bool:
        """Say whether the item at ``position`` of the whole list belongs to this part."""
        return position % self.count == self.index

    def after(self, others: int) -> Shard:
        """Return this part's share of a list that follows ``others`` items in one long list."""
        return Shard((self.index - others) % self.count, self.count)

    @property
    def label(self) -> str:
        """A file-name part that no other shard has; empty where there is one shard."""
        return "" if self.count == 1 else f".{self.index}-of-{self.count}"


def parse_shard(text: str | None, process: Process | None = None) -> Shard:
    """Read ``i/n`` (counted from 0) or ``auto`` (the variables of a SLURM job array, whose tasks may be several processes each).

    Args:
        text: what was asked for; None for all of the work.
        process: which of the processes that share a task's part this is.
    """
    if text is None:
        return Shard()
    among = process or Process()
    if text == "auto" and among.count > 1 and SHARD_INDEX not in os.environ:
        return Shard(among.rank, among.count)
    if text == "auto":
        try:
            count = int(os.environ[SHARD_COUNT])
            step = int(os.environ.get("SLURM_ARRAY_TASK_STEP", "1"))
            index = (int(os.environ[SHARD_INDEX]) - int(os.environ.get(SHARD_FIRST, "0"))) // step
        except (KeyError, ValueError):
            raise UsageError(
                f"--shard auto needs the SLURM array variables {SHARD_INDEX} and {SHARD_COUNT}.",
                hint="submit with 'sbatch --array=0-7', or give --shard i/n",
            ) from None
    else:
        try:
            index, count = (int(part) for part in text.split("/"))
        except ValueError:
            raise UsageError(f"--shard takes i/n or auto, found '{text}'.", hint="for example --shard 0/4 … --shard 3/4") from None
    if not 0 <= index < count:
        raise UsageError(f"--shard {index}/{count}: the index must lie between 0 and {count - 1}.")
    return Shard(index * among.count + among.rank, count * among.count)


@dataclass(frozen=True)
class RunOptions:
    """Where and how a stage runs."""

    workspace: Workspace = field(default_factory=Workspace.default)
    data_root: Path | None = None
    device: str = "auto"
    shard: Shard = Shard()
    overwrite: bool = False
    dry_run: bool = False
    fail_fast: bool = False
    resume: str = "no"
    """``no``, ``yes`` (an error where there is nothing to resume) or ``auto``."""
    progress: Progress = field(default_factory=Silent)
