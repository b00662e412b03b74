"""Configuration of ``aqa import-features``."""

from __future__ import annotations

from typing import Literal

from stages.configuration import Config

STAGE = "import-features"
VERSION = 1


class ImportFeaturesConfig(Config):
    """How files of features are read."""

    format: Literal["auto", "npy", "npz", "pickle", "h5", "csv"] = "auto"
    """The format of the files; by default that of each file's name."""
    key: str | None = None
    """The array or entry that holds the features, where there are several; by default ``features`` and the like, or the only one."""
    store: Literal["float16", "float32"] = "float32"
    """How numbers are kept."""
