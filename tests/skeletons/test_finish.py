"""The last steps of the preparation: sums that give the joints back, ranges, and what padding and absent people do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from stages.skeletons.finish import bones, finish, motion, needed, scale_to_unit
from stages.skeletons.input import PoseInput, joints, prepare
from stages.skeletons.layouts import KINECT_20, LAYOUTS, Layout
from stages.skeletons.poses import sequence


def clips(layout: Layout = KINECT_20, count: int = 3, people: int = 2) -> tuple[Tensor, Tensor]:
    """Return poses (N, C, T, V, M) of 12 frames, the last clip's last four padded and its second person not there."""
    mask = torch.ones(count, 12, dtype=torch.bool)
    mask[-1, 8:] = False
    poses = torch.randn(count, 3, 12, len(layout.joints), people) * mask[:, None, :, None, None]
    poses[-1, ..., 1:] = 0
    return poses, mask


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_bones__sum_up_along_the_tree(layout: Layout) -> None:
    poses, _ = clips(layout)
    found = bones(poses, layout)
    for number, name in enumerate(layout.joints):
        total, here = torch.zeros_like(poses[:, :, :, 0]), name
        while (parent := layout.parents[here]) is not None:
            total, here = total + found[:, :, :, layout.index[here]], parent
        torch.testing.assert_close(poses[:, :, :, layout.index[here]] + total, poses[:, :, :, number], atol=1e-5, rtol=0)


def test_motion__sums_up_in_time_and_stops_before_the_padding() -> None:
    poses, mask = clips()
    found = motion(poses, mask)
    assert not found[:, :, -1].any()
    assert not found[-1, :, 7:].any()
    later = poses[:, :, :1] + found[:, :, :-1].cumsum(dim=2)
    torch.testing.assert_close(later[:2], poses[:2, :, 1:], atol=1e-5, rtol=0)
    torch.testing.assert_close(later[2, :, :7], poses[2, :, 1:8], atol=1e-5, rtol=0)


def test_scale_to_unit__fills_the_range_of_each_axis_with_what_is_there() -> None:
    poses, mask = clips()
    poses[0, 1] = 7
    found = scale_to_unit(poses, mask)
    for clip, axis in itertools.product(range(3), range(3)):
        if (clip, axis) != (0, 1):
            assert (found[clip, axis].min(), found[clip, axis].max()) == (pytest.approx(-1), pytest.approx(1))
    assert not found[0, 1].any()
    assert not found[-1, :, 8:].any()
    assert not found[-1, ..., 1].any()
    assert not scale_to_unit(torch.zeros_like(poses), mask).any()


@pytest.mark.parametrize("length", ["resample", "pad-front"])
@pytest.mark.parametrize("scale", ["unit", "trunk"])
@pytest.mark.parametrize("stream", ["joint", "bone", "joint-motion", "bone-motion"])
def test_prepare__is_joints_and_then_finish(stream: str, scale: str, length: str) -> None:
    settings = PoseInput(stream=stream, scale=scale, length=length, frames=16)  # type: ignore[arg-type]
    poses = sequence(np.random.default_rng(0).normal(size=(1, 9, 20, 3)), KINECT_20)
    before, mask = joints(poses, settings)
    after = finish(torch.from_numpy(before)[None], torch.from_numpy(mask)[None], settings, KINECT_20)
    np.testing.assert_array_equal(prepare(poses, settings)[0], after[0].numpy())
    assert needed(settings) == (stream != "joint" or scale == "unit")
    assert np.array_equal(before, after[0].numpy()) != needed(settings)
