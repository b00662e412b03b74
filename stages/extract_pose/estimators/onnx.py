"""Exported networks (``.onnx``) through onnxruntime: top-down with heat maps or SimCC vectors, and RTMO.

What a graph is, is read off the shapes of its inputs and outputs:

=====================================  =================================================================================
one output, 4 axes                     heat maps (N, V, height, width): top-down
two outputs, 3 axes                    SimCC vectors (N, V, bins over x), (N, V, bins over y): top-down
two outputs, 3 and 4 axes              boxes with scores (N, P, 5) and joints (N, P, V, 3): RTMO
=====================================  =================================================================================
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from stages.arrays import Array
from stages.errors import ArtifactError, MissingDependencyError, UsageError
from stages.extract_pose.estimators import topdown
from stages.extract_pose.estimators.contract import People
from stages.extract_pose.estimators.letterbox import Letterbox
from stages.skeletons.layouts import LAYOUTS, Layout

Kind = Literal["heat maps", "SimCC", "RTMO"]
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of red, green and blue in 0–255."""
MIN_SCORE = 0.1
"""People of less score are left out, as mmpose's RTMO does; exported graphs drop overlapping ones themselves, but not all of these."""
_BATCH = 16
_LAYOUTS = {len(LAYOUTS[name].joints): LAYOUTS[name] for name in ("coco-17", "openpose-18", "openpose-25", "mediapipe-33")}
"""What so many joints are taken for: a graph does not name its joints."""


@dataclass(frozen=True)
class Graph:
    """A loaded graph and what it was recognised as.

    Attributes:
        session: onnxruntime's session.
        kind: what its outputs are.
        size: (width, height) of its input.
        batch: how many images it takes at once; fixed, so that a batch's size never shows in a result.
        outputs: the names of its outputs: x before y, boxes before joints.
        fixed: whether the graph takes exactly so many.
    """

    session: Any
    kind: Kind
    size: tuple[int, int]
    batch: int
    outputs: tuple[str, ...]
    fixed: bool = True

    def run(self, inputs: Array) -> list[Array]:
        """Return the outputs for inputs (batch, 3, height, width) float32."""
        name = self.session.get_inputs()[0].name
        found: list[Array] = self.session.run(list(self.outputs), {name: inputs})
        return found


