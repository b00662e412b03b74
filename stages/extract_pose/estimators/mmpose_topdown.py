"""Top-down networks of mmpose on whole batches: HRNet, RTMPose and any other with heat maps or SimCC vectors.

mmpose's own ``inference_topdown`` runs one image at a time, and twice where its config asks for a flip test.  Here crops are
batched, batch norms are folded, and convolutions run channels-last.  Under ``bf16`` the backbone and neck run in bfloat16 and the
head in float32: a head ends in an arg-max, and bfloat16's eight bits would make neighbouring bins equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from stages import openmmlab
from stages.arrays import Array
from stages.errors import ArtifactError
from stages.extract_pose.estimators import folding, topdown
from stages.skeletons.layouts import LAYOUTS, Layout

Precision = Literal["fp32", "bf16"]
BATCH = 16
_CODECS = ("MSRAHeatmap", "UDPHeatmap", "MegviiHeatmap", "SimCCLabel")


class MMPoseTopDown:
    """One top-down network of mmpose, ready to run.  See :class:`stages.extract_pose.estimators.contract.TopDown`.

    Args:
        network: as :func:`stages.openmmlab.build_pose` makes it, with its weights; it is changed in place.
        config: its config, of which the test pipeline, the normalisation and the codec are read.
        flip: average with the outputs for the mirrored crop.

    Raises:
        ArtifactError: the config is not that of a top-down network with heat maps or SimCC vectors.
    """

    def __init__(
        self,
        network: nn.Module,
        config: Any,
        *,
        device: torch.device,
        precision: Precision = "fp32",
        flip: bool = False,
        layout: Layout | None = None,
        batch: int = BATCH,
    ) -> None:
        self.batch = batch
        self.crop = crop_of(config)
        self._codec = _codec_of(config)
        self._test: dict[str, Any] = dict(config.model.get("test_cfg") or {})
        self._chosen = self._test.get("output_keypoint_indices")
        self.layout = layout or layout_of(config)
        self._device, self._half, self._flip = device, False, flip
        preprocessor = config.model.get("data_preprocessor") or {}
        self._mean, self._std = (
            torch.tensor(preprocessor.get(key) or [default] * 3, dtype=torch.float32, device=device).view(1, 3, 1, 1)
            for key, default in (("mean", 0.0), ("std", 1.0))
        )
        self._network: Any = network
        width, height = self.crop.size
        example = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        folding.fold(network, lambda inputs: self._network.head.forward(self._network.extract_feat(inputs)), example)
        network.to(device).to(memory_format=torch.channels_last).requires_grad_(requires_grad=False)
        if precision == "bf16":
            folding.halve(self._network.backbone, getattr(self._network, "neck", None))
            self._half = True

    def joints(self, images: Sequence[Array], boxes: Array) -> tuple[Array, Array]:
        """Return positions (N, V, 2) in pixels and confidence (N, V) of the person in each of N boxes; see the contract."""
        width, height = self.crop.size
        crops = np.zeros((self.batch, height, width, 3), dtype=np.uint8)
        positions, confidence = [], []
        for start in range(0, len(images), self.batch):
            part = slice(start, start + self.batch)
            count = len(images[part])
            crops[count:] = 0
            found = topdown.cut(images[part], boxes[part], self.crop, crops)
            where, sure = self._decode(self.outputs(crops), count)
            positions.append(found.to_frame(where, self.crop.size))
            confidence.append(np.clip(sure, 0.0, 1.0))
        if not positions:
            joints = len(self.layout.joints)
            return np.zeros((0, joints, 2), dtype=np.float32), np.zeros((0, joints), dtype=np.float32)
        return np.concatenate(positions).astype(np.float32), np.concatenate(confidence).astype(np.float32)

    @torch.inference_mode()
    def outputs(self, crops: Array) -> tuple[Tensor, ...]:
        """Return heat maps (N, V, height, width), or SimCC vectors (N, V, bins) along x and along y, for N crops.

        Args:
            crops: (N, height, width, 3) uint8, as :func:`stages.extract_pose.estimators.topdown.cut` makes them.
        """
        inputs = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)  # (B, 3, H, W) over channels-last memory
        inputs = inputs.float().sub_(self._mean).div_(self._std)
        outputs = self._forward(inputs)
        if self._flip:
            mirrored = self._forward(inputs.flip(-1))
            outputs = tuple((one + other) * 0.5 for one, other in zip(outputs, self._unflip(mirrored), strict=True))
        return tuple(output.float().cpu() for output in outputs)

    def _forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            features = self._network.extract_feat(inputs)
        outputs = self._network.head.forward(tuple(feature.float() for feature in features))
        return outputs if isinstance(outputs, tuple) else (outputs,)

    def _unflip(self, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the outputs for mirrored crops as those for the crops themselves."""
        from mmpose.models.utils.tta import flip_heatmaps, flip_vectors

        indices = list(self.layout.mirrored)
        if len(outputs) == 2:
            return tuple(flip_vectors(*outputs, flip_indices=indices))
        mode, shift = self._test.get("flip_mode", "heatmap"), self._test.get("shift_heatmap", False)
        return (flip_heatmaps(outputs[0].clone(), flip_indices=indices, flip_mode=mode, shift_heatmap=shift),)

    def _decode(self, outputs: tuple[Tensor, ...], count: int) -> tuple[Array, Array]:
        outputs = tuple(output[:count] for output in outputs)
        if self._codec == "MSRAHeatmap":
            positions, confidence = topdown.heatmap_joints(outputs[0].numpy(), self.crop.size)
        elif self._codec == "SimCCLabel":
            positions, confidence = topdown.simcc_joints(outputs[0].numpy(), outputs[1].numpy(), self.crop.size)
        else:
            decoded = self._network.head.decode(outputs if len(outputs) > 1 else outputs[0])
            positions = np.concatenate([person.keypoints for person in decoded])
            confidence = np.concatenate([person.keypoint_scores for person in decoded])
        return (positions, confidence) if self._chosen is None else (positions[:, self._chosen], confidence[:, self._chosen])


