"""Any recogniser of mmaction2 as a backbone: built from its config, fed as its config says, without its classification head.

Features are the backbone's output, averaged over time and space; of C3D those of layer fc6 behind its ReLU, which is what the users of the
Caffe network extract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages import openmmlab
from stages import weights as weight_files
from stages.errors import ArtifactError, UsageError
from stages.extract_features.backbones.contract import Backbone, Look, Precision
from stages.extract_features.backbones.registry import Entry

_PIPELINES = ("val_pipeline", "test_pipeline")


def build(name: str, entry: Entry, file: Path, precision: Precision) -> Backbone:
    """Return the backbone of the recogniser that ``entry.config`` (a name of mmaction2's index, or a path) describes.

    Raises:
        UsageError: there is no such config, or it is no recogniser of RGB video.
        ArtifactError: its preparation of frames is none that this toolkit does, or the weights do not fit.
        MissingDependencyError: mmaction2 is not installed.
    """
    config = openmmlab.action_config(entry.config)
    look = look_of(config, name)
    recogniser = openmmlab.build_action(config)
    weight_files.load_into(recogniser, weight_files.read_state(file), str(file))
    network = recogniser.backbone
    assert isinstance(network, nn.Module)
    layers = Layers(network, frames=config.model.type == "Recognizer2D", bf16=precision == "bf16")
    length = look.length or 16
    with torch.inference_mode():
        probe = torch.zeros(1, look.channels, length, look.crop, look.crop)
        try:
            dimensions = layers.features(probe).shape[1]
        except (RuntimeError, ValueError, AssertionError, IndexError) as error:
            raise ArtifactError(f"{name} cannot be fed with one segment of {length} frames: {str(error).splitlines()[0]}") from None
    return Backbone(name, look, dimensions, network, layers.features, None if layers.is_c3d else layers.maps)


class Layers:
    """What is taken from a network of mmaction2.

    Args:
        network: the recogniser's backbone.
        frames: it sees single frames, as the two-dimensional recognisers do.
        bf16: convolutions and matrix products in bfloat16.
    """

    def __init__(self, network: nn.Module, *, frames: bool, bf16: bool) -> None:
        self.network, self.frames, self.bf16 = network, frames, bf16
        self.is_c3d = hasattr(network, "fc6")

    def features(self, clips: Tensor) -> Tensor:
        """Return (N, D)."""
        if self.is_c3d:
            with self._precision(clips):
                return self._fc6(clips).float()
        return torch.cat([_mean(output) for output in self._outputs(clips)], dim=1)

    def maps(self, clips: Tensor) -> Tensor:
        """Return (N, D, t, h, w).

        Raises:
            UsageError: the network has no maps, or several of different sizes.
        """
        outputs = self._outputs(clips)
        if len(outputs) != 1 or outputs[0].ndim != 5:
            raise UsageError("This network has no single feature map before pooling.", hint="leave out --pool none")
        return outputs[0]

    def _outputs(self, clips: Tensor) -> list[Tensor]:
        with self._precision(clips):
            if not self.frames:
                found = self.network(clips)
            else:
                images = clips.transpose(1, 2).flatten(0, 1)
                found = self.network(images)
        outputs = [output.float() for output in (found if isinstance(found, Sequence) else [found])]
        if self.frames:
            outputs = [output.unflatten(0, (len(clips), -1)).transpose(1, 2) for output in outputs]
        return outputs

    def _precision(self, clips: Tensor) -> torch.autocast:
        return torch.autocast(clips.device.type, torch.bfloat16, enabled=self.bf16)

    def _fc6(self, clips: Tensor) -> Tensor:
        net: Any = self.network
        x = net.pool1(net.conv1a(clips))
        x = net.pool2(net.conv2a(x))
        x = net.pool3(net.conv3b(net.conv3a(x)))
        x = net.pool4(net.conv4b(net.conv4a(x)))
        x = net.pool5(net.conv5b(net.conv5a(x)))
        return F.relu(net.fc6(x.flatten(start_dim=1)))


def look_of(config: Any, name: str) -> Look:
    """Return how the config prepares frames for validation: resize, centre crop, mean and deviation.

    Raises:
        UsageError: the config is none of a recogniser, or of one that sees something else than RGB.
        ArtifactError: a step is missing, or one that is not known is there.
    """
    model = config.model
    if not str(model.get("type", "")).startswith("Recognizer") or model.type in ("RecognizerGCN", "RecognizerAudio", "MMRecognizer3D"):
        raise UsageError(f"{name} is no recogniser of video, but a {model.get('type', 'config without a model type')}.")
    steps = _pipeline(config, name)
    preprocessor: Mapping[str, Any] = model.get("data_preprocessor") or {}
    mean, std = (tuple(float(value) for value in preprocessor.get(key) or ()) for key in ("mean", "std"))
    if len(mean) != 3 or len(std) != 3:
        raise UsageError(f"{name} sees {len(mean) or 'an unknown number of'} channels, expected the three of RGB.")
    resize, crop = steps.get("Resize"), steps.get("CenterCrop")
    if resize is None or crop is None:
        raise ArtifactError(f"{name} prepares its frames by {', '.join(steps)}; expected Resize and CenterCrop among them.")
    scale = tuple(int(size) for size in resize["scale"])
    keep = resize.get("keep_ratio", True)
    if keep and -1 not in scale:
        raise ArtifactError(f"{name} resizes into a box of {scale}; expected a shorter side, or a shape that is not kept.")
    length = int(steps["SampleFrames"].get("clip_len", 16)) if "SampleFrames" in steps else 16
    fixed = (
        model.backbone.type == "C3D" or model.type == "Recognizer2D" or "Former" in model.backbone.type or "Vision" in model.backbone.type
    )
    side: int | tuple[int, int] = max(scale) if keep else (scale[0], scale[1])
    fixed_length = length if fixed and length > 1 else None
    return Look("rgb", side, int(crop["crop_size"]), mean, std, fixed_length)


def _pipeline(config: Any, name: str) -> dict[str, Mapping[str, Any]]:
    for key in _PIPELINES:
        if key in config:
            return {step["type"]: step for step in config[key]}
    raise ArtifactError(f"{name} does not say how frames are prepared: it has neither {' nor '.join(_PIPELINES)}.")


def _mean(output: Tensor) -> Tensor:
    """Return (N, D) of a backbone's output: maps are averaged, vectors are taken as they are."""
    if output.ndim not in (2, 5):
        raise ValueError(f"its output has {output.ndim} dimensions, expected a vector or feature maps")
    return output if output.ndim == 2 else output.mean((2, 3, 4))
