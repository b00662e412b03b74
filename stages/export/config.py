"""Configuration of ``aqa export``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stages.configuration import Config

STAGE = "export"
ONNX, SAFETENSORS, BOTH = "onnx", "safetensors", "both"


class ExportConfig(Config):
    """What is written."""

    format: Literal["onnx", "safetensors", "both"] = "both"
    """``onnx``: a graph that onnxruntime runs without this toolkit and without torch; ``safetensors``: the numbers alone."""
    frames: int | None = Field(None, ge=1)
    """Of models that see pictures: the longest clip that the graph takes; None takes the longest that training had."""
