"""Every error that a user can cause: what happened, where, what was expected and found, and what to run next.

``message`` says what is wrong; ``hint`` is the command or action that mends it.  The command line turns ``exit_code`` into
the process's exit status in one place, so that scripts on a cluster can tell the cases apart.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class AqaError(Exception):
    """An error with a sentence for its reader.  Anything that is not one of these is a bug (exit code 1)."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UsageError(AqaError):
    """The command, a key or a name is wrong (exit code 2)."""

    exit_code = 2


class ArtifactError(AqaError):
    """An artifact or an input file is damaged, of the wrong kind, or stale (exit code 3)."""

    exit_code = 3


class ForeignArtifactError(ArtifactError):
    """A file that is not damaged but not ours to replace unasked: of a newer format, of another program, or not readable by us."""


class ItemsFailedError(AqaError):
    """The run went through, but some items failed (exit code 4)."""

    exit_code = 4


class TrainingError(AqaError):
    """A training run went wrong (exit code 4: an item of the experiment failed)."""

    exit_code = 4


class MissingDependencyError(AqaError):
    """An optional package or a weight file is not there (exit code 5)."""

    exit_code = 5


class PreemptedError(AqaError):
    """The run was asked to stop and can be resumed (exit code 75)."""

    exit_code = 75


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the name in ``known`` that ``word`` most resembles, or None where nothing comes close."""
    by_folded = {name.lower().replace("_", "-"): name for name in known}
    match = difflib.get_close_matches(word.lower().replace("_", "-"), list(by_folded), n=1, cutoff=0.5)
    return by_folded[match[0]] if match else None


def unknown_name(what: str, word: str, known: Iterable[str]) -> UsageError:
    """Build the error for a name that does not exist: it names the nearest one and lists them all."""
    names = sorted(known)
    guess = nearest(word, names)
    question = f" Did you mean '{guess}'?" if guess else ""
    return UsageError(f"Unknown {what} '{word}'.{question}", hint=f"known: {', '.join(names) or 'none'}")


def some(names: Sequence[str]) -> str:
    """Return the first few names, and how many there are where there are more."""
    return ", ".join(names[:5]) + (f" … ({len(names)})" if len(names) > 5 else "")
