"""Configuration of ``aqa import-poses``."""

from __future__ import annotations

from pydantic import Field

from stages.configuration import Config

STAGE = "import-poses"
VERSION = 1


class ImportPosesConfig(Config):
    """What to import, and how files are to be read."""

    dataset: str | None = None
    """A data set in its published layout, found under the data root; nothing where files are given."""
    format: str = "auto"
    """The format of the files; by default that of each file's name and content."""
    skeleton: str | None = None
    """The layout of the files' joints; by default the one that their names or number fit."""
    fps: float | None = Field(None, gt=0, le=10_000, allow_inf_nan=False)
    """Frames per second, instead of what the files say (30 where they do not)."""
