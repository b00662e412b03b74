"""The list of encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.engine.registry import Entry, load_named

ENCODERS: Mapping[str, Entry] = {
    "ctr-gcn": Entry("stages.encoders.ctr_gcn:CTRGCN", "channel-wise topology refinement graph convolution", "CTR-GCN, ICCV 2021", "poses"),
}


def encoder_class(name: str) -> Any:
    """Import and return an encoder's class (a module with ``SETTINGS``)."""
    return load_named("encoder", name, ENCODERS)
