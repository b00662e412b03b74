"""The outcome of a comparison, as the command prints it, the page shows it and ``compare.json`` holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.compare import cases
from stages.compare.cases import Case
from stages.compare.config import CompareConfig
from stages.compare.motion import Motions
from stages.compare.paired import Figures, Found
from stages.compare.poses import Strips
from stages.compare.protocol import Aspect, Aspects
from stages.compare.runs import Matched, Run
from stages.evaluate.table import Table

FEW = 10
"""With fewer subjects the bootstrap knows too little of how subjects differ, and intervals come out too narrow."""


@dataclass(frozen=True)
class Comparison:
    """A comparison's outcome.

    Attributes:
        matched: the runs on the clips that all of them have, the reference first.
        found: every figure and difference.
        aspects: how the runs were made.
        cases: the clips that are shown.
        strips: the poses of those.
        motions: how complex the motion of those is.
        config: how figures were computed.
        folder: where it was written; None where it was not.
    """

    matched: Matched
    found: Found
    aspects: Aspects
    cases: Sequence[Case]
    strips: Strips
    motions: Motions
    config: CompareConfig
    folder: Path | None = None

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs, the reference first."""
        return self.matched.runs

    @property
    def table(self) -> Table:
        """The reference's predictions of the common clips."""
        return self.runs[0].table

    @property
    def unit(self) -> tuple[str, int]:
        """What is drawn in the bootstrap, ``subjects`` or ``clips``, and how many there are."""
        count = len(set(self.table.clusters.tolist()))
        return ("clips" if count == len(self.table) else "subjects", count)

    @property
    def notes(self) -> list[str]:
        """What must be said beside the figures."""
        what, count = self.unit
        least = f"no p-value is below {2.0 ** (1 - count):.2g}" if count > 1 else "no difference can be told"
        few = [f"with {count} {what}, intervals are rough, and rather too narrow; {least}"] if count < FEW else []
        return [*self.matched.notes, *self.found.notes, *few]

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``compare.json``."""
        what, count = self.unit
        named = [run.name for run in self.runs]
        return {
            "reference": named[0],
            "runs": [_run(run, self.matched) for run in self.runs],
            "clips": len(self.table),
            "where": list(self.config.where),
            "bootstrap": {
                "unit": what,
                "units": count,
                "resamples": self.config.resamples,
                "seed": self.config.seed,
                "confidence": self.config.confidence,
            },
            "overall": _figures(self.found.overall),
            "per_class": {label: {"clips": self.found.counts[label], **_figures(found)} for label, found in self.found.per_class.items()},
            "score_range": list(self.found.score_range) if self.found.score_range else None,
            "notes": self.notes,
            "differences": {
                "protocol": _differing(self.aspects.protocol, named),
                "settings": _differing(self.aspects.settings, named),
            },
            "cases": [_case(case, self) for case in self.cases],
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of ``compare.csv``: one per figure, class (empty for all clips) and run; what is not defined is empty."""
        everything: list[tuple[str, int, Figures]] = [("", len(self.table), self.found.overall)]
        everything += [(label, self.found.counts[label], found) for label, found in self.found.per_class.items()]
        for label, clips, found in everything:
            for name, by_run in found.items():
                for run, figure in by_run.items():
                    said = figure.estimate.to_json()
                    apart = figure.difference.to_json() if figure.difference else {}
                    yield {
                        "figure": name,
                        "class": label,
                        "clips": clips,
                        "run": run,
                        **{key: said[key] for key in ("value", "low", "high", "sd_over_seeds")},
                        "difference": apart.get("value"),
                        **{key: apart.get(key.removeprefix("difference_")) for key in ("difference_low", "difference_high")},
                        **{key: apart.get(key) for key in ("other_side", "p")},
                    }


def clips_sentence(comparison: Comparison) -> str:
    """Return how many runs are compared on which clips."""
    kept = f" and that meet {' and '.join(comparison.config.where)}" if comparison.config.where else ""
    return f"{len(comparison.runs)} runs on the {len(comparison.table)} clips that all of them have{kept}"


def drawn_sentence(comparison: Comparison) -> str:
    """Return what the bootstrap drew, and how often."""
    (what, count), config = comparison.unit, comparison.config
    whole = ", each with all clips" if what == "subjects" else ""
    return (
        f"{100 * config.confidence:g} % intervals and p-values from {config.resamples} bootstrap resamples of {count} {what}{whole}, "
        "the same for every run"
    )


def left_out_sentence(comparison: Comparison) -> str:
    """Return how many clips each run has that not all of the others have; nothing where there are none."""
    counts = [f"{len(clips)} of {name}" for name, clips in comparison.matched.left_out.items() if clips]
    return f"left out, because not every run has them: {', '.join(counts)}" if counts else ""


def _run(run: Run, found: Matched) -> dict[str, Any]:
    return {
        "name": run.name,
        "fingerprint": run.fingerprint,
        "seeds": list(run.table.seeds),
        "facts": dict(run.facts),
        "left_out": list(found.left_out[run.name]),
    }


def _figures(found: Figures) -> dict[str, Any]:
    return {name: {run: figure.to_json() for run, figure in by_run.items()} for name, by_run in found.items()}


def _differing(aspects: Sequence[Aspect], runs: Sequence[str]) -> dict[str, Mapping[str, str]]:
    return {aspect.name: dict(zip(runs, aspect.values, strict=True)) for aspect in aspects if not aspect.same}


def _case(case: Case, comparison: Comparison) -> dict[str, Any]:
    runs = comparison.runs
    return {
        "clip": case.clip,
        "why": list(case.why),
        "motion_complexity": comparison.motions.measured.get(case.clip),
        "truth": _truth(runs[0].table, case.number),
        "predicted": {run.name: _predicted(run.table, case.number) for run in runs},
    }


def _truth(table: Table, number: int) -> float | str:
    return cases.truth_of(table, number) if table.classes else float(table.truth[number])


def _predicted(table: Table, number: int) -> float | str:
    return table.classes[cases.most_often(table, number)[0]] if table.classes else float(table.ensemble[number])
