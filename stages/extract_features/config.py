"""Configuration of ``aqa extract-features``: the network, the segments, the views, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from stages.configuration import Config, Layer, Resolved, flatten, resolve
from stages.extract_features.backbones.registry import HEATMAPS
from stages.video.sampling import Sampling, preset

STAGE = "extract-features"
VERSION = 1
DEFAULT_BACKBONE = "i3d"
DEFAULT_RULE = "even"


class HeatmapConfig(Config):
    """How joints become maps."""

    size: int = Field(56, ge=4, le=512)
    """Rows and columns of a map."""
    sigma: float = Field(0.6, gt=0, le=100)
    """Of the Gaussian around a joint, in cells of the map."""
    margin: float = Field(0.25, ge=0, le=4)
    """By this part the square around all joints of the clip is enlarged."""


class ExtractFeaturesConfig(Config):
    """What is extracted."""

    backbone: str = DEFAULT_BACKBONE
    """A name from the list of backbones, or the name or path of an mmaction2 config."""
    checkpoint: str | None = None
    """The network's weights; by default those that its name stands for."""
    precision: Literal["fp32", "bf16"] = "fp32"
    rule: str = DEFAULT_RULE
    """A named rule of sampling; ``sampling`` changes its parts."""
    sampling: Sampling = preset(DEFAULT_RULE)
    views: tuple[str, ...] = Field(("original",), min_length=1)
    """``original``, ``flip``, ``still``, ``rotate-90``, ``rotate-180``, ``rotate-270``, ``shift:N``, several joined by ``+``; the words
    ``rotations`` and ``shifts`` stand for several."""
    pool: Literal["mean", "none"] = "mean"
    """``none`` keeps the feature maps before pooling."""
    patches: bool = False
    """Features of a square around each joint, instead of the middle of the frame; needs a pose set."""
    patch_size: float = Field(0.25, gt=0, le=2)
    """Side of that square, in units of ``patch_unit``."""
    patch_unit: Literal["frame", "trunk"] = "frame"
    """``frame``: the frame's shorter side; ``trunk``: the distance between hips and shoulders, the median over the clip."""
    performer: bool = False
    """Frames are cut to the first person, instead of to their middle: to the box that the poses have, or one around the joints."""
    performer_margin: float = Field(0.2, ge=0, le=4)
    """By this part of its width and height a box around the joints is enlarged at each side."""
    heatmaps: HeatmapConfig = HeatmapConfig()
    store: Literal["float16", "float32"] | None = None
    """None: float32 for vectors, float16 for maps."""

    @model_validator(mode="after")
    def _possible(self) -> ExtractFeaturesConfig:
        if self.patches and self.pool == "none":
            raise ValueError("patches are pooled: leave out pool none")
        if self.patches and self.performer:
            raise ValueError("a square around each joint and the performer's box exclude each other: patches or performer")
        if self.backbone == HEATMAPS and (self.patches or self.performer or self.pool == "none" or self.views != ("original",)):
            raise ValueError("heatmaps know neither patches nor performer nor pool nor views")
        return self

    @property
    def needs_poses(self) -> bool:
        """Whether video alone is not enough."""
        return self.patches or self.performer

    @property
    def stored(self) -> str:
        """The numpy type of the features."""
        return self.store or ("float16" if self.pool == "none" or self.backbone == HEATMAPS else "float32")

    def document(self) -> dict[str, Any]:
        """Return what of the configuration decides the result; networks and poses enter fingerprints by their content."""
        left_out = {"checkpoint", "backbone", "rule", "store"}
        left_out |= {"precision", "patches", "patch_size", "pool", "views"} if self.backbone == HEATMAPS else {"heatmaps"}
        left_out |= set() if self.patches else {"patches", "patch_size"}
        left_out |= set() if self.performer else {"performer", "performer_margin"}
        left_out |= set() if self.patches and self.patch_unit != "frame" else {"patch_unit"}
        return {**self.model_dump(mode="json", exclude=left_out), "store": self.stored}


def resolve_extract_features(layers: Sequence[Layer]) -> Resolved[ExtractFeaturesConfig]:
    """Resolve the configuration: below all layers lie the values of the named rule.

    Raises:
        UsageError: an unknown rule or key, or a value that is not valid.
    """
    rules = [layer.values["rule"] for layer in layers if "rule" in layer.values]
    name = str(rules[-1]) if rules else DEFAULT_RULE
    named = Layer(f"rule {name}", {"sampling": preset(name).model_dump(mode="json")})
    resolved = resolve(ExtractFeaturesConfig, [named, *layers])
    given = {key for layer in layers for key, _ in flatten(layer.values)}
    if rules or any(key.startswith("sampling.") for key in given):
        return resolved
    sources = {key: "default" if key.startswith("sampling.") else source for key, source in resolved.sources.items()}
    return Resolved(resolved.config, sources)
