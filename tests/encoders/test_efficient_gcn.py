"""EfficientGCN's sizes, graph and inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stages.encoders.efficient_gcn import REACH, EfficientGCN, EfficientGCNConfig, by_distance, inputs, scaled
from stages.skeletons.layouts import COCO_17, KINECT_25, LAYOUTS, Layout


@pytest.mark.parametrize(("scale", "published"), [(0, 0.29), (2, 0.51), (4, 1.10)], ids=["B0", "B2", "B4"])
def test_size__is_the_published_one(scale: int, published: float) -> None:
    network = EfficientGCN(EfficientGCNConfig(scale=scale), KINECT_25, 3, 2)
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
    edges = sum(size for name, size in sizes.items() if name.endswith("importance"))
    assert edges == 20625
    assert round((sum(sizes.values()) - edges + 60 * (network.dimensions + 1)) / 1e6, 2) == published


def test_scaled__b4_by_hand() -> None:
    # widths × 1.2⁴ = 2.0736 in steps of 16, depths × 1.35⁴ = 3.32
    assert scaled(((48, 1, 0.5), (24, 1, 0.5)), EfficientGCNConfig()) == [(96, 1, 2), (48, 1, 2)]
    assert scaled(((64, 2, 1), (128, 2, 1)), EfficientGCNConfig()) == [(128, 2, 3), (272, 2, 3)]
    assert scaled(((64, 2, 1),), EfficientGCNConfig(scale=0, width=4)) == [(16, 2, 1)]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_by_distance__subsets_are_the_distances_along_the_skeleton(layout: Layout) -> None:
    adjacency = by_distance(layout, REACH)
    steps = np.full((len(layout.joints),) * 2, np.inf)
    np.fill_diagonal(steps, 0)
    for one, two in layout.edges:
        steps[one, two] = steps[two, one] = 1
    for via in range(len(steps)):
        steps = np.minimum(steps, steps[:, via, None] + steps[None, via])
    for distance in range(REACH + 1):
        np.testing.assert_array_equal(adjacency[distance] > 0, steps == distance)
    np.testing.assert_allclose(adjacency.sum(axis=(0, 1)), 1, rtol=1e-6)


def test_inputs__joints_velocities_and_bones_by_hand() -> None:
    positions = torch.zeros(1, 2, 4, 17, 1)[..., 0]
    positions[0, 0] = torch.tensor([1.0, 2.0, 4.0, 0.0])[:, None]  # everything moves along x
    elbow, shoulder = COCO_17.index["left_elbow"], COCO_17.index["left_shoulder"]
    positions[0, :, :, elbow] += torch.tensor([3.0, 4.0])[:, None]
    mask = torch.tensor([[True, True, True, False]])
    joints, velocities, bones = inputs(positions, mask, 1, COCO_17)
    assert torch.equal(joints[:, :2], positions)
    assert joints[0, :, 1, elbow].tolist() == [5, 4, 3, 4]  # relative to hips and shoulders, which lie in x = 2
    assert velocities[0, 0, :, shoulder].tolist() == [1, 2, 0, 0]  # the step into the padding is none
    assert velocities[0, 2, :, shoulder].tolist() == [3, 0, 0, 0]
    assert bones[0, :2, 0, elbow].tolist() == [3, 4]
    assert bones[0, 2:, 0, elbow].tolist() == pytest.approx([math.acos(0.6), math.acos(0.8)], abs=1e-4)


def test_inputs__one_frame_has_no_velocity() -> None:
    _, velocities, _ = inputs(torch.randn(2, 3, 1, 17), torch.ones(2, 1, dtype=torch.bool), 1, COCO_17)
    assert velocities.shape == (2, 6, 1, 17)
    assert not velocities.any()
