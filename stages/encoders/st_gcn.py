"""ST-GCN: spatial temporal graph convolutional networks (Yan, Xiong, Lin, AAAI 2018), the network of mmaction2.

Ten blocks of a graph convolution over the joints' neighbours, in three subsets by distance from the body's centre and with a learned
importance per edge, and a convolution of nine frames.  As in mmaction2's recipes there is no dropout, and joints are normalised alike
for all people, so that their order does not matter.
"""

from __future__ import annotations

from typing import ClassVar

from stages.encoders.mmaction_graph import GraphConfig, MMActionGraph, network
from stages.skeletons.layouts import Layout


class STGCN(MMActionGraph):
    """Poses (N, C, T, V, M) → representation (N, D), D = 4 × width."""

    SETTINGS: ClassVar = GraphConfig

    def __init__(self, config: GraphConfig, layout: Layout, channels: int = 3, people: int = 1) -> None:
        super().__init__(network("STGCN", config, layout, channels, "stgcn_spatial"))
