"""The state of an unfinished training run, so that it survives a kill.

It holds the weights, the optimisers, the position (phase, epoch, step) and the curves; random numbers are a function of the
position (:mod:`stages.engine.seeding`), so there is no random state to store.  A resumed run continues bit for bit on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.artifacts import store, tree
from stages.artifacts.store import Artifact, Header
from stages.errors import ArtifactError, UsageError

STAGE, VERSION = "training", 1


@dataclass(frozen=True)
class Checkpoint:
    """Where a run saves its state, and which run it is."""

    path: Path
    fingerprint: str

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state; the old one stays whole until the new one is."""
        skeleton, arrays = tree.pack(state, "tensors")
        documents = {"state": skeleton, "config": {}, "provenance": {}}
        store.write(self.path, Artifact(Header("checkpoint", STAGE, VERSION, self.fingerprint), arrays, documents))

    def load(self, resume: str) -> dict[str, Any] | None:
        """Return the saved state.

        Args:
            resume: ``no`` (start anew), ``yes`` (there must be one), ``auto`` (use it where it is there and fits).

        Raises:
            UsageError: ``yes``, and there is nothing to resume.
            ArtifactError: ``yes``, and the checkpoint belongs to another run.
        """
        if resume == "no":
            return None
        if not self.path.exists():
            if resume == "auto":
                return None
            raise UsageError(f"There is nothing to resume: {self.path} does not exist.", hint="--resume auto starts anew then")
        artifact = store.read(self.path, "checkpoint")
        if artifact.header.fingerprint != self.fingerprint:
            raise ArtifactError(
                f"The checkpoint {self.path} belongs to a run with another configuration or other data.",
                hint="run again without --resume to start anew",
            )
        state: dict[str, Any] = tree.unpack(artifact.documents["state"], artifact.arrays)
        return state

    def remove(self) -> None:
        """Delete the state of a run that is finished."""
        self.path.unlink(missing_ok=True)
