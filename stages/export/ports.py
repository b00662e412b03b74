"""Which inputs a graph has: what a method declares that it consumes, as tensors.

N clips (the first axis of all of them, left out here), T frames, V joints, M people, C channels, S segments, D feature dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

from stages.encoders.spec import EncoderSpec, ImageSpec, PoseSpec
from stages.engine.inputs import FeatureInput, PatchInput
from stages.engine.method import Assessor, Context
from stages.errors import ArtifactError, UsageError
from stages.export import regressors
from stages.export.tensors import MASK, TOLD, Port
from stages.finetune.model import Model
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import layout_named


def context_of(model: Model) -> Context:
    """Return what a model's method was built for."""
    return Context.from_json(model.documents["method"]["context"])


def of_encoder(spec: EncoderSpec) -> tuple[Port, ...]:
    """Return the inputs of an encoder."""
    if isinstance(spec, PoseSpec):
        return of_poses(spec.input, spec.skeleton, spec.channels)
    if isinstance(spec, ImageSpec):
        return (Port("pictures", "float32", (spec.channels, *spec.size), "single pictures, channels × rows × columns, from 0 to 1"),)
    return tuple(port for role, size in spec.sizes.items() for port in of_features(role, FeatureInput(), size))


def of_model(model: Model, frames: int | None) -> tuple[Port, ...]:
    """Return all inputs that a model can look at."""
    method, context, target = model.method, context_of(model), model.target
    inputs, ports = method.inputs, list[Port]()
    if not isinstance(method, Assessor) and (size := regressors.network_of(method, model.documents["method"]["name"])[1]):
        ports.append(Port(regressors.TABLE, "float64", (size,), "the numbers of a clip that the method regresses on"))
    if inputs.poses is not None:
        ports += of_poses(inputs.poses, inputs.poses.skeleton or context.skeleton, context.channels)
    for role, chosen in inputs.features.items():
        ports += of_features(role, chosen, context.features[role])
    if inputs.images is not None:
        ports += _image_ports(model, frames)
    for column, kind in method.told().items() if isinstance(method, Assessor) else ():
        names = context.annotations[column]
        if kind == "number":
            ports.append(Port(f"{TOLD}{column}", "float32", (), f"the clip's '{column}'"))
        else:
            told = f"the place of the clip's '{column}' in: {', '.join(names)}; -1 for any other"
            ports.append(Port(f"{TOLD}{column}", "int64", (), told, classes=len(names)))
    if len(target.groups) > 1:
        told = f"the place of the clip's '{target.config.group_column}' in: {', '.join(target.groups)}; -1 for any other"
        ports.append(Port("group", "int64", (), told, classes=len(target.groups)))
    if target.config.times is not None and not target.classes:
        ports.append(Port("factor", "float32", (), f"the clip's '{target.config.times}', which its score is multiplied by"))
    return tuple(ports)


def of_poses(settings: PoseInput, skeleton: str, channels: int) -> tuple[Port, ...]:
    """Return the inputs of poses that were prepared with ``settings``."""
    shape = (channels, settings.frames, len(layout_named(skeleton).joints), settings.people)
    where = "in front" if settings.length == "pad-front" else "behind"
    return (
        Port("poses", "float32", shape, f"axes × frames × joints of {skeleton} × people; missing joints filled in, zeros {where}"),
        Port("mask", "bool", (settings.frames,), f"true where a frame is real, false {where}", front=settings.length == "pad-front"),
    )


def of_features(role: str, settings: FeatureInput, size: Sequence[int]) -> tuple[Port, ...]:
    """Return the inputs of features of ``size`` (S, D, …)."""
    squares = isinstance(settings, PatchInput)
    told = f"views ({', '.join(settings.views)}) × segments × numbers" + (" × joints, NaN where never seen" if squares else "")
    return (
        Port(role, "float32", (len(settings.views), *size), f"{told}; zeros behind", gaps=squares),
        Port(f"{role}{MASK}", "bool", (size[0],), "true where a segment is real, false behind"),
    )


def _image_ports(model: Model, frames: int | None) -> list[Port]:
    inputs = model.method.inputs
    assert inputs.images is not None
    longest = frames or _longest(model)
    shape = (longest, len(inputs.images.views) or 1, *_picture(model))
    found = [
        Port("images", "uint8", shape, "frames × views × channels × rows × columns; the last frame again behind"),
        Port("frames", "int64", (), f"how many frames are real, at most {longest}", classes=longest),
    ]
    if inputs.boxes is not None:
        told = "of each frame × performer: left, top, right, bottom as shares of the picture, NaN where not seen"
        found.append(Port("boxes", "float32", (longest, inputs.boxes.people, 4), told))
    return found


def _longest(model: Model) -> int:
    facts = {} if model.carried is None else model.carried.facts.get("images", {})
    rate = model.method.inputs.images.fps or (facts.get("fps") or [0])[-1] if model.method.inputs.images is not None else 0
    if not facts or not rate:
        raise UsageError("The model does not say how long its training clips were.", hint="aqa export --frames NUMBER")
    return round(facts["seconds"][1] * rate) + 1


def _picture(model: Model) -> tuple[int, int, int]:
    """Return the channels, rows and columns of pictures: the encoder's, or those that training clips had."""
    document = model.documents.get("encoder", {})
    if "picture" in document:
        channels, height, width = document["picture"]
        return channels, height, width
    for entry in model.documents["provenance"].get("inputs", []):
        made = [each["provenance"].get("config", {}).get("size") for each in entry.get("made_by", [])]
        if entry.get("role") == "images" and made and made[0]:
            return 3, int(made[0]), int(made[0])
    raise ArtifactError("The model does not say how large the pictures of its training clips were.", hint="extract and train again")
