"""Configuration of ``aqa import-poses``."""

from __future__ import annotations

from stages.configuration import Config

STAGE = "import-poses"
VERSION = 1


class ImportPosesConfig(Config):
    """What to import."""

    dataset: str | None = None
    """A data set in its published layout, found under the data root."""
