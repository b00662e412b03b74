"""ST-GCN and AGCN against mmaction2's own forward pass, and the graphs they get."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from stages import openmmlab
from stages.encoders.agcn import AGCN
from stages.encoders.mmaction_graph import GraphConfig
from stages.encoders.st_gcn import STGCN
from stages.skeletons.layouts import COCO_17, KINECT_25
from tests.encoders.miniatures import stirred

THEIRS: dict[type, tuple[str, str, dict[str, Any]]] = {
    STGCN: ("STGCN", "stgcn_spatial", {}),
    AGCN: ("AAGCN", "spatial", {"num_person": 2, "gcn_attention": False}),
}


@pytest.mark.parametrize("cls", THEIRS)
def test_forward__is_mmaction2_s_on_the_same_weights(cls: Any) -> None:
    name, mode, more = THEIRS[cls]
    theirs = stirred(openmmlab.action_backbone(name, graph_cfg={"layout": "nturgb+d", "mode": mode}, base_channels=8, **more))
    ours = cls(GraphConfig(width=8), KINECT_25, 3, 2)
    ours.network.load_state_dict(theirs.state_dict(), strict=True)  # with their graph, which differs from ours in the finger tips
    poses = torch.randn(2, 3, 21, 25, 2)
    with torch.no_grad():
        expected = theirs(poses.permute(0, 4, 2, 3, 1)).mean(dim=(1, 3, 4))
        found = ours.eval()(poses, torch.ones(2, 21, dtype=torch.bool))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cls", THEIRS)
def test_graph__coco_s_is_mmaction2_s(cls: Any) -> None:
    name, mode, more = THEIRS[cls]
    theirs = openmmlab.action_backbone(name, graph_cfg={"layout": "coco", "mode": mode}, num_stages=1, base_channels=8, **more)
    ours = cls(GraphConfig(width=8, blocks=1), COCO_17, 3, 2)
    assert torch.equal(ours.network.gcn[0].gcn.A, theirs.gcn[0].gcn.A)


def test_graph__kinect_25_is_ntu_s_but_for_the_finger_tips() -> None:
    theirs = openmmlab.action_backbone("STGCN", graph_cfg={"layout": "nturgb+d", "mode": "spatial"}, num_stages=1).gcn[0].gcn.A
    ours = AGCN(GraphConfig(blocks=1), KINECT_25, 3, 2).network.gcn[0].gcn.A
    joints = {KINECT_25.joints[joint] for joint in ((theirs > 0) != (ours > 0)).nonzero()[:, 1:].flatten().tolist()}
    hands = {f"{side}_{part}" for side in ("left", "right") for part in ("hand", "hand_tip", "thumb")}
    assert joints == hands


@pytest.mark.parametrize(("cls", "published"), [(STGCN, 3.10e6), (AGCN, 3.47e6)])
def test_size__is_the_published_one(cls: Any, published: float) -> None:
    network = cls(GraphConfig(), KINECT_25, 3, 2)
    classifier = 60 * (network.dimensions + 1)
    assert sum(p.numel() for p in network.parameters()) + classifier == pytest.approx(published, rel=0.002)
