"""Which of several processes this one is: a launcher (torchrun, srun) starts the same command several times and numbers the copies.

Only a step of ``srun`` with several tasks counts: a batch script runs once, however many tasks its job asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stages.errors import UsageError


@dataclass(frozen=True)
class Process:
    """One of the processes that a launcher started.

    Attributes:
        rank: its number, counted from 0; rank 0 alone writes.
        count: how many there are.
        local: its number among those on the same machine, which is the number of its GPU.
    """

    rank: int = 0
    count: int = 1
    local: int = 0


_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_SRUN = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID")


def this_process() -> Process:
    """Return which process this is; the only one where nothing launched it.

    Raises:
        UsageError: a launcher's variables are not all there, or are not numbers that fit.
    """
    names = next((names for names in (_TORCHRUN, _SRUN) if names[1] in os.environ), None)
    if names is None:
        return Process()
    try:
        found = Process(*(int(os.environ[name]) for name in names))
    except (KeyError, ValueError):
        found = Process(-1)
    if not 0 <= found.rank < found.count or found.local < 0:
        said = ", ".join(f"{name}={os.environ.get(name, 'absent')}" for name in names)
        raise UsageError(f"The variables of a launcher do not fit: {said}.", hint="start with torchrun or srun, or unset them")
    return found


_together = [Process()]


def together() -> Process:
    """Return which process this is of those that train together; outside :func:`stages.engine.ranks.team` each is alone."""
    return _together[-1]


def is_writer() -> bool:
    """Say whether this process writes: of those that train together the first one alone does."""
    return together().rank == 0


@contextmanager
def met(process: Process) -> Iterator[None]:
    """While it is entered, the processes work together."""
    _together.append(process)
    try:
        yield
    finally:
        _together.pop()
