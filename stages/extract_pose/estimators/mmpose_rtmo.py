"""RTMO (Lu et al., CVPR 2024) through mmpose: people and their joints from whole frames, in batches, with one network.

The frame is scaled to fit the input and padded, as ``BottomupResize`` does; boxes are found, overlapping ones dropped, and joints
located by mmpose's own head, image by image.  Under ``bf16`` backbone and neck run in bfloat16 and the head in float32, since it turns
its outputs into pixels directly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.extract_pose.estimators import folding
from stages.extract_pose.estimators.contract import People
from stages.extract_pose.estimators.letterbox import Letterbox
from stages.extract_pose.estimators.mmpose_topdown import layout_of
from stages.skeletons.layouts import Layout

BATCH = 8
_AT_ONCE = 64
"""People of a frame whose joints are located at once: mmpose takes all, which for a crowd (or for untrained weights) is gigabytes."""


class MMPoseRTMO:
    """RTMO, ready to run.  See :class:`stages.extract_pose.estimators.contract.OneStage`.

    Args:
        network: as :func:`stages.openmmlab.build_pose` makes it, with its weights; it is changed in place.
        config: its config, of which the test pipeline and the normalisation are read.

    Raises:
        ArtifactError: the config is not that of a one-stage network.
    """

    def __init__(
        self,
        network: nn.Module,
        config: Any,
        *,
        device: torch.device,
        precision: Literal["fp32", "bf16"] = "fp32",
        layout: Layout | None = None,
        batch: int = BATCH,
    ) -> None:
        self.batch = batch
        self.letterbox = _letterbox_of(config)
        self.layout = layout or layout_of(config)
        self._test = config.model.get("test_cfg") or {}
        preprocessor = config.model.get("data_preprocessor") or {}
        self._rgb = bool(preprocessor.get("bgr_to_rgb"))
        self._mean, self._std = (
            torch.tensor(preprocessor.get(key) or [default] * 3, dtype=torch.float32, device=device).view(1, 3, 1, 1)
            for key, default in (("mean", 0.0), ("std", 1.0))
        )
        self._device, self._half = device, False
        self._network: Any = network
        width, height = self.letterbox.size
        example = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 255
        example = (example - self._mean.cpu()) / self._std.cpu()
        folding.fold(network, lambda inputs: self._network.head.forward(self._network.extract_feat(inputs)), example)
        head: Any = network.head
        head.dcc.forward_test = _in_parts(head.dcc.forward_test)
        network.to(device).to(memory_format=torch.channels_last).requires_grad_(requires_grad=False)
        if precision == "bf16":
            folding.halve(self._network.backbone, self._network.neck)
            self._half = True

    def people(self, images: Sequence[Array]) -> list[People]:
        """Return the people of each of N frames, best first; see the contract."""
        width, height = self.letterbox.size
        inputs = np.zeros((self.batch, height, width, 3), dtype=np.uint8)
        found: list[People] = []
        for start in range(0, len(images), self.batch):
            part = images[start : start + self.batch]
            inputs[len(part) :] = 0
            for number, image in enumerate(part):
                inputs[number] = self.letterbox.fit(image)
            for image, instances in zip(part, self._predict(inputs, len(part)), strict=True):
                found.append(self._people(instances, image))
        return found

    def _people(self, instances: Any, image: Array) -> People:
        order = np.argsort(-instances.bbox_scores, kind="stable")
        boxes = self.letterbox.to_frame(instances.bboxes.reshape(-1, 2, 2), image)
        positions = self.letterbox.to_frame(instances.keypoints, image)
        return People(
            boxes=boxes.reshape(-1, 4)[order].astype(np.float32),
            scores=np.clip(instances.bbox_scores, 0.0, 1.0)[order].astype(np.float32),
            positions=positions[order].astype(np.float32),
            confidence=np.clip(instances.keypoint_scores, 0.0, 1.0)[order].astype(np.float32),
        )

    @torch.inference_mode()
    def _predict(self, images: Array, count: int) -> list[Any]:
        pixels = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).float()
        inputs = (pixels.flip(1) if self._rgb else pixels).sub(self._mean).div_(self._std)
        # The head looks at images one by one and takes as many as it is given samples for: padding is left out.
        features = [feature[:count] for feature in self._features(inputs)]
        samples = [SimpleNamespace(metainfo={"input_size": self.letterbox.size})] * count
        predictions: list[Any] = self._network.head.predict(features, samples, test_cfg=self._test)
        return predictions

    def _features(self, inputs: Tensor) -> list[Tensor]:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            features = self._network.extract_feat(inputs)
        return [feature.float() for feature in features]


def _in_parts(locate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return ``locate``, which treats each row of its arguments by itself, for a bounded number of rows at once."""

    def run(*tensors: Tensor) -> Tensor:
        return torch.cat([locate(*parts) for parts in zip(*(torch.split(tensor, _AT_ONCE) for tensor in tensors), strict=True)])

    return run


def _letterbox_of(config: Any) -> Letterbox:
    try:
        steps = {step["type"]: step for step in config.test_dataloader.dataset.pipeline}
    except AttributeError:
        steps = {}
    head = str(config.model.head.get("type", "none"))
    resize = steps.get("BottomupResize")
    if head != "RTMOHead" or resize is None or resize.get("use_udp") or resize.get("resize_mode", "fit") != "fit":
        raise ArtifactError(
            f"{getattr(config, 'filename', None) or 'the config'} is not usable as a one-stage estimator: expected an RTMOHead after "
            f"BottomupResize to fit, found {head} after {', '.join(map(str, steps)) or 'nothing'}.",
            hint="choose a config of body_2d_keypoint/rtmo, or a top-down one",
        )
    width, height = resize["input_size"]
    return Letterbox((width, height), tuple(resize.get("pad_val", (0, 0, 0))))
