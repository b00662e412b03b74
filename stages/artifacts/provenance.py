"""Lineage: every artifact carries the provenance of its inputs nested in its own.

Hundreds of clips made by one command share one provenance, so inputs are stored by distinct provenance with a count.  Paths
are not part of it: an artifact that moved to another machine is still the same artifact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stages.artifacts.fingerprint import canonical, combine
from stages.version import __version__

_SETTINGS_TOLD = 6


def provenance(
    stage: str, stage_version: int, config: Mapping[str, Any], inputs: Iterable[Mapping[str, Any]] = (), **facts: Any
) -> dict[str, Any]:
    """Return the provenance document of something that ``stage`` made.

    Args:
        stage: the stage's name, as typed after ``aqa``.
        stage_version: the version of the stage's results.
        config: the resolved configuration.
        inputs: what :func:`of_inputs` returned, one mapping per role.
        facts: anything else that explains the result (seed, device, versions of libraries).
    """
    return {
        "stage": stage,
        "stage_version": stage_version,
        "created_by": f"aqa-toolkit {__version__}",
        "config": dict(config),
        "inputs": [dict(entry) for entry in inputs],
        **facts,
    }


def of_inputs(role: str, members: Iterable[tuple[str, str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Describe the inputs of one role: ``members`` are (name, fingerprint, provenance)."""
    distinct: dict[bytes, dict[str, Any]] = {}
    names = []
    for name, fingerprint, document in members:
        names.append((name, fingerprint))
        entry = distinct.setdefault(canonical(document), {"count": 0, "provenance": dict(document)})
        entry["count"] += 1
    return {"role": role, "count": len(names), "fingerprint": combine(names), "made_by": list(distinct.values())}


def in_words(documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return provenances as lines for people: what made them under which settings, and below it what that was made from.

    Those that differ only in settings (the folds and seeds of one experiment) share a line, which says what differs.
    """
    return _words([(1, document) for document in documents], "")


def _words(makers: Iterable[tuple[int, Mapping[str, Any]]], indent: str) -> list[str]:
    alike: dict[tuple[str, tuple[str, ...]], list[tuple[int, Mapping[str, Any]]]] = {}
    for count, document in makers:
        alike.setdefault((_title(document), tuple(_inputs(document, indent))), []).append((count, document.get("config", {})))
    lines = []
    for (title, below), group in alike.items():
        total = sum(count for count, _ in group)
        times = f"{total} × " if total > 1 else ""
        lines += [f"{indent}{times}{title}{_settings([config for _, config in group])}", *below]
    return lines


def _title(document: Mapping[str, Any]) -> str:
    if "stage" not in document:
        return "origin not recorded"
    return f"{document['stage']} {document.get('stage_version', '?')} ({document.get('created_by', 'unknown version')})"


def _inputs(document: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for entry in document.get("inputs", []):
        makers = [(int(maker.get("count", 1)), maker.get("provenance", {})) for maker in entry.get("made_by", [])]
        lines += [f"{indent}  from {entry.get('role', 'something')}:", *_words(makers, f"{indent}    ")]
    return lines


def _settings(configs: Sequence[Mapping[str, Any]]) -> str:
    first = configs[0]
    told = [key for key, value in first.items() if isinstance(value, str | int | float) and not isinstance(value, bool)]
    agreed = [f"{key} {first[key]}" for key in told if all(config.get(key) == first[key] for config in configs)]
    differing = [key for key in told if any(config.get(key) != first[key] for config in configs)]
    parts = agreed[:_SETTINGS_TOLD] + ([f"different {' and '.join(differing[:_SETTINGS_TOLD])}"] if differing else [])
    return f": {', '.join(parts)}" if parts else ""
