"""Networks with weights that mean something where no published weights can be had, for timing and for comparing two ways of running them.

Random weights give flat, noisy heat maps whose arg-max any rounding moves, so that agreement on them says nothing.  Here the
backbone stays random and the last layer is fitted to the joints of drawn figures by ridge regression, so that maps have peaks.  The
batch norms of HRNet are calibrated on those figures first; those of RTMPose stay as they begin, since its head takes the scale out.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from stages import openmmlab, weights
from stages.arrays import Array
from stages.datasets.generated import Clip, film
from stages.extract_pose.estimators import topdown
from stages.extract_pose.estimators.mmpose_topdown import crop_of
from stages.skeletons.layouts import COCO_17

_STANCE = ((0, -90), (-8, -98), (8, -98), (-16, -94), (16, -94), (-38, -55), (38, -55), (-62, -15), (62, -15), (-70, 30), (70, 30))
_LEGS = ((-24, 40), (24, 40), (-30, 100), (30, 100), (-32, 160), (32, 160))
_COLOURS = [colour for colour in itertools.product((0, 128, 255), repeat=3) if max(colour) - min(colour) > 100][:17]
_RIDGE = 1e-4
_BLUR = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 1.0])) / 16
"""Their filters are smooth, so that the peak of a map is a hill and not the highest of many needles."""
_BESIDE = re.compile(r"\.bn[23]$|fuse_layers")
"""The branches beside the short way through HRNet or ResNet: kept weak, so that what a pixel shows reaches the last layer."""


@dataclass(frozen=True)
class Figures:
    """Painted people: N frames, the box of each (N, 4) and its joints (N, 17, 2), in pixels."""

    frames: list[Array]
    boxes: Array
    joints: Array


def figures(count: int, *, size: tuple[int, int] = (320, 240), height: float = 100, seed: int = 0) -> Figures:
    """Draw ``count`` stick people, ``height`` pixels tall, with a disc of its own colour at each joint, each over a dark background."""
    random = np.random.default_rng(seed)
    frames, joints = [], []
    for _ in range(count):
        texture = random.integers(0, 60, (size[1] // 16, size[0] // 16, 3), dtype=np.uint8)
        frame = cv2.resize(texture, size, interpolation=cv2.INTER_CUBIC)
        scale = random.uniform(0.9, 1.1) * height / 260
        place = np.array(size) * (0.5, 0.45) + random.normal(0, 10, 2)
        points = (np.array(_STANCE + _LEGS) + random.normal(0, 7, (17, 2))) * scale + place
        for child, parent in COCO_17.edges:
            cv2.line(frame, *(tuple(map(int, points[joint])) for joint in (child, parent)), (90, 90, 90), 4, cv2.LINE_AA)
        for number, point in enumerate(points):
            cv2.circle(frame, tuple(map(int, point)), int(height / 40), _COLOURS[number], -1, cv2.LINE_AA)
        frames.append(frame)
        joints.append(points)
    found = np.array(joints)
    boxes = np.concatenate([found.min(1) - 15, found.max(1) + 15], axis=1).astype(np.float32)
    return Figures(frames, boxes, found)


def filmed(people: int = 3, each: int = 4) -> Figures:
    """Return a few frames of some people of the generated film, which the tiny network was trained for."""
    frames, boxes, joints = [], [], []
    for number in range(people):
        shot = film.film_of(Clip(f"u{number:02d}/c1", 1000 + number))
        images, places = list(film.frames(shot)), film.truth(shot).positions[0]
        for index in np.linspace(0, len(images) - 1, each).astype(int):
            frames.append(images[index])
            joints.append(places[index])
            boxes.append(np.concatenate([places[index].min(0) - 8, places[index].max(0) + 8]))
    return Figures(frames, np.array(boxes, dtype=np.float32), np.array(joints))


def checkpoint(config: Any, path: Path, people: Figures) -> Path:
    """Write fitted weights for a top-down config to ``path`` in the published format (``state_dict`` and ``meta``)."""
    torch.manual_seed(0)
    network: Any = openmmlab.build_pose(config)
    crop = crop_of(config)
    inputs, targets = _inputs(config, people, crop), _targets(people, crop)
    if config.model.backbone.type in ("HRNet", "ResNet"):
        _smooth(network)
        calibrate(network, lambda: network.extract_feat(inputs))
    with torch.no_grad():
        _fit(network, inputs, targets, crop)
    torch.save({"state_dict": network.state_dict(), "meta": {"dataset_meta": {"dataset_name": "coco"}, "mean": np.ones(3)}}, path)
    return path


def _smooth(network: nn.Module) -> None:
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm) and _BESIDE.search(name):
            nn.init.constant_(module.weight, 0.2)
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            module.weight.data = torch.randn(*module.weight.shape[:2], 1, 1) * _BLUR


def calibrate(network: nn.Module, run: Any) -> None:
    """Set the statistics of every batch norm to those of one batch, so that activations keep a sane size at any depth."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        run()
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
        norm.eval()


