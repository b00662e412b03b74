"""Lists of methods: literal tables, so that listing and completion import none of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stages.errors import unknown_name


@dataclass(frozen=True)
class Entry:
    """One method: ``module:Class``, what it is, where it was published, what it consumes."""

    reference: str
    summary: str
    paper: str
    inputs: str


def load(reference: str) -> Any:
    """Import and return what ``module:attribute`` names."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)


def load_named(what: str, name: str, table: Mapping[str, Entry]) -> Any:
    """Import and return the class of ``name``; an unknown name is a usage error that names the nearest."""
    if name not in table:
        raise unknown_name(what, name, table)
    return load(table[name].reference)
