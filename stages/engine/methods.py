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


OWN_WEIGHTS: Mapping[str, str] = {
    "tsa-net": "Inception-I3D's to start from, or none (tiny); the pose estimator's, for poses of videos",
    "2m-af": "the backbone's and the pose estimator's, for videos; from frames the video network's to start from",
}
"""Method → the published weights that it needs, where its inputs do not say it."""
_OF_INPUTS: Mapping[str, str] = {"poses": "the pose estimator's", "features": "the backbone's", "images": "the pose estimator's"}


def catalogue() -> list[dict[str, str]]:
    """Return one entry per method or encoder: what for, its name, what it is, where it comes from, what it takes, its weights."""
    return [_entry(purpose, name, entry) for purpose, reference in LISTS.items() for name, entry in load(reference).items()]


def _entry(purpose: str, name: str, entry: Any) -> dict[str, str]:
    facts = {key: str(getattr(entry, key, "")) for key in ("summary", "paper", "inputs")}
    return {"for": purpose, "name": name, **facts, "weights": OWN_WEIGHTS.get(name) or weights_of(facts["inputs"])}


def weights_of(inputs: str) -> str:
    """Return the published weights that what a method takes needs; none where its inputs are not made of videos."""
    found = dict.fromkeys(weights for word, weights in _OF_INPUTS.items() if word in inputs)
    return f"{' and '.join(found)}, for videos" if found else "none"