def crop_of(config: Any) -> topdown.Crop:
    """Return how the config's test pipeline cuts a box out of a frame.

    Raises:
        ArtifactError: its pipeline is not that of a top-down network.
    """
    steps = {step["type"]: step for step in _pipeline(config)}
    if "TopdownAffine" not in steps or "GetBBoxCenterScale" not in steps:
        raise _unusable(config, f"its test pipeline is {', '.join(map(str, steps)) or 'missing'}")
    affine, centre = steps["TopdownAffine"], steps["GetBBoxCenterScale"]
    width, height = affine["input_size"]
    rgb = bool((config.model.get("data_preprocessor") or {}).get("bgr_to_rgb"))
    return topdown.Crop((width, height), centre.get("padding", 1.25), bool(affine.get("use_udp")), rgb)


def layout_of(config: Any) -> Layout:
    """Return the joint layout of the data set that the config is tested on.

    Raises:
        ArtifactError: the data set's joints are those of no layout that is known here.
    """
    openmmlab.prepare()
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    from mmpose.registry import DATASETS

    dataset = config.test_dataloader.dataset
    meta = dataset.get("metainfo") or DATASETS.get(dataset["type"]).METAINFO
    names = [joint["name"] for _, joint in sorted(_keypoints(meta, parse_pose_metainfo).items())]
    for layout in LAYOUTS.values():
        if tuple(map(layout.joint, names)) == layout.joints:
            return layout
    raise _unusable(config, f"its {len(names)} joints ({', '.join(names[:4])} …) are those of no known layout")


def _keypoints(meta: Any, parse: Any) -> dict[int, dict[str, Any]]:
    parsed = parse(dict(meta))
    return {number: {"name": name} for number, name in parsed["keypoint_id2name"].items()}


def _codec_of(config: Any) -> str:
    decoder = config.model.head.get("decoder") or {}
    name = str(decoder.get("type", "none"))
    if name not in _CODECS:
        raise _unusable(config, f"its codec is {name}")
    plain = not decoder.get("unbiased") and not decoder.get("use_dark")
    return name if plain else f"{name} with distribution-aware decoding"


def _pipeline(config: Any) -> list[Any]:
    try:
        return list(config.test_dataloader.dataset.pipeline)
    except AttributeError:
        return []


def _unusable(config: Any, found: str) -> ArtifactError:
    where = getattr(config, "filename", None) or "the config"
    return ArtifactError(
        f"{where} is not usable as a top-down estimator: expected a box crop (GetBBoxCenterScale, TopdownAffine), a codec of "
        f"{', '.join(_CODECS)} and a known joint layout; {found}.",
        hint="choose a body_2d_keypoint config of topdown_heatmap, simcc or rtmpose, or rtmo for whole frames",
    )
