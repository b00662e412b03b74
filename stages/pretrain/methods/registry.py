"""The list of pretraining methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.engine.registry import Entry, load_named

METHODS: Mapping[str, Entry] = {
    "sme-gcn": Entry(
        "stages.pretrain.methods.sme_gcn:SMEGCN",
        "contrast of two frame-masked copies of a clip (variance, temporal, random masks)",
        "2M-AF, section 3.1",
        "poses",
    ),
}


def method_class(name: str) -> Any:
    """Import and return a method's class (a Pretext with ``SETTINGS`` and ``TRAINING``)."""
    return load_named("pretrain method", name, METHODS)
