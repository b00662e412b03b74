"""What every encoder of the list promises: any layout, 2-D and 3-D, several people, any length, and no trace of padding."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch
from torch import nn

from stages import openmmlab
from stages.encoders.registry import ENCODERS
from stages.encoders.spec import PoseSpec
from stages.errors import MissingDependencyError, UsageError
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import LAYOUTS
from tests.encoders.miniatures import MINI, build, stirred

NEW = sorted(set(MINI) - {"ctr-gcn"})
"""Those that keep padding out altogether (CTR-GCN leaves it out of its mean alone)."""


def test_encoders__each_is_tested_here() -> None:
    assert set(MINI) == {name for name, entry in ENCODERS.items() if entry.inputs == "poses"}


@pytest.mark.parametrize("skeleton", LAYOUTS)
@pytest.mark.parametrize("name", MINI)
def test_encoder__every_layout_in_the_plane_and_in_space(name: str, skeleton: str) -> None:
    joints = len(LAYOUTS[skeleton].joints)
    for channels, people in ((2, 1), (3, 2)):
        network = build(name, skeleton, channels, people).eval()
        with torch.no_grad():
            features = network(torch.randn(2, channels, 9, joints, people), torch.ones(2, 9, dtype=torch.bool))
        assert features.shape == (2, network.dimensions)
        assert torch.isfinite(features).all()


@pytest.mark.parametrize("frames", [1, 2, 7, 16])
@pytest.mark.parametrize("name", MINI)
def test_frames__any_length_and_its_mask_go_together(name: str, frames: int) -> None:
    network = build(name, people=2).eval()
    mask = torch.ones(3, frames, dtype=torch.bool)
    mask[0, 1:] = False
    features, pooled = network.frames(torch.randn(3, 3, frames, 20, 2), mask)
    assert features.shape == (*pooled.shape, network.dimensions)
    assert pooled.sum(dim=1).tolist() == [1, pooled.shape[1], pooled.shape[1]]


@pytest.mark.parametrize("name", sorted(set(MINI) - {"posec3d", "gru"}))
def test_joints__a_feature_per_person_joint_and_frame(name: str) -> None:
    network = build(name, people=2).eval()
    poses, mask = torch.randn(3, 3, 9, 20, 2), torch.ones(3, 9, dtype=torch.bool)
    with torch.no_grad():
        features, pooled = network.joints(poses, mask)
        frames = network.frames(poses, mask)[0]
    assert features.shape == (3, 2, network.dimensions, pooled.shape[1], 20)
    torch.testing.assert_close(features.mean(dim=(1, 4)).transpose(1, 2), frames)


@pytest.mark.parametrize("name", MINI)
def test_forward__finite_gradients_with_padding_and_a_missing_person(name: str) -> None:
    network = build(name, people=2).train()
    poses, mask = torch.randn(4, 3, 12, 20, 2), torch.ones(4, 12, dtype=torch.bool)
    poses[1, ..., 1] = 0
    poses[2, :, 5:], mask[2, 5:] = 0, False
    network(poses, mask).square().sum().backward()
    gradients = {key: parameter.grad for key, parameter in network.named_parameters()}
    assert [key for key, gradient in gradients.items() if gradient is None or not torch.isfinite(gradient).all()] == []


@pytest.mark.parametrize("length", [1, 5, 12])
@pytest.mark.parametrize("name", NEW)
def test_forward__a_padded_clip_has_the_features_of_the_clip_alone(name: str, length: int) -> None:
    network = stirred(build(name, people=2))
    clip, real = torch.randn(1, 3, length, 20, 2), torch.ones(1, length, dtype=torch.bool)
    nothing, unreal = torch.zeros(1, 3, 8, 20, 2), torch.zeros(1, 8, dtype=torch.bool)
    with torch.no_grad():
        alone = network(clip, real)
        behind = network(torch.cat([clip, nothing], dim=2), torch.cat([real, unreal], dim=1))
        more = network(torch.cat([clip, nothing, nothing], dim=2), torch.cat([real, unreal, unreal], dim=1))
        in_front = network(torch.cat([nothing, clip], dim=2), torch.cat([unreal, real], dim=1))
        other = network(clip.flip(2) + torch.randn_like(clip), real)
    for padded in (behind, more, in_front):
        torch.testing.assert_close(padded, alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(other, alone, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", sorted(set(NEW) - {"2s-agcn", "gru"}))
def test_forward__the_order_of_the_people_does_not_matter(name: str) -> None:
    network = stirred(build(name, people=2))
    poses, mask = torch.randn(2, 3, 8, 20, 2), torch.ones(2, 8, dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(network(poses.flip(4), mask), network(poses, mask), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MINI)
def test_build__the_seed_alone_decides_the_weights(name: str) -> None:
    first = build(name).state_dict()
    torch.rand(7)
    again = build(name).state_dict()
    assert all(torch.equal(value, again[key]) for key, value in first.items())
    torch.manual_seed(1)
    other = PoseSpec(name, MINI[name], "kinect-20", 3, PoseInput(skeleton="kinect-20")).build().state_dict()
    assert any(not torch.equal(value, other[key]) for key, value in first.items())


@pytest.mark.parametrize("name", NEW)
def test_miniature__learns_how_far_the_arms_go_up(name: str) -> None:
    network = build(name)
    head = nn.Linear(network.dimensions, 1)
    height = torch.linspace(-1, 1, 12)
    poses, mask = torch.randn(12, 3, 12, 20, 1, generator=torch.Generator().manual_seed(2)) * 0.1, torch.ones(12, 12, dtype=torch.bool)
    poses += torch.randn(3, 1, 20, 1, generator=torch.Generator().manual_seed(3))
    poses[:, 1, :, 4:12] += height[:, None, None, None]
    optimiser = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=1e-2)
    losses = []
    for _ in range(15):
        loss = (head(network(poses, mask))[:, 0] - height).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("st-gcn", {"width": 10}, r"'width' .*multiple of 4, found 10"),
        ("2s-agcn", {"blocks": 11}, r"'blocks' .*less than or equal to 10, found 11"),
        ("efficient-gcn", {"scale": -1}, r"'scale' .*greater than or equal to 0, found -1"),
        ("efficient-gcn", {"widht": 8}, r"Unknown key 'widht' \(encoder settings\)\. Did you mean 'width'\?"),
        ("posec3d", {"blocks": [4, 6]}, r"'blocks\.2' .*Field required"),
        ("posec3d", {"size": 4}, r"'size' .*greater than or equal to 8, found 4"),
    ],
)
def test_settings__what_cannot_be_is_a_usage_error(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PoseSpec(name, settings, "kinect-20", 3, PoseInput()).build()


@pytest.mark.parametrize("name", ["st-gcn", "2s-agcn", "posec3d"])
def test_build__without_mmaction2_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda module, package=None: None if module == "mmaction" else find(module, package))
    openmmlab.prepare.cache_clear()
    with pytest.raises(MissingDependencyError, match="packages that are not installed: mmaction2") as caught:
        build(name)
    assert caught.value.exit_code == 5
    assert caught.value.hint == "pip install aqa-toolkit[video]"