def _inputs(config: Any, people: Figures, crop: topdown.Crop) -> Tensor:
    crops = np.zeros((len(people.frames), crop.size[1], crop.size[0], 3), dtype=np.uint8)
    topdown.cut(people.frames, people.boxes, crop, crops)
    mean, std = (torch.tensor(config.model.data_preprocessor[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    return (torch.from_numpy(crops).permute(0, 3, 1, 2).float() - mean) / std


def _targets(people: Figures, crop: topdown.Crop) -> Array:
    where = topdown.regions(people.boxes, crop)
    inside = (people.joints - where.centres[:, None] + 0.5 * where.extents[:, None]) / where.extents[:, None]
    return np.asarray(inside * crop.size)


def _fit(network: Any, inputs: Tensor, targets: Array, crop: topdown.Crop) -> None:
    """Fit the last layer: the 1 × 1 convolution before heat maps, or the two linear layers before SimCC vectors."""
    head, seen = network.head, {}
    last = ["final_layer"] if hasattr(head, "final_layer") and not hasattr(head, "cls_x") else ["cls_x", "cls_y"]
    hooks = [getattr(head, name).register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given[0]})) for name in last]
    outputs = head.forward(network.extract_feat(inputs))
    for hook in hooks:
        hook.remove()
    if last == ["final_layer"]:
        height, width = outputs.shape[2:]
        scale = np.array((width, height)) / crop.size
        grid_x, grid_y = np.meshgrid(np.arange(width), np.arange(height))
        x, y = (targets * scale).transpose(2, 0, 1)[..., None, None]
        wanted = torch.from_numpy(np.exp(-((grid_x - x) ** 2 + (grid_y - y) ** 2) / 8.0)).float()
        features = seen["final_layer"].permute(0, 2, 3, 1).flatten(0, 2)
        weight, bias = _ridge(features, wanted.permute(0, 2, 3, 1).flatten(0, 2))
        head.final_layer.weight.copy_(weight.t()[..., None, None])
        head.final_layer.bias.copy_(bias)
        return
    for axis, name in enumerate(last):
        layer = getattr(head, name)
        bins = torch.arange(layer.out_features)
        place = torch.from_numpy(targets[..., axis] * layer.out_features / crop.size[axis]).float()
        wanted = torch.exp(-((bins - place[..., None]) ** 2) / 72.0)
        weight, bias = _ridge(seen[name].flatten(0, 1), wanted.flatten(0, 1), bias=layer.bias is not None)
        layer.weight.copy_(weight.t())
        if layer.bias is not None:
            layer.bias.copy_(bias)


def _ridge(features: Tensor, wanted: Tensor, *, bias: bool = True) -> tuple[Tensor, Tensor]:
    x, y = features.double(), wanted.double()
    centre_x, centre_y = (x.mean(0), y.mean(0)) if bias else (torch.zeros_like(x[0]), torch.zeros_like(y[0]))
    x = x - centre_x
    gram = x.t() @ x
    gram += _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    weight = torch.linalg.solve(gram, x.t() @ (y - centre_y))
    return weight.float(), (centre_y - centre_x @ weight).float()


def clear_joints(estimator: Any, people: Figures) -> Array:
    """Say for each joint (N, V) whether its peak stands clear in the maps of a top-down estimator.

    Clear means that nothing more than one heat-map bin, or four SimCC bins, away comes within a tenth of the peak.  Elsewhere two
    places compete, and any rounding may choose either.
    """
    width, height = estimator.crop.size
    crops = np.zeros((len(people.frames), height, width, 3), dtype=np.uint8)
    topdown.cut(people.frames, people.boxes, estimator.crop, crops)
    maps = [output.numpy() for output in estimator.outputs(crops)]
    return np.logical_and.reduce([_clear(each, reach=1 if each.ndim == 4 else 4) for each in maps])


def _clear(maps: Array, reach: int) -> Array:
    count, joints, *bins = maps.shape
    flat = maps.reshape(count * joints, -1)
    peak = np.stack(np.unravel_index(flat.argmax(1), bins), axis=1)
    grid = np.stack(np.meshgrid(*map(np.arange, bins), indexing="ij"), axis=-1).reshape(-1, len(bins))
    far = np.abs(grid[None] - peak[:, None]).max(2) > reach
    rest = np.where(far, flat, -np.inf).max(1)
    return np.asarray(rest < 0.9 * flat.max(1)).reshape(count, joints)


def peer(config: Any, file: Path) -> Callable[..., tuple[Array, Array]]:
    """Return mmpose's own ``inference_topdown`` for these weights: ``run(frames, boxes, flip=False)`` → positions, confidence."""
    openmmlab.prepare()
    from mmpose.apis.inference import dataset_meta_from_config, inference_topdown

    network: Any = openmmlab.build_pose(config)
    weights.load_into(network, weights.read_state(file), str(file))
    network.cfg, network.dataset_meta = config, dataset_meta_from_config(config, "test")

    def run(frames: Sequence[Array], boxes: Array, *, flip: bool = False) -> tuple[Array, Array]:
        network.test_cfg["flip_test"] = flip
        found = [inference_topdown(network, frame, box[None])[0].pred_instances for frame, box in zip(frames, boxes, strict=True)]
        return np.concatenate([one.keypoints for one in found]), np.concatenate([one.keypoint_scores for one in found])

    return run
