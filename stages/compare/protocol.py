"""In what the runs were made differently, from what their predictions say of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.compare.runs import Matched, Run
from stages.configuration import flatten
from stages.evaluate.names import in_words, selection_in_words

_OF_ONE_MODEL = ("fold", "seed")
"""Settings that differ from model to model of one experiment."""
_PROTOCOL = ("where", "per", "split_seed", "validation", "target.")
"""Beginnings of the settings that belong to the protocol, and not to the method or its training."""
_ALREADY = ("dataset", "protocol", "method", "select", "target.task", "target.column")
"""Settings that an experiment's facts say themselves."""
_NONE = "–"
_DIGITS = 12


@dataclass(frozen=True)
class Aspect:
    """One thing in which runs may differ, and what it is in each, in words and in the order of the runs."""

    name: str
    values: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether it is the same in all runs."""
        return len(set(self.values)) == 1


@dataclass(frozen=True)
class Aspects:
    """How the runs were made: by which protocol and on which data, and by which settings of method and training."""

    protocol: tuple[Aspect, ...]
    settings: tuple[Aspect, ...]


def aspects(found: Matched) -> Aspects:
    """Return everything that the runs say of how they were made, the same and the different."""
    runs = found.runs
    protocol, settings = _by_name([_protocol(run, found) for run in runs]), _by_name([dict(_settings(run)) for run in runs])
    of_protocol = [aspect for aspect in settings if aspect.name.startswith(_PROTOCOL)]
    others = [aspect for aspect in settings if not aspect.name.startswith(_PROTOCOL)]
    return Aspects((*protocol, *of_protocol), tuple(others))


def _by_name(said: Sequence[Mapping[str, str]]) -> list[Aspect]:
    names = dict.fromkeys(name for each in said for name in each)
    return [Aspect(name, tuple(each.get(name, _NONE) for each in said)) for name in names]


def _protocol(run: Run, found: Matched) -> dict[str, str]:
    facts = dict(run.facts)
    said = {key.replace("_", " "): in_words(value) for key, value in facts.items() if key not in ("stamps", "select")}
    if "select" in facts:
        said["selection"] = selection_in_words(str(facts["select"]))
    said["stamps"] = in_words(list(facts.get("stamps", ())))
    said["clips that not all have"] = str(len(found.left_out[run.name]))
    if found.refolded:
        first = found.runs[0].name
        said["clips of each fold"] = f"other than those of {first}" if run.name in found.refolded else f"those of {first}"
    for entry in run.provenance.get("inputs", []):
        role = str(entry["role"])
        if not _of_models(role):
            said[role] = f"{entry.get('count', '?')} clips, fingerprint {str(entry['fingerprint'])[:_DIGITS]}"
    said["encoder"] = _encoders(run)
    return said


def _settings(run: Run) -> Iterator[tuple[str, str]]:
    """Yield each setting of the run's models; where they differ among themselves, every value."""
    values: dict[str, dict[str, None]] = {}
    for document in _models(run):
        for key, value in flatten(document.get("config", {})):
            if key not in _OF_ONE_MODEL and key not in _ALREADY:
                values.setdefault(key, {})[in_words(value)] = None
    for key, several in values.items():
        yield key, " or ".join(several)


def _encoders(run: Run) -> str:
    """Return which encoders the models started from: how they were pretrained, on what, and their fingerprints."""
    found: dict[str, None] = {}
    for document in _models(run):
        for entry in document.get("inputs", []):
            if entry.get("role") == "encoder":
                made = entry["made_by"][0]["provenance"] if entry.get("made_by") else {}
                config = made.get("config", {})
                how = " ".join(str(part) for part in (made.get("stage"), config.get("method")) if part) or "origin not recorded"
                on = f" on {in_words(config['dataset'])}" if config.get("dataset") else ""
                found[f"{how}{on}, {str(entry['fingerprint'])[:_DIGITS]}"] = None
    return "; ".join(found) or "none"


def _models(run: Run) -> Iterator[Mapping[str, Any]]:
    for entry in run.provenance.get("inputs", []):
        if _of_models(str(entry["role"])):
            for maker in entry.get("made_by", []):
                yield maker["provenance"]


def _of_models(role: str) -> bool:
    return role == "models" or role.startswith("models of ")  # the latter of score fusion