class OnnxTopDown:
    """A top-down graph.  See :class:`stages.extract_pose.estimators.contract.TopDown`.

    Args:
        graph: of the kind heat maps or SimCC.
        mean: subtracted from red, green and blue (0–255).
        std: what they are then divided by.
        flip: average with the outputs for the mirrored crop.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
        flip: bool = False,
        layout: Layout | None = None,
    ) -> None:
        self.batch = graph.batch
        self.crop = topdown.Crop(graph.size)
        self._graph, self._flip = graph, flip
        self._mean, self._std = (np.array(values, dtype=np.float32)[:, None, None] for values in (mean, std))
        probe = self._outputs(np.zeros((self.batch, graph.size[1], graph.size[0], 3), dtype=np.uint8), flip=False)
        self.layout = layout or _layout(probe[0].shape[1])

    def joints(self, images: Sequence[Array], boxes: Array) -> tuple[Array, Array]:
        """Return positions (N, V, 2) in pixels and confidence (N, V) of the person in each of N boxes; see the contract."""
        count, joints = len(images), len(self.layout.joints)
        positions, confidence = np.zeros((count, joints, 2), dtype=np.float32), np.zeros((count, joints), dtype=np.float32)
        batch = self._graph.batch if self._graph.fixed else self.batch
        crops = np.zeros((batch, self.crop.size[1], self.crop.size[0], 3), dtype=np.uint8)
        for start in range(0, count, batch):
            part = slice(start, min(start + batch, count))
            used = part.stop - part.start
            crops[used:] = 0
            found = topdown.cut(images[part], boxes[part], self.crop, crops)
            outputs = [output[:used] for output in self._outputs(crops, flip=self._flip)]
            if self._graph.kind == "heat maps":
                where, sure = topdown.heatmap_joints(outputs[0], self.crop.size)
            else:
                where, sure = topdown.simcc_joints(outputs[0], outputs[1], self.crop.size)
            positions[part], confidence[part] = found.to_frame(where, self.crop.size), np.clip(sure, 0.0, 1.0)
        return positions, confidence

    def _outputs(self, crops: Array, *, flip: bool) -> list[Array]:
        inputs = (crops.transpose(0, 3, 1, 2) - self._mean) / self._std
        outputs = self._graph.run(np.ascontiguousarray(inputs, dtype=np.float32))
        if flip:
            other = self._graph.run(np.ascontiguousarray(inputs[..., ::-1], dtype=np.float32))
            # Only what runs along x is mirrored: the last axis of heat maps and of the first SimCC vector.
            turned = [other[0][:, list(self.layout.mirrored), ..., ::-1], *(output[:, list(self.layout.mirrored)] for output in other[1:])]
            outputs = [(one + two) * 0.5 for one, two in zip(outputs, turned, strict=True)]
        return outputs


class OnnxRTMO:
    """An exported RTMO.  See :class:`stages.extract_pose.estimators.contract.OneStage`.

    Frames are scaled into the top left corner of the input, over grey, and stay blue-green-red in 0–255, as its exporters have it.
    """

    def __init__(self, graph: Graph, *, layout: Layout | None = None) -> None:
        self.batch = graph.batch
        self.letterbox = Letterbox(graph.size, corner=True)
        self._graph = graph
        probe = graph.run(np.zeros((self.batch, 3, graph.size[1], graph.size[0]), dtype=np.float32))
        self.layout = layout or _layout(probe[1].shape[2])

    def people(self, images: Sequence[Array]) -> list[People]:
        """Return the people of each of N frames, best first; see the contract."""
        width, height = self.letterbox.size
        found: list[People] = []
        for start in range(0, len(images), self.batch):
            part = images[start : start + self.batch]
            inputs = np.zeros((self.batch, height, width, 3), dtype=np.float32)
            for number, image in enumerate(part):
                inputs[number] = self.letterbox.fit(image)
            boxes, joints = self._graph.run(np.ascontiguousarray(inputs.transpose(0, 3, 1, 2)))
            found += [self._people(boxes[number], joints[number], image) for number, image in enumerate(part)]
        return found

    def _people(self, boxes: Array, joints: Array, image: Array) -> People:
        order = np.argsort(-boxes[:, 4], kind="stable")
        order = order[boxes[order, 4] >= MIN_SCORE]
        corners = self.letterbox.to_frame(boxes[order, :4].reshape(-1, 2, 2), image).reshape(-1, 4)
        return People(
            boxes=corners.astype(np.float32),
            scores=np.clip(boxes[order, 4], 0.0, 1.0).astype(np.float32),
            positions=self.letterbox.to_frame(joints[order, :, :2], image).astype(np.float32),
            confidence=np.clip(joints[order, :, 2], 0.0, 1.0).astype(np.float32),
        )


def load(path: Path, device: torch.device, *, threads: int = 0, batch: int = _BATCH) -> Graph:
    """Load a graph and recognise what it is.

    Args:
        path: the ``.onnx`` file.
        device: where it runs; ``cuda`` needs the package onnxruntime-gpu.
        threads: for one run; 0 leaves the choice to onnxruntime.
        batch: how many images at once, where the graph leaves that open.

    Raises:
        ArtifactError: no readable graph, or one that is neither a top-down network nor RTMO.
        MissingDependencyError: onnxruntime is not installed.
        UsageError: this onnxruntime does not run on the device.
    """
    if not path.is_file():
        raise ArtifactError(f"The network {path} does not exist.")
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingDependencyError(f"{path.name} needs onnxruntime ({error}).", hint="pip install aqa-toolkit[video]") from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(str(path), options, providers=_providers(runtime, device))
    except UsageError:
        raise
    except Exception as error:  # onnxruntime has a class of its own for each of a dozen reasons
        raise ArtifactError(f"{path} is not a readable ONNX network: {str(error).splitlines()[0]}") from error
    return _recognise(path, session, batch)


def _providers(runtime: Any, device: torch.device) -> list[Any]:
    if device.type == "cpu":
        return ["CPUExecutionProvider"]
    wanted = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}[device.type]
    if wanted not in runtime.get_available_providers():
        raise UsageError(f"The installed onnxruntime cannot run on '{device}'.", hint="--device cpu, or pip install onnxruntime-gpu")
    return [(wanted, {"device_id": device.index or 0}) if device.type == "cuda" else wanted, "CPUExecutionProvider"]


def _recognise(path: Path, session: Any, batch: int) -> Graph:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    kind = _kind([output.shape for output in outputs])
    if kind is None or len(shape) != 4 or shape[1] != 3 or not all(isinstance(side, int) for side in shape[2:]):
        listing = "; ".join(
            f"{what} {', '.join(f'{value.name} {tuple(value.shape)}' for value in values)}"
            for what, values in (("inputs", inputs), ("outputs", outputs))
        )
        raise ArtifactError(
            f"{path} is no pose network that is known here: expected one input (N, 3, height, width) of fixed size, and heat maps "
            f"(N, V, height, width), SimCC vectors (N, V, bins) twice, or RTMO's boxes (N, P, 5) and joints (N, P, V, 3); found {listing}.",
            hint="export the network with a fixed input size and without post-processing; see docs/estimators.md",
        )
    names = [output.name for output in outputs]
    if (kind == "RTMO" and len(outputs[0].shape) == 4) or (kind == "SimCC" and _is_y(names[0])):
        names.reverse()
    fixed = isinstance(shape[0], int) and shape[0] > 0
    return Graph(session, kind, (shape[3], shape[2]), shape[0] if fixed else batch, tuple(names), fixed)


def _kind(shapes: Sequence[Sequence[Any]]) -> Kind | None:
    axes = sorted(len(shape) for shape in shapes)
    last = {len(shape): shape[-1] for shape in shapes}
    if axes == [4]:
        return "heat maps"
    if axes == [3, 4] and all(last[count] in (length, None) or isinstance(last[count], str) for count, length in ((3, 5), (4, 3))):
        return "RTMO"
    return "SimCC" if axes == [3, 3] else None


def _is_y(name: str) -> bool:
    return name.lower().endswith("y")


def _layout(joints: int) -> Layout:
    if joints not in _LAYOUTS:
        known = ", ".join(f"{count} ({layout.name})" for count, layout in _LAYOUTS.items())
        raise ArtifactError(f"The network finds {joints} joints; known numbers of joints are {known}.")
    return _LAYOUTS[joints]
