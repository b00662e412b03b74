"""Configuration of ``aqa evaluate``."""

from __future__ import annotations

from pydantic import Field, field_validator

from stages.configuration import Config

STAGE = "evaluate"
VERSION = 1


class EvaluateConfig(Config):
    """How figures are computed."""

    confidence: float = Field(0.95, gt=0, lt=1)
    """Level of the bootstrap intervals."""
    resamples: int = Field(2000, ge=100)
    """Bootstrap resamples; subjects are drawn where they repeat, clips elsewhere."""
    seed: int = 0
    """Of the bootstrap."""
    range: tuple[float, float] | None = None
    """Lowest and highest score for R-ℓ2; None takes those of the evaluated clips, as all published code does."""

    @field_validator("range")
    @classmethod
    def _increasing(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not value[0] < value[1]:
            raise ValueError("must be [lowest, highest] with lowest < highest")
        return value
