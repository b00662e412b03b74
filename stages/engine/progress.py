"""How a stage tells somebody what it is doing.  The library only calls; the command line decides what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One thing that moves: a run over items, or epochs."""

    def advance(self, steps: int = 1, text: str = "") -> None:
        """Move on by ``steps``; ``text`` is what to show beside the bar (the current loss, the current clip)."""


class Progress(Protocol):
    """Where a stage reports to."""

    def note(self, text: str) -> None:
        """Say one line that matters (a choice that was made for the user, a warning)."""

    def task(self, description: str, total: int) -> AbstractContextManager[Task]:
        """Open a moving task of ``total`` steps."""


class SaidOnce:
    """A progress that passes on each note once: for many runs that would say the same."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()

    def note(self, text: str) -> None:
        """Say the line, unless it was said before."""
        if text not in self._said:
            self._said.add(text)
            self._progress.note(text)

    def task(self, description: str, total: int) -> AbstractContextManager[Task]:
        """Open a moving task."""
        return self._progress.task(description, total)


class _SilentTask:
    def advance(self, steps: int = 1, text: str = "") -> None:
        pass


class Silent:
    """A progress that shows nothing but keeps its notes, for library use and tests."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keep the line."""
        self.notes.append(text)

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Task]:
        """Yield a task that shows nothing."""
        yield _SilentTask()
