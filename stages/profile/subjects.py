"""What is profiled: a finetuning method with fresh weights, and the video network that its features would come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from stages.encoders.segments import SegmentsConfig
from stages.encoders.spec import EncoderSpec, ImageSpec, PoseSpec, SegmentSpec, encoder_config
from stages.encoders.video import VideoConfig, side_of
from stages.engine.batch import Batch, Features, Images
from stages.engine.inputs import FeatureInput, PatchInput
from stages.engine.method import Assessor, Context
from stages.engine.records import IMAGES, POSES
from stages.errors import UsageError
from stages.finetune.methods.registry import method_class
from stages.finetune.model import construct
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import Layout, layout_named

FRAMES = 16
"""Frames of a segment."""
SIDE = 224
"""Rows and columns of a frame."""
PICTURE = 128
"""Rows and columns of a body map (U-VI)."""
_PERFORMER = (0.25, 0.25, 0.75, 0.75)
"""Where the performer is in a picture, for the methods that look there: a quarter of it."""


@dataclass(frozen=True)
class Shape:
    """The size of the input.

    Attributes:
        batch: N.
        skeleton: the layout of the poses.
        channels: C of the poses.
        segments: S of the features.
        dimensions: D of the features.
    """

    batch: int = 1
    skeleton: str = "coco-17"
    channels: int = 2
    segments: int = 10
    dimensions: int = 1024


@dataclass(frozen=True)
class Subject:
    """One part with its forward pass."""

    name: str
    module: nn.Module
    forward: Callable[[], Any]


def method(name: str, settings: Any, shape: Shape, device: torch.device) -> Subject:
    """Return a finetuning method on random clips.

    Args:
        name: of the method.
        settings: the method's.
        shape: of the clips.
        device: where it runs.

    Raises:
        UsageError: the method is no network.
    """
    cls = method_class(name)
    if not issubclass(cls, Assessor):
        raise UsageError(f"{name} is fitted, not run as a network: there is nothing to count.", hint="aqa methods lists the others")
    torch.manual_seed(0)
    side = _side(settings) if IMAGES in cls.consumes(settings) else None
    poses: PoseInput | None = getattr(settings, "input", None)
    skeleton = layout_named((poses.skeleton if poses else None) or shape.skeleton)
    sizes = {role: _size(getattr(settings, role), shape, skeleton) for role in cls.consumes(settings) if role not in (POSES, IMAGES)}
    names = dict.fromkeys(cls.annotations(settings), ("0", "1"))  # how many there are only data know
    context = Context(skeleton.name, shape.channels, poses.people if poses else 1, features=sizes, annotations=names)
    spec: EncoderSpec | None = None
    if cls.uses_encoder == "features":
        spec = SegmentSpec(settings.model_dump(mode="json", include=set(SegmentsConfig.model_fields)), sizes)
    elif cls.uses_encoder == "images":
        assert side is not None
        spec = ImageSpec(settings.encoder, encoder_config(settings.encoder, settings.encoder_settings).model_dump(), 3, (side, side))
    elif cls.uses_encoder:
        assert poses is not None
        sized = encoder_config(settings.encoder, settings.encoder_settings).model_dump(mode="json")
        spec = PoseSpec(settings.encoder, sized, skeleton.name, shape.channels, poses.model_copy(update={"skeleton": skeleton.name}))
    built: Assessor = construct(cls, settings, context, spec).to(device).eval()
    batch = replace(_random(poses, len(skeleton.joints), sizes, shape), images=_pictures(side, settings, shape)).to(device)
    reference = batch if built.reference_size else None
    return Subject(name, built, lambda: built.predict(batch, reference))


def _size(features: FeatureInput, shape: Shape, skeleton: Layout) -> tuple[int, ...]:
    """Return the sizes of a clip's features: segments, dimensions, and joints where they are of squares around those."""
    joints = (len(skeleton.joints),) if isinstance(features, PatchInput) else ()
    return (features.segments or shape.segments, shape.dimensions, *joints)


def _random(poses: PoseInput | None, joints: int, sizes: Mapping[str, tuple[int, ...]], shape: Shape) -> Batch:
    count, frames = shape.batch, poses.frames if poses else 0
    features = {role: Features(torch.randn(count, 1, *size), torch.ones(count, size[0], dtype=torch.bool)) for role, size in sizes.items()}
    size = (shape.channels, frames, joints, poses.people) if poses else (0, 0, 0, 0)
    mask, zeros = torch.ones(count, frames, dtype=torch.bool), torch.zeros(count)
    return Batch(tuple(map(str, range(count))), torch.randn(count, *size), mask, zeros, zeros.long(), features)


def _side(settings: Any) -> int:
    """Return the rows and columns of pictures: those of the network that is trained along, or the published body maps'."""
    network = getattr(settings, "backbone", None)
    return side_of(network) if isinstance(network, VideoConfig) else PICTURE


def _pictures(side: int | None, settings: Any, shape: Shape) -> Images | None:
    """Return as many pictures as a method looks at once."""
    if side is None:
        return None
    network = getattr(settings, "backbone", None)
    frames = network.segments * network.length if isinstance(network, VideoConfig) else settings.frames
    count = torch.full((shape.batch,), frames)
    values = torch.randint(0, 256, (shape.batch * frames, 1, 3, side, side), dtype=torch.uint8)
    boxes = torch.tensor(_PERFORMER).expand(len(values), 1, 4) if hasattr(settings, "boxes") else None
    return Images(values, count.cumsum(0) - count, count, boxes)


def backbone(name: str, shape: Shape, device: torch.device) -> Subject:
    """Return a video network with fresh weights on the segments of ``shape.batch`` clips.

    Raises:
        UsageError: it is none that can be built without its weights.
    """
    torch.manual_seed(0)
    network, channels, side = _network(name)
    clips = torch.randn(shape.batch * shape.segments, channels, FRAMES, side, side, device=device)
    network = network.to(device).eval()

    def forward() -> Tensor:
        last: Tensor = clips
        for number in range(len(clips)):  # one segment at a time, so that memory is that of one
            last = network(clips[number : number + 1])
        return last

    return Subject(f"{name} on {shape.segments} segments of {FRAMES} × {side} × {side}", network, forward)


def _network(name: str) -> tuple[nn.Module, int, int]:
    if name in ("i3d", "i3d-flow"):
        from stages.extract_features.backbones.inception_i3d import InceptionI3D

        channels = 3 if name == "i3d" else 2
        return InceptionI3D(channels, 400), channels, SIDE
    if name == "tiny":
        from stages.extract_features.backbones.tiny import SIDE as SMALL
        from stages.extract_features.backbones.tiny import TinyRGB

        return TinyRGB(), 3, SMALL
    from stages.extract_features.backbones.registry import entry_of

    config_name = entry_of(name).config
    if not config_name:
        raise UsageError(f"{name} cannot be built without its weights.", hint="i3d, i3d-flow, tiny, or a network of mmaction2")
    from stages import openmmlab
    from stages.extract_features.backbones.mmaction import look_of

    config = openmmlab.action_config(config_name)
    look, network = look_of(config, name), openmmlab.build_action(config)
    return network.backbone, look.channels, look.crop  # type: ignore[return-value]
