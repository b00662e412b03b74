"""Fingerprints: equal exactly when a stage would write the same result again.

A fingerprint is a SHA-256 over the stage, its version, the resolved configuration, the weights' digest and the inputs'
fingerprints.  No modification times and no hash of code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def canonical(value: Any) -> bytes:
    """Return the one JSON text of ``value``: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True).encode()


def fingerprint(stage: str, stage_version: int, config: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Return the fingerprint of what ``stage`` makes of ``inputs`` (role → fingerprint) under ``config``."""
    parts = {"stage": stage, "stage_version": stage_version, "config": config, "inputs": inputs}
    return hashlib.sha256(canonical(parts)).hexdigest()


def combine(fingerprints: Iterable[tuple[str, str]]) -> str:
    """Return one fingerprint for many named inputs; their order does not matter."""
    digest = hashlib.sha256()
    for name, value in sorted(fingerprints):
        digest.update(canonical([name, value]))
    return digest.hexdigest()


def of_value(value: Any) -> str:
    """Return the fingerprint of a JSON value (a manifest's rows, a split)."""
    return hashlib.sha256(canonical(value)).hexdigest()


def of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
