"""What a user sees: results on stdout, everything else on stderr; bars on a terminal, log lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from stages.engine.progress import Progress, Task

if TYPE_CHECKING:
    from stages.engine.plan import Summary

LOG_SECONDS = 10.0
"""How often a task says where it is when there is no terminal."""

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def progress() -> Progress:
    """Return bars for a terminal, log lines for anything else."""
    return TerminalProgress() if err.is_terminal else LogProgress()


class TerminalProgress:
    """Bars on stderr."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._open = 0

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        (self._bars.console if self._bars else err).print(text, markup=False)

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Task]:
        """Show a bar; nested tasks share one display."""
        if self._bars is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[text]}"),
            )
            self._bars = Bars(*columns, console=err, transient=True)
            self._bars.start()
        bars, identity = self._bars, self._bars.add_task(description, total=total, text="")
        self._open += 1
        try:
            yield _Bar(bars, identity)
        finally:
            bars.remove_task(identity)
            self._open -= 1
            if not self._open:
                bars.stop()
                self._bars = None


class _Bar:
    def __init__(self, bars: Bars, identity: Any) -> None:
        self._bars, self._identity = bars, identity

    def advance(self, steps: int = 1, text: str = "") -> None:
        self._bars.update(self._identity, advance=steps, text=text)


class LogProgress:
    """A log line every so often on stderr."""

    def note(self, text: str) -> None:
        """Print the line."""
        print(text, file=sys.stderr, flush=True)

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Task]:
        """Log where the task is every :data:`LOG_SECONDS`."""
        yield _Line(description, total)


class _Line:
    def __init__(self, description: str, total: int) -> None:
        self._description, self._total, self._done, self._said = description, total, 0, time.monotonic()

    def advance(self, steps: int = 1, text: str = "") -> None:
        self._done += steps
        if time.monotonic() - self._said >= LOG_SECONDS:
            self._said = time.monotonic()
            print(f"{self._description} {self._done}/{self._total} {text}".rstrip(), file=sys.stderr, flush=True)


def result(value: Any, *, as_json: bool, text: str) -> None:
    """Print a result: ``value`` as JSON, or ``text`` for people."""
    if as_json:
        print(json.dumps(value, indent=1))
    else:
        out.print(text, markup=False)


def summary(summary: Summary, folder: Path) -> None:
    """Print what a run did, and raise exit code 4 where items failed."""
    counts = {"done": len(summary.done), "skipped": len(summary.skipped), "failed": len(summary.failed)}
    print(f"{', '.join(f'{count} {name}' for name, count in counts.items())}; in {folder}")
    summary.raise_if_failed(folder)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout; on a pipe, tab-separated lines that ``cut`` and ``awk`` can read."""
    if not out.is_terminal:
        for row in (columns, *rows):
            print("\t".join(row))
        return
    shown = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        shown.add_row(*row)
    out.print(shown)
