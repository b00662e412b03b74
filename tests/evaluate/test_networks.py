"""Reports name the network that saw the videos, and its weights."""

from __future__ import annotations

from stages.evaluate.networks import networks


def entry(*backbones: object) -> dict[str, object]:
    return {"role": "features", "made_by": [{"count": 1, "provenance": {"config": {"backbone": each}}} for each in backbones]}


def test_networks__each_once_with_what_its_name_stands_for() -> None:
    c3d = {"name": "c3d", "weights": "0123456789abcdef"}
    found = networks([entry(c3d, c3d, {"name": "mine", "config": "f" * 64, "weights": "f" * 64})])
    assert found == (
        "c3d (by its name: C3D, layer fc6 behind its ReLU, Sports-1M then UCF-101; segments of 16 frames), weights 0123456789ab",
        "mine, weights ffffffffffff",
    )


def test_networks__nothing_where_no_network_is_recorded() -> None:
    assert networks([entry("c3d", {"name": "heatmaps"}), {"role": "poses", "made_by": [{"count": 1, "provenance": {}}]}]) == ()
