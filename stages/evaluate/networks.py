"""Which network saw the videos, and with which weights: what a report must name, since published weights differ from paper to paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stages.extract_features.backbones.registry import BACKBONES

_DIGITS = 12


def networks(inputs: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """Return what made the features of an evaluation's clips, in words; nothing where no network did, or it is not recorded.

    Args:
        inputs: provenance of the clips' artifacts, an entry per role.
    """
    configs = [maker["provenance"].get("config") or {} for entry in inputs for maker in entry.get("made_by", ())]
    made = [config["backbone"] for config in configs if isinstance(config.get("backbone"), Mapping)]
    return tuple(dict.fromkeys(_said(each) for each in made if "weights" in each))


def _said(backbone: Mapping[str, str]) -> str:
    name = backbone["name"]
    known = f" (by its name: {BACKBONES[name].summary})" if name in BACKBONES else ""
    return f"{name}{known}, weights {backbone['weights'][:_DIGITS]}"
