"""A trained model: what an artifact of kind ``model`` holds, and how it predicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stages.arrays import Array
from stages.artifacts import store, tree
from stages.artifacts.store import Artifact
from stages.configuration import Layer, resolve
from stages.encoders.spec import EncoderSpec, spec_from_json
from stages.engine.annotations import Kind, annotated, decode
from stages.engine.batch import Batch, Clips, Features
from stages.engine.inputs import to_clips
from stages.engine.method import Assessor, Context, Estimator, MethodConfig, as_numpy, wanted
from stages.engine.records import Records
from stages.engine.targets import Target
from stages.errors import ArtifactError, UsageError
from stages.finetune.carried import Carried
from stages.finetune.methods.registry import method_class

PREDICTION_BATCH = 16
"""Clips per forward pass; the last batch is padded to it, so that the company a clip keeps cannot change its score."""


@dataclass(frozen=True)
class Model:
    """A method with its fitted target, ready to predict."""

    method: Assessor | Estimator
    target: Target
    documents: Mapping[str, Any]
    fingerprint: str = ""
    reference: Batch | None = None
    """Training clips that the method compares with, where it needs some."""
    carried: Carried | None = None
    """What the model carries besides its weights; None while it is made, and where its artifact has none."""

    @classmethod
    def read(cls, path: Path) -> Model:
        """Read a model artifact.

        Raises:
            ArtifactError: damaged, of another kind, or not fitting this version's network.
        """
        artifact = store.read(path, "model")
        document = artifact.documents["method"]
        reference: Batch | None = None
        method = build(document["name"], document["settings"], Context.from_json(document["context"]), artifact.documents.get("encoder"))
        if isinstance(method, torch.nn.Module):
            method.load_state_dict(tree.weights_from_arrays(artifact.arrays, method.state_dict(), str(path)))
            method.eval()
            reference = _reference_from(artifact.arrays, document.get("reference", []))
        else:
            prefix = "arrays/"
            method.restore({name.removeprefix(prefix): array for name, array in artifact.arrays.items() if name.startswith(prefix)})
        carries = _carried(artifact, path) if "carried" in artifact.documents else None
        return cls(method, Target.from_json(document["target"]), artifact.documents, artifact.header.fingerprint, reference, carries)

    def predict(self, records: Records, device: torch.device | None = None, clips: Clips | None = None) -> dict[str, Array]:
        """Predict every record.

        Args:
            records: the clips.
            device: where a network runs; the CPU by default.
            clips: the records already prepared for this method's inputs.

        Returns:
            ``predicted`` (N,) in the data's units (a class index for levels and actions), ``scores`` (N, classes) for those,
            and whatever else the method says; its ``value.NAME`` become ``predicted.NAME``, in the data's units too.
        """
        raw = self.say(records, device, clips)
        if self.target.classes:
            return {"predicted": raw["scores"].argmax(axis=1).astype(np.float64), **raw}
        rows = [record.row for record in records]
        decoded = {name: self.target.decode(value, rows) for name, value in raw.items() if name.partition(".")[0] == "value"}
        rest = {name: value for name, value in raw.items() if name not in decoded}
        return {name.replace("value", "predicted", 1): value for name, value in decoded.items()} | rest

    def say(self, records: Records, device: torch.device | None = None, clips: Clips | None = None) -> dict[str, Array]:
        """Return what the method says of every record, in the units that it sees: ``value`` (N,) or ``scores`` (N, classes), and more."""
        if not isinstance(self.method, Assessor):
            return dict(self.method.predict(records))
        return predict_clips(self.method, self.prepare(self.method, records, clips), device or torch.device("cpu"), self.reference)

    def prepare(self, method: Assessor, records: Records, clips: Clips | None = None) -> Clips:
        """Return what a network sees of clips: their tensors, their classes, and what the method is told of them beforehand."""
        clips = clips if clips is not None else to_clips(records, method.inputs)
        rows, names = [record.row for record in records], Context.from_json(self.documents["method"]["context"]).annotations
        group = torch.from_numpy(self.target.group_index(rows))
        return annotated(replace(clips, group=group), rows, method.told(), names)

    def annotate(self, records: Records, device: torch.device | None = None) -> dict[str, tuple[Kind, Sequence[str | float]]]:
        """Return what the method says of each column that it learned beside its target: what that holds, and words or numbers (N,)."""
        names = Context.from_json(self.documents["method"]["context"]).annotations
        if not names or not isinstance(self.method, Assessor):
            return {}
        said = _in_batches(self.method, to_clips(records, self.method.inputs), device or torch.device("cpu"), self.method.annotate)
        return {column: _told(values, names[column]) for column, values in said.items()}

    def represent(self, records: Records, device: torch.device | None = None) -> Array | None:
        """Return what the method regresses on, (N, D); None for methods that have no such thing."""
        if not isinstance(self.method, Assessor):
            return self.method.represent(records)
        method = self.method
        clips = to_clips(records, method.inputs)
        return _in_batches(method, clips, device or torch.device("cpu"), lambda batch: {"values": method.represent(batch)}).get("values")


def _told(values: Array, names: Sequence[str]) -> tuple[Kind, Sequence[str | float]]:
    if np.issubdtype(values.dtype, np.floating):
        return "number", values.tolist()
    return "class" if values.ndim == 1 else "words", decode(values, names)


def _carried(artifact: Artifact, path: Path) -> Carried:
    try:
        return Carried.read(artifact.arrays, artifact.documents["carried"])
    except (KeyError, TypeError, ValueError, UsageError):
        raise ArtifactError(f"{path}: what the model carries of its clips does not fit together.", hint="train it again") from None


def roles_of(said: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the roles that a model takes, and the names of the features in them, for its document ``method``."""
    cls = method_class(said["name"])
    return wanted(cls, resolve(cls.SETTINGS, [Layer("model", dict(said["settings"]))]).config)


