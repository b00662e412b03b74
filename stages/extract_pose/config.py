"""Configuration of ``aqa extract-pose``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from stages.configuration import Config

STAGE = "extract-pose"
VERSION = 1

ALL = "all"
RULES = ("largest", "longest", "most-moving", ALL)


class ExtractPoseConfig(Config):
    """Who is looked for, with what, and what is done to the joints that were found."""

    estimator: str = "rtmo-s"
    """A name from the list of estimators, an exported network (``.onnx``), or an mmpose configuration (``.py``)."""
    checkpoint: str | None = None
    """The network's weights; by default those that its name stands for."""
    precision: Literal["fp32", "bf16"] = "fp32"
    flip_test: bool = False
    """Average with the joints of the mirrored image: twice the time, a little more accurate."""
    boxes: str | None = None
    """Where a top-down network finds its person: a CSV or JSON file of boxes, or the name of a one-stage estimator.  None: a
    top-down network follows one person from frame to frame by itself, and a one-stage network needs no boxes."""
    boxes_checkpoint: str | None = None
    """The weights of the estimator that finds the boxes."""
    person: str = "largest"
    """``largest``, ``longest``, ``most-moving``, ``all``, or the id of a person (several: ``1,3``)."""
    people: int = Field(1, ge=1, le=16)
    """How many people are kept by the rule; 2 for synchronised diving."""
    min_confidence: float = Field(0.2, ge=0, lt=1)
    """A joint of less confidence is missing."""
    max_gap: float = Field(0.5, ge=0, allow_inf_nan=False)
    """Gaps of a joint up to so many seconds are filled in and marked; longer ones stay missing."""
    repair_swaps: bool = False
    """Exchange left and right where that makes the motion from frame to frame clearly smaller."""
    smooth: float = Field(0.0, ge=0, allow_inf_nan=False)
    """Window in seconds of a second-order Savitzky-Golay filter; 0 smooths nothing."""
    allow_truncated: bool = False
    """Keep what was readable of a video whose end is missing, instead of refusing it."""

    @model_validator(mode="after")
    def _one_choice(self) -> ExtractPoseConfig:
        if self.people > 1 and self.person not in RULES:
            raise ValueError("people is for rules; several ids are written 1,3")
        if self.people > 1 and self.person == ALL:
            raise ValueError("person 'all' keeps everybody: leave out people")
        return self
