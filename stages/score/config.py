"""Configuration of ``aqa score``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stages.configuration import Config

STAGE = "score"


class ScoreConfig(Config):
    """How sure an interval is to be, and whether scores are explained."""

    confidence: float = Field(0.9, gt=0, lt=1)
    """Nominal coverage of intervals, and of the sets of levels or actions."""
    explain: Literal["none", "replacement", "gradients"] = "none"
    """What each part of the body costs in each moment: by having it move as in the best training clips, or by integrated gradients."""
