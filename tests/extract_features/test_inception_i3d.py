"""Inception-I3D: the published keys and outputs, and the fast form against the plain one."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
import torch

from stages.extract_features.backbones import registry
from stages.extract_features.backbones.inception_i3d import InceptionI3D, features, pool, same_padding
from stages.extract_features.backbones.inception_i3d_fast import FastI3D, max_of_three


def _reference(shared):
    spec = importlib.util.spec_from_file_location("fill", shared / "reference/fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _filled(module, channels: int = 3) -> InceptionI3D:
    network = InceptionI3D(channels)
    state = {key: torch.from_numpy(np.asarray(module.fill(key, tuple(value.shape)))) for key, value in network.state_dict().items()}
    network.load_state_dict(state)
    return network.eval()


@pytest.fixture(scope="module")
def reference(shared):
    return _reference(shared)


@pytest.fixture(scope="module")
def network(reference):
    return _filled(reference)


def test_keys__are_the_published_ones(shared, network) -> None:
    published = json.loads((shared / "reference/inception_i3d.keys.json").read_text())
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == published


def test_outputs__agree_with_the_published_network(shared, reference, network) -> None:
    clips = torch.from_numpy(reference.sample("i3d", (2, 3, 16, 224, 224)))
    expected = np.load(shared / "reference/inception_i3d.npz")
    with torch.inference_mode():
        maps = network.maps(clips)
        logits = network.logits(pool(maps))
        np.testing.assert_allclose(features(maps), expected["features"], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(logits[..., 0, 0], expected["logits"], rtol=1e-3, atol=1e-5)
        fast = FastI3D(network)(clips)
        np.testing.assert_allclose(features(fast), expected["features"], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 33, 65), (16, 64, 96), (1, 32, 32), (9, 70, 50)], ids=str)
def test_fast__is_the_same_function_at_any_size(network, shape) -> None:
    clips = torch.randn(1, 3, *shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain, fast, half = network.maps(clips), FastI3D(network)(clips), FastI3D(network, torch.bfloat16)(clips)
    assert plain.shape == fast.shape
    assert (plain - fast).abs().max() <= 1e-4 * plain.abs().max()
    assert torch.cosine_similarity(features(plain), features(half)).min() >= 0.999


def test_flow__takes_two_channels(reference) -> None:
    network = _filled(reference, 2)
    assert network.state_dict()["Conv3d_1a_7x7.conv3d.weight"].shape == (64, 2, 7, 7, 7)
    with torch.inference_mode():
        assert features(FastI3D(network)(torch.zeros(1, 2, 4, 32, 32))).shape == (1, 1024)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [(224, 7, 2, (2, 3)), (112, 3, 2, (0, 1)), (7, 3, 2, (1, 1)), (14, 3, 1, (1, 1)), (7, 2, 2, (0, 1)), (9, 1, 1, (0, 0))],
)
def test_same_padding__is_tensorflows(size, kernel, stride, expected) -> None:
    assert same_padding([size] * 3, (kernel,) * 3, (stride,) * 3) == [expected] * 3


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_max_of_three__thrice_is_the_pool(size) -> None:
    x = torch.randn(2, 3, size, 5, 7, generator=torch.Generator().manual_seed(0))
    found = max_of_three(max_of_three(max_of_three(x, 2), 3), 4)
    assert torch.equal(found, torch.nn.functional.max_pool3d(x, 3, 1, 1))


def test_build__reads_a_checkpoint_in_the_published_format(network, tmp_path) -> None:
    file = tmp_path / "rgb_imagenet.pt"
    torch.save(network.state_dict(), file)
    clips = torch.zeros(1, 3, 2, 32, 32)
    backbone = registry.build("i3d", file, "fp32")
    assert (backbone.look.resize, backbone.look.crop, backbone.dimensions) == (256, 224, 1024)
    with torch.inference_mode():
        np.testing.assert_allclose(backbone.features(clips), features(network.maps(clips)), rtol=1e-4, atol=1e-6)
