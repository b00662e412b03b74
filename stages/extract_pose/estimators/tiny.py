"""The tiny top-down network that ships with the toolkit, for the demo and the tests.

It learned from rendered people only (``examples/train_tiny_pose.py``): it finds the joints of the generated set, and is no match for
any published network on real video.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

WEIGHTS = Path(__file__).with_name("tiny.h5")
INPUT_SIZE = (96, 128)
"""Width and height of a crop."""
HEATMAP_SIZE = (24, 32)
SIGMA = 1.5
"""Of the Gaussian that marks a joint, heat-map pixels."""

CODEC: dict[str, Any] = {"type": "UDPHeatmap", "input_size": INPUT_SIZE, "heatmap_size": HEATMAP_SIZE, "sigma": SIGMA}
MODEL: dict[str, Any] = {
    "type": "TopdownPoseEstimator",
    "data_preprocessor": {
        "type": "PoseDataPreprocessor",
        "mean": [123.675, 116.28, 103.53],
        "std": [58.395, 57.12, 57.375],
        "bgr_to_rgb": True,
    },
    "backbone": {"type": "ResNet", "depth": 18, "stem_channels": 16, "base_channels": 16},
    "head": {
        "type": "HeatmapHead",
        "in_channels": 128,
        "out_channels": 17,
        "deconv_out_channels": (48, 48, 48),
        "deconv_kernel_sizes": (4, 4, 4),
        "loss": {"type": "KeypointMSELoss", "use_target_weight": True},
        "decoder": CODEC,
    },
    "test_cfg": {"flip_test": False, "flip_mode": "heatmap", "shift_heatmap": False},
}
PIPELINE: list[dict[str, Any]] = [
    {"type": "LoadImage"},
    {"type": "GetBBoxCenterScale"},
    {"type": "TopdownAffine", "input_size": INPUT_SIZE, "use_udp": True},
    {"type": "PackPoseInputs"},
]
"""As in mmpose's configs of top-down networks."""


def config() -> Any:
    """Return the network's ``mmengine.Config``."""
    from mmengine.config import Config

    return Config({"model": MODEL, "test_dataloader": {"dataset": {"pipeline": PIPELINE}}, "test_pipeline": PIPELINE})
