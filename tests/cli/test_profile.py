"""``aqa profile``: counts by hand, the parts of 2M-AF, and what cannot be profiled."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from stages.profile.measure import measure


def test_measure__counts_by_hand() -> None:
    network = nn.Sequential(nn.Conv1d(3, 5, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 8, 2))
    clips = torch.randn(4, 3, 8)
    cost = measure("x", network, lambda: network(clips), torch.device("cpu"), 3)
    assert cost.parameters == 3 * 5 * 3 + 5 * 8 * 2 + 2
    assert cost.macs == 4 * (8 * 5 * 3 * 3 + 5 * 8 * 2)
    assert cost.flops == 2 * cost.macs
    assert cost.latency is not None
    assert cost.latency > 0


def test_measure__memory_of_a_large_activation_shows() -> None:
    network, clips = nn.Linear(1, 4096, bias=False), torch.randn(4096, 1)
    cost = measure("x", network, lambda: network(clips), torch.device("cpu"), 0)
    if cost.memory is None:
        pytest.skip("this system does not tell a process's peak")
    assert 0.5 * 2**26 < cost.memory < 3 * 2**26  # 4096 × 4096 float32 are 2^26 bytes
    assert cost.latency is None


def test_profile__parts_add_up(aqa) -> None:
    small = ("--set", "settings.encoder_settings.width=8", "--set", "settings.encoder_settings.blocks=2")
    code, out, err = aqa(
        "profile", "--method", "2m-af", "--backbone", "tiny", "--frames", "16", "--segments", "2", "--repeats", "1", *small, "--json"
    )
    assert code == 0, err
    method, video, both = json.loads(out)
    assert (method["name"], both["name"]) == ("2m-af", "together")
    assert both["macs"] == method["macs"] + video["macs"]
    assert both["parameters"] == method["parameters"] + video["parameters"]
    code, out, _ = aqa("profile", "--method", "sme-gcn", "--frames", "32", "--repeats", "0", *small, "--json")
    twice = json.loads(aqa("profile", "--method", "sme-gcn", "--frames", "32", "--repeats", "0", "--batch", "2", *small, "--json")[1])
    assert twice[0]["macs"] == 2 * json.loads(out)[0]["macs"]


def test_profile__paper_sizes_of_i3d(aqa) -> None:
    code, out, _ = aqa("profile", "--backbone", "i3d", "--segments", "1", "--repeats", "0", "--json")
    assert code == 0
    [cost] = json.loads(out)
    assert cost["parameters"] == pytest.approx(12.7e6, rel=0.01)
    assert cost["flops"] == pytest.approx(55.6e9, rel=0.01)


def test_profile__what_cannot_be_profiled(aqa) -> None:
    code, _, err = aqa("profile")
    assert (code, "Nothing to profile was named" in err) == (2, True)
    code, _, err = aqa("profile", "--method", "kinematics-ridge")
    assert (code, "kinematics-ridge is fitted, not run as a network" in err) == (2, True)
    code, _, err = aqa("profile", "--backbone", "resnet50")
    assert (code, "resnet50 cannot be built without its weights" in err) == (2, True)


def test_profile__methods_that_see_pictures(aqa) -> None:
    small = ("--set", "settings.encoder_settings={width: 2, features: 4}", "--set", "settings.frames=2", "--set", "settings.units=8")
    code, out, err = aqa("profile", "--method", "u-vi", "--repeats", "0", *small, "--json")
    assert code == 0, err
    assert json.loads(out)[0]["parameters"] > 16 * 16 * 16 * 32
    sizes = ("--set", "settings.encoder_settings.width=8", "--set", "settings.encoder_settings.blocks=2", "--frames", "16")
    video = ("--set", "settings.video=frames", "--set", "settings.backbone={network: tiny, segments: 1}")
    code, out, err = aqa("profile", "--method", "2m-af", *sizes, *video, "--repeats", "0", "--json")
    assert code == 0, err
