"""2s-AGCN: two-stream adaptive graph convolutional networks (Shi, Zhang, Cheng, Lu, CVPR 2019), the network of mmaction2.

The encoder is one AGCN: mmaction2's AAGCN with its attention switched off.  Its graph is learned, starting as the skeleton's, and
completed by each clip's own, the likeness of the joints' features in that clip.  As in the authors' later multi-stream network,
likeness goes through a tanh and is weighed by a learned α that starts at zero.  The two streams are two such encoders whose scores are
summed: the second sees bones, ``--set settings.input.stream=bone``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from stages.encoders.mmaction_graph import GraphConfig, MMActionGraph, network
from stages.skeletons.layouts import Layout


class AGCN(MMActionGraph):
    """Poses (N, C, T, V, M) → representation (N, D), D = 4 × width."""

    SETTINGS: ClassVar = GraphConfig

    def __init__(self, config: GraphConfig, layout: Layout, channels: int = 3, people: int = 1) -> None:
        super().__init__(network("AAGCN", config, layout, channels, "spatial", num_person=people, gcn_attention=False))

    def graph(self, unit: Any, x: Tensor, real: Tensor) -> Tensor:
        """Return mmaction2's adaptive graph convolution, the clip's own graph measured over its real frames (N × M, D, T, V)."""
        length = real.sum(dim=(1, 2, 3))[:, None, None].clamp(min=1)
        total: Tensor | float = 0.0
        for fixed, one, two, transform in zip(unit.A, unit.conv_a, unit.conv_b, unit.conv_d, strict=True):
            likeness = torch.einsum("nctv,nctw->nvw", one(x) * real, two(x))
            own = torch.tanh(likeness / (unit.inter_c * length))
            total = total + transform(torch.einsum("nctv,nvw->nctw", x, fixed + unit.alpha * own))
        return unit.relu(unit.bn(total) + unit.down(x))
