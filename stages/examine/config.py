"""Configuration of ``aqa examine``."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from stages.configuration import Config

STAGE = "examine"
VERSION = 1


class ExamineConfig(Config):
    """What is looked at, and how figures are computed."""

    where: tuple[str, ...] = ()
    """Conditions ``COLUMN=VALUE[,VALUE]`` that select clips."""
    seen: bool = False
    """Whether clips that the encoder was trained on are looked at, too (the page says so)."""
    settings: dict[str, Any] = {}
    """Settings of the method that are others than in its training, such as ``pairs: clips`` where other cameras filmed."""
    sheets: int = Field(4, ge=0)
    """Clips whose pictures are shown, where the method paints any."""
    confidence: float = Field(0.95, gt=0, lt=1)
    resamples: int = Field(2000, ge=1)
    """Bootstrap draws of whole subjects."""
    seed: int = 0
    """Of whatever is random in the pretext, and of the bootstrap."""
