"""Configuration of ``aqa render``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stages.configuration import Config

STAGE = "render"


class RenderConfig(Config):
    """What is drawn, and as what it is written."""

    output: Literal["video", "frames", "sheet"] = "video"
    """An mp4, a folder of PNG frames, or one PNG with frames side by side."""
    every: int = Field(1, ge=1)
    """Draw only every so many frames; an mp4 then has fewer frames per second, and lasts as long."""
    tiles: int = Field(12, ge=1, le=400)
    """How many frames a sheet shows, evenly spread over the clip."""
    boxes: bool = False
    """Draw the boxes in which people were found, where the poses have them."""