def build(name: str, settings: Mapping[str, Any], context: Context, encoder: Mapping[str, Any] | None) -> Any:
    """Build a method from what an artifact says of it."""
    cls = method_class(name)
    config: MethodConfig = resolve(cls.SETTINGS, [Layer("model", dict(settings))]).config
    return construct(cls, config, context, spec_from_json(encoder) if encoder is not None else None)


def construct(cls: Any, settings: MethodConfig, context: Context, encoder: EncoderSpec | None) -> Any:
    """Build a method, around an encoder where it uses one."""
    if cls.uses_encoder:
        assert encoder is not None
        return cls(settings, context, encoder)
    return cls(settings, context)


def predict_clips(method: Assessor, clips: Clips, device: torch.device, reference: Batch | None = None) -> dict[str, Array]:
    """Run ``method`` over all clips in batches of one fixed shape, beside the reference where it needs one."""
    beside = None if reference is None else reference.to(device)
    return _in_batches(method, clips, device, lambda batch: method.predict(batch, beside))


@torch.no_grad()
def _in_batches(
    method: Assessor, clips: Clips, device: torch.device, run: Callable[[Batch], Mapping[str, Tensor | None]]
) -> dict[str, Array]:
    method.to(device).eval()
    results: list[Mapping[str, Array]] = []
    for start in range(0, len(clips), PREDICTION_BATCH):
        indices = list(range(start, min(start + PREDICTION_BATCH, len(clips))))
        batch: Batch = clips.take(indices + [indices[-1]] * (PREDICTION_BATCH - len(indices))).to(device)
        results.append({name: as_numpy(value)[: len(indices)] for name, value in run(batch).items() if value is not None})
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


def choose_reference(clips: Clips, count: int) -> Batch | None:
    """Return ``count`` training clips at even distances in the order of their targets; None for none."""
    if not count:
        return None
    assert clips.target is not None
    order = torch.argsort(clips.target, stable=True)
    places = torch.linspace(0, len(order) - 1, min(count, len(order))).round().long()
    return clips.take(order[places].tolist())


def reference_arrays(reference: Batch | None) -> dict[str, Array]:
    """Return a reference as a model artifact stores it."""
    if reference is None:
        return {}
    assert reference.target is not None
    values = {"poses": reference.poses, "mask": reference.mask.to(torch.uint8), "target": reference.target, "group": reference.group}
    for role, features in reference.features.items():
        values |= {f"features/{role}/values": features.values, f"features/{role}/mask": features.mask.to(torch.uint8)}
    values |= {f"annotations/{column}": known for column, known in reference.annotations.items()}
    return {f"reference/{name}": value.numpy() for name, value in values.items()}


def _reference_from(arrays: Mapping[str, Array], clips: list[str]) -> Batch | None:
    if not clips:
        return None
    prefix = "reference/"
    found = {name.removeprefix(prefix): torch.from_numpy(array.copy()) for name, array in arrays.items() if name.startswith(prefix)}
    roles = {name.split("/")[1] for name in found if name.startswith("features/")}
    features = {role: Features(found[f"features/{role}/values"], found[f"features/{role}/mask"].bool()) for role in sorted(roles)}
    known = {name.removeprefix("annotations/"): values for name, values in found.items() if name.startswith("annotations/")}
    return Batch(tuple(clips), found["poses"], found["mask"].bool(), found["target"], found["group"], features, annotations=known)
