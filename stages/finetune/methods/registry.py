"""The list of finetuning methods.  Listing it imports none of them."""

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


METHODS: Mapping[str, Entry] = {
    "sme-gcn": Entry(
        "stages.finetune.methods.sme_gcn:SMEGCN",
        "skeleton encoder (CTR-GCN) with a linear regressor, from scratch, frozen or fine-tuned",
        "2M-AF, section 3.2",
        "poses, encoder (optional)",
    ),
    "kinematics-ridge": Entry(
        "stages.finetune.methods.kinematics:KinematicsRidge", "kinematic statistics of the joints + ridge regression", "baseline", "poses"
    ),
    "kinematics-svr": Entry(
        "stages.finetune.methods.kinematics:KinematicsSVR",
        "kinematic statistics of the joints + support vector regression",
        "baseline",
        "poses",
    ),
    "kinematics-trees": Entry(
        "stages.finetune.methods.kinematics:KinematicsTrees",
        "kinematic statistics of the joints + extremely randomised trees",
        "baseline",
        "poses",
    ),
}


def method_class(name: str) -> Any:
    """Import and return a method's class (an Assessor with ``SETTINGS`` and ``TRAINING``, or an Estimator with ``SETTINGS``)."""
    if name not in METHODS:
        raise unknown_name("finetune method", name, METHODS)
    module, _, attribute = METHODS[name].reference.partition(":")
    return getattr(importlib.import_module(module), attribute)
