"""What a model carries besides its weights, so that it can say of a new clip how sure it is and whether it has seen the like.

========== ==============================================================================================================
held out   what it says of clips that it did not learn from, beside their truth: what intervals are calibrated on
known      the targets of its training clips: what a percentile is counted in
facts      the range over the training clips of length, frame rate, joints that were not seen …
places     where (up to :data:`PLACES`) training clips lie in the space that it regresses on, and how far held-out clips are
best       the training clips of each class with the highest scores: what explanations compare with
========== ==============================================================================================================

Held out are the clips that tested the model's fold where there are several folds, so that an experiment's models together calibrate on all
clips; else its validation clips, or, without such, its test clips.  N clips, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.engine.conformal import margin
from stages.engine.records import IMAGES, POSES, FeatureClip, ImageClip, Record, Records
from stages.engine.targets import Target, group_name
from stages.skeletons.layouts import layout_named
from stages.skeletons.poses import PoseSequence

PLACES = 256
"""How many training clips' places a model keeps, at even distances in the order of their targets."""
NEIGHBOURS = 5
"""A clip's distance from the training clips is the mean over so many nearest ones."""

BEST, GROUPS = 5, 12
"""So many of the best training clips are kept of each class, of at most so many classes."""
LARGEST = 1_000_000
"""Features of more numbers (maps before pooling) are not kept."""


@dataclass(frozen=True)
class Carried:
    """What one model carries.

    Attributes:
        clips: ids of the held-out clips, (k,).
        of: ``test`` or ``validation``; which part of the experiment they are.
        values: (k,) what the model says of them in the units that it sees, or (k, K) scores of classes.
        truth: (k,) their targets in the same units, or class indices.
        scores: (N,) targets of the training clips in the data's units (class indices for classes).
        groups: (N,) the class that each is normalised by, as an index into the target's groups.
        facts: role → what → lowest and highest of the training clips; of ``skeletons`` the names.
        places: (P, D) of training clips, standardised; without elements where the method regresses on nothing that has a place.
        mean, scale: (D,) what they were standardised with.
        distances: (k,) of held-out clips from the training clips.
        best: the best training clips of every class.
    """

    clips: Sequence[str]
    of: str
    values: Array
    truth: Array
    scores: Array
    groups: Array
    facts: Mapping[str, Mapping[str, Any]]
    places: Array
    mean: Array
    scale: Array
    distances: Array
    best: Sequence[Best] = ()

    @property
    def errors(self) -> Array:
        """Absolute errors on the held-out clips, (k,)."""
        return np.abs(self.values - self.truth)

    @property
    def margins(self) -> Array:
        """By how much the true class of each held-out clip is ahead of the best other one, (k,)."""
        return margin(self.values, self.truth.astype(int))

    def distance(self, representation: Array) -> Array:
        """Return how far clips are from the training clips, (N,), for their representations (N, D)."""
        return _distances(self.places, (representation - self.mean) / self.scale)

    def to_arrays(self) -> dict[str, Array]:
        """Return what a model artifact holds of it."""
        found = {
            "held_out/values": self.values,
            "held_out/truth": self.truth,
            "held_out/distances": self.distances,
            "known/scores": self.scores,
            "known/groups": self.groups,
            "places/clips": self.places,
            "places/mean": self.mean,
            "places/scale": self.scale,
        }
        found |= {f"best/{number}/{name}": array for number, each in enumerate(self.best) for name, array in each.arrays().items()}
        return {name: array for name, array in found.items() if array.size}

    def to_json(self) -> dict[str, Any]:
        """Return what its document holds."""
        best = [{"clip": each.clip, "group": each.group, "skeleton": each.skeleton()} for each in self.best]
        return {"held_out": {"of": self.of, "clips": list(self.clips)}, "facts": self.facts, "best": best}

    @classmethod
    def read(cls, arrays: Mapping[str, Array], document: Mapping[str, Any]) -> Carried:
        """Undo :meth:`to_arrays` and :meth:`to_json`."""
        none = np.zeros(0)
        at = {name: arrays.get(name, none) for name in ("held_out/values", "held_out/truth", "held_out/distances", "known/scores")}
        places = {name: arrays.get(f"places/{name}", none) for name in ("clips", "mean", "scale")}
        held = document["held_out"]
        return cls(
            clips=held["clips"],
            of=held["of"],
            values=at["held_out/values"],
            truth=at["held_out/truth"],
            scores=at["known/scores"],
            groups=arrays.get("known/groups", none),
            facts=document["facts"],
            places=places["clips"],
            mean=places["mean"],
            scale=places["scale"],
            distances=at["held_out/distances"],
            best=[Best.read(arrays, f"best/{number}/", each) for number, each in enumerate(document.get("best", ()))],
        )


