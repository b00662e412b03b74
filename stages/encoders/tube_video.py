"""A video network that is cut in two, with tube self-attention in between (TSA-Net, Wang et al., ACM Multimedia 2021, section 3.1).

The first stage sees each segment of a clip alone; the attention joins what it found in all segments; the second stage goes on with each
segment, and the clip's representation is the mean.  Inception-I3D is cut where the authors' code cuts it, behind ``MaxPool3d_4a_3x3``:
480 channels, 4 × 14 × 14 cells of 16 × 224 × 224 pixels.  The tiny network (ours, for CPUs and tests) is cut behind its third layer.
N clips, S segments, L frames of a segment, C channels, D dimensions; t, h, w are the sizes of feature maps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from stages.encoders.tube_attention import Similarity, TubeAttention, tube_cells
from stages.encoders.video import VideoConfig, VideoEncoder, segment_frames
from stages.engine.batch import Images
from stages.errors import UsageError
from stages.extract_features.backbones import inception_i3d, tiny

Attention = Literal["tube", "all", "none"]
I3D_CUT, I3D_CHANNELS = "MaxPool3d_4a_3x3", 480
_TINY_CUT = 3
_SEGMENTS_AT_ONCE = 16
"""Segments in memory at once where nothing is learned."""


class TubeVideo(nn.Module):
    """Frames and boxes (N clips) → representations (N, D).

    Args:
        config: the network and its segments.
        attention: over the performer's tube, over all cells (a non-local network), or none (the network as it is).
        modules: how many attention modules follow each other.
        similarity: how cells are compared.
        threshold: the share of a cell that a box has to cover.
        starts: first frames of the segments; None takes them at even distances.

    Raises:
        UsageError: the network cannot be cut, or there are more or fewer starts than segments.
    """

    def __init__(
        self,
        config: VideoConfig,
        attention: Attention,
        modules: int = 1,
        similarity: Similarity = "softmax",
        threshold: float = 0.5,
        starts: tuple[int, ...] | None = None,
    ) -> None:
        if config.network not in ("i3d", "tiny"):
            raise UsageError(f"Tube self-attention needs a network that can be cut: i3d or tiny, found {config.network}.")
        if starts is not None and len(starts) != config.segments:
            raise UsageError(
                f"settings.starts names {len(starts)} segments, settings.backbone.segments says {config.segments}.",
                hint=f"--set settings.backbone.segments={len(starts)}",
            )
        super().__init__()
        self.video = VideoEncoder(config)
        self.config, self.attention, self.threshold, self.starts = config, attention, threshold, starts
        self.dimensions = self.video.dimensions
        channels = I3D_CHANNELS if config.network == "i3d" else tiny.WIDTHS[_TINY_CUT - 1]
        count = 0 if attention == "none" else modules
        self.attentions = nn.ModuleList(TubeAttention(channels, similarity) for _ in range(count))

    def load(self) -> None:
        """Take the weights to start from; see :meth:`stages.encoders.video.VideoEncoder.load`."""
        self.video.load()

    def forward(self, images: Images) -> Tensor:
        """Return the representations, each the mean over its clip's segments."""
        numbers = self.segments(images)
        maps = self._in_parts(self.first, self.video.seen(images, numbers))
        maps = maps.reshape(*numbers.shape[:2], *maps.shape[1:])
        if len(self.attentions):
            inside = self.cells(images, numbers, maps)
            for attention in self.attentions:
                maps = attention(maps, inside)
        found = self._in_parts(self.second, maps.flatten(0, 1))
        return found.reshape(*numbers.shape[:2], -1).mean(dim=1)

    def segments(self, images: Images) -> Tensor:
        """Return the frames of each segment, (N, S, L); beyond a clip's end its last frame stays."""
        length = self.config.length
        if self.starts is None:
            return segment_frames(images.count, self.config.segments, length)
        spare = (images.count - length).clamp(min=0)
        first = torch.minimum(torch.tensor(self.starts, device=images.device), spare[:, None])
        return torch.minimum(first[:, :, None] + torch.arange(length, device=images.device), images.count[:, None, None] - 1)

    def cells(self, images: Images, numbers: Tensor, maps: Tensor) -> Tensor:
        """Return which cells of the maps (N, S, C, t, h, w) attend to each other, (N, S, t, h, w)."""
        size = (int(maps.shape[3]), int(maps.shape[4]), int(maps.shape[5]))
        if self.attention == "all":
            return torch.ones(*numbers.shape[:2], *size, dtype=torch.bool, device=maps.device)
        boxes = images.boxes_at(numbers.flatten(1), maps.device)
        return tube_cells(boxes.reshape(*numbers.shape, *boxes.shape[2:]), size, self.threshold)

    def first(self, clips: Tensor) -> Tensor:
        """Return the maps (n, C, t, h, w) of segments (n, 3, L, H, W) at the cut."""
        network: Any = self.video.network
        if isinstance(network, tiny.TinyRGB):
            return torch.as_tensor(network.layers[: 3 * _TINY_CUT](clips))
        return _layers(network, clips, _I3D_NAMES[:_I3D_AT])

    def second(self, maps: Tensor) -> Tensor:
        """Return what the rest of the network makes of the maps at the cut, (n, D)."""
        network: Any = self.video.network
        if isinstance(network, tiny.TinyRGB):
            return torch.as_tensor(network.layers[3 * _TINY_CUT :](maps)).mean(dim=(2, 3, 4))
        return inception_i3d.features(_layers(network, maps, _I3D_NAMES[_I3D_AT:]))

    def _in_parts(self, stage: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        # Batch norms learn from all segments together; afterwards a few at a time are the same and need less memory.
        return stage(x) if self.training else torch.cat([stage(part) for part in torch.split(x, _SEGMENTS_AT_ONCE)])


_I3D_NAMES = tuple(layer.name for layer in inception_i3d.LAYERS)
_I3D_AT = _I3D_NAMES.index(I3D_CUT) + 1


def _layers(network: nn.Module, x: Tensor, names: tuple[str, ...]) -> Tensor:
    for name in names:
        x = getattr(network, name)(x)
    return x
