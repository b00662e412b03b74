"""The list of encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.engine.registry import Entry, load_named

ENCODERS: Mapping[str, Entry] = {
    "ctr-gcn": Entry("stages.encoders.ctr_gcn:CTRGCN", "channel-wise topology refinement graph convolution", "CTR-GCN, ICCV 2021", "poses"),
    "st-gcn": Entry("stages.encoders.st_gcn:STGCN", "spatial-temporal graph convolution (mmaction2)", "ST-GCN, AAAI 2018", "poses"),
    "2s-agcn": Entry("stages.encoders.agcn:AGCN", "adaptive graph convolution, one stream (mmaction2)", "2s-AGCN, CVPR 2019", "poses"),
    "efficient-gcn": Entry(
        "stages.encoders.efficient_gcn:EfficientGCN",
        "joints, velocities and bones fused early, separable convolutions, joint attention; B0 to B4",
        "EfficientGCN, TPAMI 2022",
        "poses",
    ),
    "posec3d": Entry(
        "stages.encoders.pose_c3d:PoseC3D", "3-D convolutions over heat maps of the joints (mmaction2)", "PoseC3D, CVPR 2022", "poses"
    ),
    "gru": Entry("stages.encoders.gru:GRUEncoder", "bidirectional GRU over coordinates", "non-expert and expert, two-stage", "poses"),
    "posture": Entry("stages.encoders.posture:PostureEncoder", "canonical 3-D pose features of a picture", "U-VI, BMVC 2021", "images"),
}


def encoder_class(name: str) -> Any:
    """Import and return an encoder's class (a module with ``SETTINGS``)."""
    return load_named("encoder", name, ENCODERS)
