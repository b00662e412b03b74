"""CTR-GCN against the published network's own outputs, and what our arrangement of it promises."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.encoders.ctr_gcn import CTRGCN, CTRGCNConfig, from_published
from stages.errors import ArtifactError
from stages.skeletons.layouts import KINECT_20, KINECT_25, Layout


def _fill(shared: Path):
    spec = importlib.util.spec_from_file_location("fill", shared / "reference/fill.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("tag", "layout", "shape"),
    [("ctr_gcn_ntu", KINECT_25, (2, 3, 52, 25, 2)), ("ctr_gcn_ucla", KINECT_20, (2, 3, 52, 20, 1))],
    ids=["ntu", "nw-ucla"],
)
def test_published_checkpoint__gives_the_published_logits(shared: Path, tag: str, layout: Layout, shape: tuple[int, ...]) -> None:
    fill = _fill(shared)
    keys = json.loads((shared / f"reference/{tag}.keys.json").read_text())
    encoder, head = from_published({key: torch.from_numpy(fill.fill(key, tuple(size))) for key, size in keys.items()})
    network = CTRGCN(CTRGCNConfig(), layout, 3, shape[-1])
    network.load_state_dict(encoder, strict=True)
    with torch.no_grad():
        features = network.eval()(torch.from_numpy(fill.sample(tag, shape)), torch.ones(2, 52, dtype=torch.bool))
    logits = features @ head["weight"].T + head["bias"]
    np.testing.assert_allclose(logits.numpy(), np.load(shared / f"reference/{tag}.npz")["logits"], rtol=1e-3)


def test_from_published__a_foreign_key_is_named() -> None:
    with pytest.raises(ArtifactError, match=r"'backbone.conv1.weight' is not a key of a published CTR-GCN checkpoint"):
        from_published({"backbone.conv1.weight": torch.zeros(1)})


@pytest.mark.parametrize("frames", [1, 7, 16, 53])
def test_frames__any_length_and_its_mask_go_together(frames: int) -> None:
    network = CTRGCN(CTRGCNConfig(width=8), KINECT_20, 3, 2).eval()
    mask = torch.ones(3, frames, dtype=torch.bool)
    features, pooled = network.frames(torch.randn(3, 3, frames, 20, 2), mask)
    assert features.shape[:2] == pooled.shape
    assert features.shape[2] == network.dimensions == 32
    assert pooled.all()


def test_forward__frames_that_are_not_real_do_not_count_in_the_mean() -> None:
    network = CTRGCN(CTRGCNConfig(width=8), KINECT_20, 3, 1).eval()
    poses, mask = torch.randn(1, 3, 32, 20, 1), torch.ones(1, 32, dtype=torch.bool)
    mask[:, 16:] = False
    poses[:, :, 16:] = 0
    features, pooled = network.frames(poses, mask)
    assert pooled.tolist() == [[True] * 4 + [False] * 4]
    torch.testing.assert_close(network(poses, mask), features[:, :4].mean(dim=1))


def test_forward__a_clip_s_features_do_not_depend_on_its_company() -> None:
    network = CTRGCN(CTRGCNConfig(width=8), KINECT_20, 3, 1).eval()
    poses, mask = torch.randn(4, 3, 16, 20, 1), torch.ones(4, 16, dtype=torch.bool)
    torch.testing.assert_close(network(poses, mask)[1:2], network(poses[1:2], mask[1:2]), rtol=1e-4, atol=1e-5)