@dataclass(frozen=True)
class Best:
    """One of the best training clips: its poses and features, not its pictures.

    Attributes:
        clip: its id.
        group: its class.
        poses: of its first person; None for methods that take none.
        features: role → (V, S, D, …), float32.
    """

    clip: str
    group: str
    poses: PoseSequence | None
    features: Mapping[str, Array]

    @classmethod
    def of(cls, record: Record, group: str) -> Best:
        """Return what is kept of a clip."""
        features = {role: each.values for role, each in record.artifacts.items() if isinstance(each, FeatureClip)}
        kept = {role: values for role, values in features.items() if values.size <= LARGEST}
        poses = record.artifacts.get(POSES)
        return cls(record.clip, group, poses if isinstance(poses, PoseSequence) else None, kept)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays that a model artifact holds of it."""
        found = {f"features/{role}": values for role, values in self.features.items()}
        if self.poses is not None:
            first = {"positions": self.poses.positions[:1], "confidence": self.poses.confidence[:1], "timestamps": self.poses.timestamps}
            found |= {f"poses/{name}": array for name, array in first.items()}
        return found

    def skeleton(self) -> dict[str, str] | None:
        """Return the layout, units and origin of the poses; None without."""
        poses = self.poses
        return None if poses is None else {"layout": poses.layout.name, "units": poses.units, "origin": poses.origin}

    @classmethod
    def read(cls, arrays: Mapping[str, Array], prefix: str, said: Mapping[str, Any]) -> Best:
        """Undo :meth:`arrays` and what the document says."""
        own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        features = {name.removeprefix("features/"): array for name, array in own.items() if name.startswith("features/")}
        poses, skeleton = None, said["skeleton"]
        if skeleton is not None:
            positions, confidence, timestamps = (own[f"poses/{name}"] for name in ("positions", "confidence", "timestamps"))
            layout = layout_named(skeleton["layout"])
            poses = PoseSequence(positions, confidence, timestamps, layout, skeleton["units"], skeleton["origin"])
        return cls(said["clip"], said["group"], poses, features)


def best_of(records: Records, target: Target) -> list[Best]:
    """Return the clips of every class with the highest scores, best first; none for levels and actions."""
    if target.classes:
        return []
    found = []
    for group in target.groups[:GROUPS]:
        own = [record for record in records if group_name(record.row, target.config) == group]
        ranked = sorted(own, key=lambda record: (-record.row.number(target.config.resolved_column), record.clip))
        found += [Best.of(record, group) for record in ranked[:BEST]]
    return found


def places_of(scores: Array) -> Array:
    """Return which training clips' places are kept, for their targets (N,)."""
    order = np.argsort(scores, kind="stable")
    return np.asarray(order[np.linspace(0, len(order) - 1, min(PLACES, len(order))).round().astype(int)])


def targets_of(records: Records, target: Target) -> tuple[Array, Array]:
    """Return the training clips' targets in the data's units (or class indices), and the classes that they are normalised by, (N,) each."""
    rows, config = [record.row for record in records], target.config
    known = {name: number for number, name in enumerate(target.groups)}
    groups = np.array([known[group_name(row, config)] for row in rows])
    if target.classes:
        return target.encode(rows).astype(float), groups
    return np.array([row.number(config.resolved_column) for row in rows]), groups


def facts_of(record: Record) -> dict[str, dict[str, Any]]:
    """Return what is to be known of a clip's inputs, by role: ``seconds``, ``fps``, ``skeleton``, ``unseen`` (share of joints) …"""
    return {role: _facts(role, artifact) for role, artifact in record.artifacts.items()}


def ranges(facts: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return the lowest and the highest of every fact over clips; of texts those that occur."""
    found: dict[str, dict[str, Any]] = {}
    for role, first in facts[0].items():
        for name, one in first.items():
            values = [each[role][name] for each in facts if name in each[role]]
            place = found.setdefault(role, {})
            place[name] = sorted(set(values)) if isinstance(one, str) else [float(np.min(values)), float(np.max(values))]
    return found


def _facts(role: str, artifact: PoseSequence | FeatureClip | ImageClip) -> dict[str, Any]:
    if role == POSES and isinstance(artifact, PoseSequence):
        seen = np.isfinite(artifact.positions[0]).all(axis=-1)
        filled = 0.0 if artifact.interpolated is None else float(artifact.interpolated[0].mean())
        certain = artifact.confidence[0][seen]
        return {
            "skeleton": artifact.layout.name,
            "axes": str(artifact.positions.shape[-1]),
            **_course(artifact.timestamps),
            "unseen": float(1 - seen.mean()),
            "filled": filled,
            "confidence": float(certain.mean()) if certain.size else 0.0,
        }
    if role == IMAGES and isinstance(artifact, ImageClip):
        return _course(artifact.timestamps)
    assert isinstance(artifact, FeatureClip)
    return {"segments": float(artifact.values.shape[1])}


def _course(timestamps: Array) -> dict[str, float]:
    """Return the length and the frame rate; a single frame has no rate."""
    span = float(timestamps[-1] - timestamps[0])
    return {"seconds": span, **({"fps": (len(timestamps) - 1) / span} if span > 0 else {})}


def standardisation(representations: Array) -> tuple[Array, Array]:
    """Return the mean and the deviation (1 where there is none) of representations (N, D)."""
    deviation = representations.std(axis=0)
    return representations.mean(axis=0), np.where(deviation > 1e-12, deviation, 1.0)


def _distances(places: Array, clips: Array) -> Array:
    """Return the mean distance (N,) of clips (N, D) from the nearest of the places (P, D), per root of D."""
    count = min(NEIGHBOURS, len(places))
    found = [np.sort(np.sqrt(np.mean((places - clip) ** 2, axis=1)))[:count].mean() for clip in clips]
    return np.array(found, dtype=np.float64)
