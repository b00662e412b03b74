"""PoseC3D's trunk against mmaction2's own forward pass, and its size."""

from __future__ import annotations

import pytest
import torch

from stages.encoders.pose_c3d import PoseC3D, PoseC3DConfig
from stages.skeletons.heat_maps import draw
from stages.skeletons.layouts import COCO_17, KINECT_20
from tests.encoders.miniatures import stirred


def _real(count: int, frames: int) -> torch.Tensor:
    return torch.ones(count, frames, dtype=torch.bool)


def test_forward__is_mmaction2_s_on_the_same_weights() -> None:
    network = stirred(PoseC3D(PoseC3DConfig(size=16, width=4, blocks=(2, 2, 2)), KINECT_20, 2, 1))
    poses = torch.randn(2, 2, 7, 20, 1)
    with torch.no_grad():
        expected = network.network(draw(poses, _real(2, 7), 16, 0.6)).mean(dim=(2, 3, 4))
        torch.testing.assert_close(network(poses, _real(2, 7)), expected, rtol=1e-4, atol=1e-5)


def test_size__is_the_published_one() -> None:
    network = PoseC3D(PoseC3DConfig(), COCO_17, 2, 1)
    assert network.dimensions == 512
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(2.0e6, rel=0.01)
