"""What an examination has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.arrays import Array
from stages.evaluate.statistics import Estimate


@dataclass(frozen=True)
class Examined:
    """One encoder's figures of N clips.

    Attributes:
        label: of the artifact: the fold, or the encoder's name.
        clips: their ids.
        subjects: whose they are, N; the clip itself where nobody says.
        figures: name → (N,), NaN where a clip has none.
        sheets: clip → picture (H, W, 3) uint8, blue first.
        trained: how many of the clips the encoder was trained on.
        known: how many are of people of whom it was trained on other clips, or these.
    """

    label: str
    clips: tuple[str, ...]
    subjects: tuple[str, ...]
    figures: Mapping[str, Array]
    sheets: Mapping[str, Array]
    trained: int
    known: int


@dataclass(frozen=True)
class Examination:
    """All of an examination.

    Attributes:
        name: of the pretraining.
        facts: how it was made, and what was looked at.
        estimates: figure → mean over clips and folds, with its interval over subjects.
        examined: one per encoder that had clips to look at.
        provenance: of the examination.
        folder: where it is written; None where it is not.
    """

    name: str
    facts: Mapping[str, Any]
    estimates: Mapping[str, Estimate]
    examined: Sequence[Examined]
    provenance: Mapping[str, Any]
    folder: Path | None

    @property
    def clips(self) -> int:
        """How many clips were looked at, over all encoders."""
        return sum(len(each.clips) for each in self.examined)

    @property
    def subjects(self) -> int:
        """How many people these show."""
        return len({subject for each in self.examined for subject in each.subjects})

    def stamps(self) -> list[str]:
        """Return what a reader must know before believing the figures."""
        trained, known = (sum(getattr(each, name) for each in self.examined) for name in ("trained", "known"))
        found = [f"{trained} of the {self.clips} clips are ones that the encoder was trained on."] if trained else []
        return found or ([f"{known} of the {self.clips} clips show people on whom the encoder was trained."] if known else [])

    def sentence(self) -> str:
        """Return what was looked at, in one sentence."""
        facts = self.facts
        trained = " and ".join(facts["trained_on"])
        within = f", {facts['protocol']}, {facts['folds']} fold{'s' if facts['folds'] != 1 else ''}" if facts["protocol"] else ""
        where = f" where {' and '.join(facts['where'])}" if facts["where"] else ""
        looked = f"{_counted(self.clips, 'clip')} of {_counted(self.subjects, 'subject')} of {facts['dataset']}{where}"
        return f"{facts['method']}, trained on {trained}{within}; {looked}"

    def to_json(self) -> dict[str, Any]:
        """Return everything but the pictures."""
        return {
            "name": self.name,
            **self.facts,
            "clips": self.clips,
            "subjects": self.subjects,
            "stamps": self.stamps(),
            "figures": {name: estimate.to_json() for name, estimate in self.estimates.items()},
            "provenance": dict(self.provenance),
        }


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
