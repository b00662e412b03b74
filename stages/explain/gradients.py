"""Why a score: by integrated gradients (Sundararajan, Taly and Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017, equation 1).

From what the best training clips do in the clip's stead (:mod:`stages.explain.replacing`, the whole body; of features the mean of their
segments) a network is led in a straight line to the clip itself; what its score changes by on the way is shared out among the inputs
that bring it.  So contributions are those beside the best clips, and add up to the distance from their scores.  The mean over these clips.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stages.arrays import Array
from stages.engine.batch import Batch, Features
from stages.engine.method import Assessor
from stages.engine.records import POSES, FeatureClip, Record
from stages.errors import UsageError
from stages.explain.explanation import WHOLE, Explanation
from stages.explain.occlusion import MOMENTS, best_for, typical_segments
from stages.explain.replacing import body_of, edges_of, replaced, warped, with_joints
from stages.finetune.carried import Best
from stages.finetune.model import Model
from stages.skeletons.input import PoseInput, layout_of

STEPS = 24
"""Points on the way; the mean of the gradients at their middles stands for the integral."""


def explain(model: Model, record: Record, device: torch.device) -> list[Explanation]:
    """Return why a network gives a clip its score: one explanation per role.

    Raises:
        UsageError: the method is no network, its prediction has no gradient, or there is nothing to compare with.
    """
    method = model.method
    if not isinstance(method, Assessor):
        raise UsageError("Gradients are those of networks; this method is fitted in one call.", hint="--explain replacement")
    best = best_for(model, record)
    starts = [start for each in best if (start := start_of(record, each)) is not None]
    if not starts:
        raise UsageError(
            "Nothing that this method sees can be changed: features of so many numbers are not kept.", hint="leave out --explain"
        )
    method.to(device).eval()
    poses: list[Array] = []
    features: dict[str, list[Array]] = {}
    for start in starts:
        moved = _contributions(model, method, record, start, device)
        if "poses" in moved:
            poses.append(moved["poses"])
        for role in method.inputs.features:
            features.setdefault(role, []).append(moved[role])
    found = [_of_poses(record, method.inputs.poses, np.mean(poses, axis=0))] if poses and method.inputs.poses is not None else []
    return found + [_of_features(role, np.mean(each, axis=0)) for role, each in features.items()]


def start_of(record: Record, best: Best) -> Record | None:
    """Return the clip as it would be if all of it were as in one of the best clips; None where nothing of it can be changed."""
    artifacts: dict[str, Any] = {}
    if POSES in record.artifacts and best.poses is not None and best.poses.layout.name == record.poses.layout.name:
        own, other = body_of(record.poses), body_of(best.poses)
        changed = replaced(own, other, warped(own, other), WHOLE, np.ones(len(own.joints)))
        artifacts[POSES] = with_joints(record.poses, own, changed)
    for role, each in record.artifacts.items():
        if isinstance(each, FeatureClip) and role in best.features:
            artifacts[role] = replace(each, values=typical_segments([best.features[role]], each.values))
    return replace(record, artifacts={**record.artifacts, **artifacts}) if artifacts else None


def _contributions(model: Model, method: Assessor, record: Record, start: Record, device: torch.device) -> dict[str, Array]:
    """Return what each input brings, in points: ``poses`` (T, V, M), each role of features (S,)."""
    clips = model.prepare(method, [record, start])
    own, other = clips.take([0]).to(device), clips.take([1]).to(device)
    inputs = {"poses": (own.poses, other.poses)} if own.poses.numel() else {}
    inputs |= {role: (own.features[role].values, other.features[role].values) for role in own.features}
    total = {name: torch.zeros_like(one) for name, (one, _) in inputs.items()}
    for step in range(STEPS):
        share = (step + 0.5) / STEPS
        at = {name: (two + share * (one - two)).detach().requires_grad_() for name, (one, two) in inputs.items()}
        for name, gradient in _gradients(model, method, own, at).items():
            total[name] += gradient / STEPS
    unit = model.target.unit(record.row)
    brought = {name: (unit * total[name] * (one - two))[0].detach().cpu().numpy() for name, (one, two) in inputs.items()}
    return {name: each.sum(axis=0) if name == "poses" else _per_segment(each) for name, each in brought.items()}


def _gradients(model: Model, method: Assessor, own: Batch, at: dict[str, Tensor]) -> dict[str, Tensor]:
    features = {role: Features(at[role], each.mask) for role, each in own.features.items()}
    batch = replace(own, features=features, poses=at.get("poses", own.poses))
    # predictions are made without gradients; what lies under that says the same
    predict: Any = inspect.unwrap(type(method).predict)
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        value = predict(method, batch, model.reference)["value"].sum()
        if not value.requires_grad:
            raise UsageError("The score of this method has no gradient: it is picked, not computed.", hint="--explain replacement")
        found = torch.autograd.grad(value, list(at.values()), allow_unused=True)
    return {
        name: torch.zeros_like(each) if gradient is None else gradient for (name, each), gradient in zip(at.items(), found, strict=True)
    }


def _per_segment(values: Array) -> Array:
    """Return the sum over views and dimensions of features (V, S, D, …), (S,)."""
    return np.asarray(np.moveaxis(values, 1, 0).reshape(values.shape[1], -1).sum(axis=1))


def _of_poses(record: Record, settings: PoseInput, brought: Array) -> Explanation:
    """Return contributions (T, V, M) of prepared frames, by parts of the body and moments of the clip."""
    poses, layout = record.poses, layout_of(record.poses, settings)
    length = poses.frames if settings.fps is None else max(1, round(poses.frames * settings.fps / poses.fps))
    real = min(length, settings.frames) if settings.length != "resample" else settings.frames
    first = 0 if settings.length in ("resample", "pad-back") else settings.frames - real
    # of longer clips the last frames are seen
    seen = 1.0 if settings.length == "resample" else real / length
    place = 1 - seen + seen * (np.arange(real) + 0.5) / real
    edges = edges_of(poses.frames, MOMENTS)
    moment = np.clip(np.searchsorted(edges / poses.frames, place, side="right") - 1, 0, len(edges) - 2)
    frames = brought[first : first + real].sum(axis=2)
    parts = tuple(name for name, joints in layout.parts.items() if joints)
    grid = np.zeros((len(parts) + 1, len(edges) - 1))
    for number, name in enumerate(parts):
        np.add.at(grid[number], moment, frames[:, list(layout.parts[name])].sum(axis=1))
    grid[-1] = grid[:-1].sum(axis=0)
    seconds = poses.timestamps[np.minimum(edges, poses.frames - 1)]
    return Explanation("gradients", POSES, (*parts, WHOLE), seconds, grid, grid.sum(axis=1))


def _of_features(role: str, brought: Array) -> Explanation:
    return Explanation("gradients", role, (role,), np.linspace(0, 1, len(brought) + 1), brought[None], brought.sum(keepdims=True))
