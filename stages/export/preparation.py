"""How a graph's inputs are made of clips, as JSON: the settings of every step from the video on, as the model's lineage says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.encoders.spec import PoseSpec, PretrainedEncoder
from stages.engine.inputs import Inputs
from stages.engine.method import Assessor
from stages.engine.records import POSES
from stages.engine.targets import NO_GROUP
from stages.export import regressors
from stages.export.onnx_file import Exported
from stages.export.ports import context_of
from stages.export.subjects import Member
from stages.finetune.model import Model, roles_of
from stages.skeletons.layouts import layout_named

_LEARNED = ("encoder", "model")
"""Roles of a lineage that are weights to start from, not clips."""


def of_member(member: Member, exported: Exported | None) -> dict[str, Any]:
    """Return everything that somebody must know who makes the inputs of a graph, or builds the network again.

    Args:
        member: the model or the encoder.
        exported: its graph; None where there is none, only its numbers.
    """
    said = _of_model(member.what) if isinstance(member.what, Model) else _of_encoder(member.what)
    if exported is not None:
        ports, batch = exported.graph.ports, exported.batch
        said |= {
            "inputs": {port.name: port.to_json(batch) for port in ports},
            "outputs": {name: {"dtype": "float32", "meaning": meaning} for name, meaning in exported.graph.outputs.items()},
            "clips_at_once": "any number" if batch == "N" else batch,
        }
    return said | {"made_by": _makers(member.documents["provenance"])}


def _of_model(model: Model) -> dict[str, Any]:
    document, target = model.documents["method"], model.target
    said: dict[str, Any] = {
        "method": document["name"],
        "settings": document["settings"],
        "target": {
            "task": target.config.task,
            "column": target.config.resolved_column,
            "classes": list(target.classes),
            "group_column": target.config.group_column,
            "groups": [group for group in target.groups if group != NO_GROUP],
            "times": target.config.times,
        },
        "prepare": _steps(model.method.inputs, context_of(model).skeleton),
    }
    if isinstance(model.method, regressors.TableRegressor):
        cls = type(model.method)
        said["prepare"][regressors.TABLE] = {
            "made_of": roles_of(document),
            "function": f"{cls.table.__module__}:{cls.table.__qualname__}",
            "skeleton": context_of(model).skeleton,
        }
    if isinstance(model.method, Assessor) and (told := model.method.told()):
        said["told"] = {column: list(context_of(model).annotations[column]) for column in told}
    return said


def _of_encoder(encoder: PretrainedEncoder) -> dict[str, Any]:
    spec = encoder.spec
    inputs = Inputs(poses=spec.input) if isinstance(spec, PoseSpec) else Inputs()
    return {"encoder": spec.to_json(), "prepare": _steps(inputs, spec.skeleton if isinstance(spec, PoseSpec) else "")}


def _steps(inputs: Inputs, skeleton: str) -> dict[str, Any]:
    """Return the settings by which artifacts become tensors, role by role."""
    said: dict[str, Any] = {role: settings.model_dump(mode="json") for role, settings in inputs.features.items()}
    if inputs.poses is not None:
        name = inputs.poses.skeleton or skeleton
        said[POSES] = inputs.poses.model_dump(mode="json") | {"skeleton": name, "joints": list(layout_named(name).joints)}
    for name, settings in (("images", inputs.images), ("boxes", inputs.boxes)):
        if settings is not None:
            said[name] = settings.model_dump(mode="json")
    return said


def _makers(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return role → how most of the training clips' artifacts were made, and those that they were made of."""
    found = {}
    for entry in provenance.get("inputs", []):
        if entry.get("role") in _LEARNED or not entry.get("made_by"):
            continue
        maker = max(entry["made_by"], key=lambda each: each.get("count", 0))["provenance"]
        if maker.get("stage"):
            said = {key: maker[key] for key in ("stage", "stage_version", "created_by", "config", "named") if key in maker}
            found[str(entry["role"])] = said | {"made_of": _makers(maker)}
    return found
