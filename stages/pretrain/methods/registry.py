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
    "aimclr": Entry(
        "stages.pretrain.methods.aimclr:AimCLR",
        "contrast with a queue of momentum keys; extreme changes, dropped attention, mined neighbours",
        "AimCLR, AAAI 2022",
        "poses",
    ),
    "pstl": Entry(
        "stages.pretrain.methods.pstl:PSTL",
        "correlation of a clip with copies without its central joints and without its fast frames",
        "PSTL, AAAI 2023",
        "poses",
    ),
    "non-expert": Entry(
        "stages.pretrain.methods.non_expert:NonExpert",
        "pace prediction and inpainting of limbs with a discriminator; or the pretexts it is compared with",
        "two-stage non-expert and expert, section 3.1",
        "poses",
    ),
    "msfr": Entry(
        "stages.pretrain.methods.msfr:MSFR",
        "recovery of masked segments' features, before any score is seen",
        "S4AQA, table IX",
        "features",
    ),
    "u-vi": Entry(
        "stages.pretrain.methods.u_vi:UVI",
        "the pose that two views of a moment have in common, by swapped reconstruction and shifts",
        "U-VI, BMVC 2021",
        "images",
    ),
}


def method_class(name: str) -> Any:
    """Import and return a method's class (a Pretext with ``SETTINGS`` and ``TRAINING``)."""
    return load_named("pretrain method", name, METHODS)
