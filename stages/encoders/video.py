"""Video networks that are trained along: frames of a clip's segments → one representation, the mean over the segments.

What ``aqa extract-features`` does once for all, done in every step, so that the network learns (2M-AF's RGB stream end to end; the
networks are those of :mod:`stages.extract_features.backbones`).  N clips, S segments, L frames of a segment, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from stages import openmmlab
from stages import weights as weight_files
from stages.configuration import Config
from stages.engine.batch import Images
from stages.errors import UsageError
from stages.extract_features.backbones import i3d, inception_i3d, tiny
from stages.extract_features.backbones.contract import Look
from stages.extract_features.backbones.mmaction import Layers
from stages.extract_features.backbones.registry import HERE, entry_of


class VideoConfig(Config):
    """The network and its segments."""

    network: Literal["tiny", "i3d", "c3d"] = "i3d"
    weights: str | None = None
    """A file to start from, or ``packaged`` for the tiny network's; None starts from scratch."""
    segments: int = Field(10, ge=1)
    """S, at even distances over the clip."""
    length: int = Field(16, ge=1)
    """L; in a shorter clip the last frame stays."""


@dataclass(frozen=True)
class _Kind:
    look: Look
    dimensions: int


_KINDS: Mapping[str, _Kind] = {
    "tiny": _Kind(tiny.LOOK, tiny.DIMENSIONS),
    "i3d": _Kind(i3d.RGB, inception_i3d.DIMENSIONS),
    "c3d": _Kind(Look("rgb", 128, 112, (104.0, 117.0, 128.0), (1.0, 1.0, 1.0), 16), 4096),
}
"""Network → how it sees frames, and D.  C3D's preparation is that of mmaction2's config."""


class VideoEncoder(nn.Module):
    """Frames (N clips) → representations (N, D).

    Raises:
        UsageError: the network needs another number of frames in a segment.
        MissingDependencyError: C3D was chosen, and mmaction2 is not installed.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        kind = _KINDS[config.network]
        if kind.look.length not in (None, config.length):
            raise UsageError(f"{config.network} sees segments of {kind.look.length} frames, not {config.length}.")
        self.config, self.dimensions = config, kind.dimensions
        self.network = _network(config.network)
        self.register_buffer("mean", torch.tensor(kind.look.mean).view(-1, 1, 1, 1) / 255, persistent=False)
        self.register_buffer("std", torch.tensor(kind.look.std).view(-1, 1, 1, 1) / 255, persistent=False)

    def load(self) -> None:
        """Take the weights to start from; called once, before the training, so that a trained model needs no such file.

        Raises:
            UsageError: the network has none in its package.
            ArtifactError: the file is not there, or does not fit.
        """
        if self.config.weights is None:
            return
        file = Path(self.config.weights)
        if self.config.weights == "packaged":
            packaged = entry_of(self.config.network).packaged
            if not packaged:
                raise UsageError(f"The weights of {self.config.network} are in no package.", hint="weights=FILE")
            file = HERE / packaged
        state = {name.removeprefix("backbone."): value for name, value in weight_files.read_state(file).items()}
        state = {name: value for name, value in state.items() if not name.startswith(("cls_head.", "logits."))}
        like = {name: value for name, value in self.network.state_dict().items() if name.startswith("logits.")}
        weight_files.load_into(self.network, state | like, str(file))

    def forward(self, images: Images) -> Tensor:
        """Return the representations, each the mean over its clip's segments."""
        numbers = segment_frames(images.count, self.config.segments, self.config.length)
        found = _features(self.network, self.seen(images, numbers))
        return found.view(len(images), self.config.segments, -1).mean(dim=1)

    def seen(self, images: Images, numbers: Tensor) -> Tensor:
        """Return the segments whose frames are ``numbers`` (N, S, L) as the network sees them, (N · S, 3, L, H, W)."""
        frames = images.frames(numbers.flatten(1), 0, self.mean.device)
        clips = frames.view(-1, self.config.length, *frames.shape[2:]).transpose(1, 2)
        return (clips - self.mean) / self.std


def side_of(config: VideoConfig) -> int:
    """Return the rows and columns of the frames that the network was made for."""
    return _KINDS[config.network].look.crop


def segment_frames(count: Tensor, segments: int, length: int) -> Tensor:
    """Return the frames of segments at even distances over clips of ``count`` (N,) frames, (N, S, L); beyond the end the last one stays."""
    spare = (count - length).clamp(min=0)
    share = torch.linspace(0, 1, segments, device=count.device) if segments > 1 else torch.full((1,), 0.5, device=count.device)
    first = (share * spare[:, None]).round().long()
    return torch.minimum(first[:, :, None] + torch.arange(length, device=count.device), count[:, None, None] - 1)


def _network(name: str) -> nn.Module:
    if name == "tiny":
        return tiny.TinyRGB()
    if name == "i3d":
        return inception_i3d.InceptionI3D()
    network: Any = openmmlab.action_backbone("C3D", pretrained=None)
    assert isinstance(network, nn.Module)
    return network


def _features(network: nn.Module, clips: Tensor) -> Tensor:
    if isinstance(network, tiny.TinyRGB):
        found: Tensor = network(clips)
        return found
    if isinstance(network, inception_i3d.InceptionI3D):
        return inception_i3d.features(network.maps(clips))
    return Layers(network, frames=False, bf16=False).features(clips)
