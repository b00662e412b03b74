"""What ST-GCN and 2s-AGCN share: mmaction2's graph networks, given our joint layouts and led through their blocks with a mask.

The modules, their weights' names and their initialisation are mmaction2's; where every frame is real, so are the outputs.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from torch import Tensor, nn

from stages import openmmlab
from stages.configuration import Config
from stages.encoders.real_frames import as_factor, coarser, mean_of_real
from stages.skeletons.layouts import Layout


class GraphConfig(Config):
    """Sizes; the defaults are the papers'."""

    width: int = Field(64, ge=4, multiple_of=4)
    """Channels of the first blocks; they double at the fifth and at the eighth, where time is halved."""
    blocks: int = Field(10, ge=1, le=10)
    """How many of the ten blocks are used."""


class MMActionGraph(nn.Module):
    """Poses (N, C, T, V, M) → representation (N, D), the mean over people, joints and real frames."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.dimensions: int = network.gcn[-1].tcn.conv.out_channels

    def frames(self, poses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the representation per frame (N, T', D), the mean over people and joints, and its mask (N, T')."""
        features, mask = self.joints(poses, mask)
        return features.mean(dim=(1, 4)).transpose(1, 2), mask

    def joints(self, poses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the feature map (N, M, D, T', V) before any pooling, and the mask (N, T') at its temporal resolution."""
        people = poses.shape[4]
        x = self._normalised(poses)
        real = as_factor(mask, x, people)
        x = x * real
        for block in self.network.gcn:
            inner = self.graph(block.gcn, x, real) * real
            mask = coarser(mask, block.tcn.stride)
            real = as_factor(mask, x, people)
            x = block.relu(block.tcn(inner) + block.residual(x)) * real
        return x.view(-1, people, *x.shape[1:]), mask

    def forward(self, poses: Tensor, mask: Tensor) -> Tensor:
        """Return the clip's representation (N, D); ``mask`` (N, T) is true where a frame is real."""
        return mean_of_real(*self.frames(poses, mask))

    def graph(self, unit: Any, x: Tensor, real: Tensor) -> Tensor:
        """Return the output of one graph convolution; x (N × M, D, T, V), ``real`` (N × M, 1, T, 1) is one where a frame is."""
        return unit(x)

    def _normalised(self, poses: Tensor) -> Tensor:
        """Return the poses through the network's first batch normalisation, (N × M, C, T, V)."""
        batch, channels, frames, joints, people = poses.shape
        rows = poses.permute(0, 4, 3, 1, 2)
        flat = rows.reshape(batch * people, -1, frames) if self.network.data_bn_type == "VC" else rows.reshape(batch, -1, frames)
        return self.network.data_bn(flat).view(batch * people, joints, channels, frames).permute(0, 2, 3, 1)


def network(
    name: str, config: GraphConfig, layout: Layout, channels: int, partition: Literal["stgcn_spatial", "spatial"], **more: Any
) -> Any:
    """Return a fresh network of mmaction2 over the graph of ``layout``.

    Args:
        name: its class in mmaction2.
        config: sizes.
        layout: its edges are the graph, its root the centre that distances are measured from.
        channels: C.
        partition: how mmaction2 splits the neighbours of a joint into subsets.
        more: further arguments of the class.
    """
    root = next(layout.index[joint] for joint, parent in layout.parents.items() if parent is None)
    graph = {"num_node": len(layout.joints), "inward": list(layout.edges), "center": root}
    return openmmlab.action_backbone(
        name,
        graph_cfg={"layout": graph, "mode": partition},
        in_channels=channels,
        base_channels=config.width,
        num_stages=config.blocks,
        **more,
    )
