"""Configuration of ``aqa score``."""

from __future__ import annotations

from pydantic import Field

from stages.configuration import Config

STAGE = "score"


class ScoreConfig(Config):
    """How sure an interval is to be."""

    confidence: float = Field(0.9, gt=0, lt=1)
    """Nominal coverage of intervals, and of the sets of levels or actions."""
