"""Every list of methods and encoders as one, for ``aqa methods``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.engine.registry import load

LISTS: Mapping[str, str] = {
    "pretrain": "stages.pretrain.methods.registry:METHODS",
    "finetune": "stages.finetune.methods.registry:METHODS",
    "encoder": "stages.encoders.registry:ENCODERS",
}


def catalogue() -> list[dict[str, str]]:
    """Return one entry per method or encoder: what it is for, its name, what it is, where it comes from, what it takes."""
    return [_entry(purpose, name, entry) for purpose, reference in LISTS.items() for name, entry in load(reference).items()]


def _entry(purpose: str, name: str, entry: Any) -> dict[str, str]:
    facts = {key: str(getattr(entry, key, "")) for key in ("summary", "paper", "inputs")}
    return {"for": purpose, "name": name, **facts}
