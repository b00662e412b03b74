"""Lineage: every artifact carries the provenance of its inputs nested in its own.

Hundreds of clips made by one command share one provenance, so inputs are stored by distinct provenance with a count.  Paths
are not part of it: an artifact that moved to another machine is still the same artifact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stages.artifacts.fingerprint import canonical, combine
from stages.version import __version__


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
