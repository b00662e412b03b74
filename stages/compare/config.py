"""Configuration of ``aqa compare``: how figures are computed is that of ``aqa evaluate``."""

from __future__ import annotations

from pydantic import Field

from stages.evaluate.config import EvaluateConfig

STAGE = "compare"
VERSION = 1


class CompareConfig(EvaluateConfig):
    """What is compared with what, and which clips are shown."""

    against: str | None = None
    """The run that the others are compared with; None takes the first."""
    where: tuple[str, ...] = ()
    """Conditions ``COLUMN=VALUE[,VALUE]`` that select the clips that are compared."""
    clips: tuple[str, ...] = ()
    """Clips that are shown as cases; with none, those of ``disagreements``, and the best and the worst of the reference."""
    disagreements: int = Field(3, ge=0)
    """How many clips are shown on which the runs disagree most."""
    poses: int = Field(10, ge=2, le=40)
    """How many poses of a case are drawn, at even distances."""
