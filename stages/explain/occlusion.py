"""Why a score: by replacing a part of the body, for a moment, with what the best training clips do there.

What a replacement brings, against the model's own score of the clip, is what the part costs.  A body that is put together of two looks
odd to a model by itself, so the same is measured between the best clips, where nothing is to be gained, and taken off.  Segments of
features are replaced likewise, by the mean of the best clips' segments at that place.  It works with any method, and looks at nothing but
its scores.  P parts, W moments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from stages.arrays import Array
from stages.engine.records import POSES, FeatureClip, ImageClip, Record
from stages.engine.targets import group_name
from stages.errors import UsageError
from stages.explain.explanation import WHOLE, Explanation
from stages.explain.replacing import Body, body_of, edges_of, replaced, warped, windows, with_joints
from stages.finetune.carried import Best
from stages.finetune.model import Model
from stages.skeletons.poses import PoseSequence

MOMENTS = 8
"""W: a clip is looked at in so many stretches."""


def best_for(model: Model, record: Record) -> list[Best]:
    """Return the best training clips of a clip's class that the model carries, or those of all where it knows none of that class.

    Raises:
        UsageError: the model predicts classes, or carries none.
    """
    if model.target.classes:
        raise UsageError("Scores are explained, not levels or actions.", hint="leave out --explain")
    if any(isinstance(each, ImageClip) for each in record.artifacts.values()):
        raise UsageError("This method looks at pictures, which are not explained.", hint="leave out --explain")
    carried = [each for each in (model.carried.best if model.carried else ()) if each.clip != record.clip]
    group = group_name(record.row, model.target.config)
    best = [each for each in carried if each.group == group] or carried
    if not best:
        raise UsageError("This model carries no training clips to compare with: an earlier version made it.", hint="train it again")
    return best


def typical_segments(others: Sequence[Array], own: Array) -> Array:
    """Return the mean of features (V, S, D, …) of other clips at the places of a clip's own segments, in the shape of its own."""
    count = own.shape[1]
    places = np.linspace(0, 1, count) if count > 1 else np.zeros(1)
    chosen = [values[:, np.round(places * (values.shape[1] - 1)).astype(int)] for values in others]
    return np.asarray(np.mean(chosen, axis=0))


@dataclass
class Explainer:
    """Explains the scores of one model; what replacing does between the best clips is measured once."""

    model: Model
    device: torch.device
    _usual: dict[str, tuple[Array, Array]] = field(default_factory=dict)

    def explain(self, record: Record) -> list[Explanation]:
        """Return why the model gives a clip its score: one explanation per role that can be changed.

        Raises:
            UsageError: the model predicts classes, or carries no training clips to compare with.
        """
        best = best_for(self.model, record)
        found = []
        if POSES in record.artifacts and all(each.poses is not None for each in best):
            found.append(self._of_poses(record, best))
        found += [self._of_features(record, role, best) for role in record.artifacts if all(role in each.features for each in best)]
        if not found:
            raise UsageError(
                "Nothing that this method sees can be replaced: features of so many numbers are not kept.", hint="leave out --explain"
            )
        return found

    def _scores(self, records: Sequence[Record]) -> Array:
        """Return the model's scores (N,) in the data's units."""
        return np.asarray(self.model.predict(records, self.device)["predicted"])

    def _of_poses(self, record: Record, best: Sequence[Best]) -> Explanation:
        poses = record.poses
        layout = poses.layout
        parts = tuple(name for name, joints in layout.parts.items() if joints)
        bodies = [body_of(each.poses) for each in best if each.poses is not None and each.poses.layout.name == layout.name]
        if not bodies:
            raise UsageError(f"The training clips have another skeleton than {layout.name}.", hint="leave out --explain")
        gains, totals = self._gains(record, bodies, parts)
        usual, usual_totals = self._usual_of(record, best, parts)
        edges = poses.timestamps[np.minimum(edges_of(poses.frames, MOMENTS), poses.frames - 1)]
        return Explanation("replacement", POSES, (*parts, WHOLE), edges, -(gains - usual[:, None]), -(totals - usual_totals))

    def _gains(self, record: Record, bodies: Sequence[Body], parts: Sequence[str]) -> tuple[Array, Array]:
        """Return what replacing each part, and the whole, brings: in each moment (P + 1, W), and over the clip (P + 1,)."""
        own = body_of(record.poses)
        shares = [*windows(len(own.joints), MOMENTS), np.ones(len(own.joints))]
        changed = [with_joints(record.poses, own, own.joints)]
        for body in bodies:
            phase = warped(own, body)
            changed += [
                with_joints(record.poses, own, replaced(own, body, phase, part, share)) for part in (*parts, WHOLE) for share in shares
            ]
        scores = self._scores([replace(record, artifacts={**record.artifacts, POSES: poses}) for poses in changed])
        gains = (scores[1:] - scores[0]).reshape(len(bodies), len(parts) + 1, len(shares)).mean(axis=0)
        return gains[:, :-1], gains[:, -1]

    def _usual_of(self, record: Record, best: Sequence[Best], parts: Sequence[str]) -> tuple[Array, Array]:
        """Return what replacing brings between the best clips: per part, in a moment and over the clip, (P + 1,) each."""
        key = "/".join(each.clip for each in best)
        if key not in self._usual:
            found = []
            for each in best:
                others = [body_of(other.poses) for other in best if other is not each and other.poses is not None]
                if others and each.poses is not None:
                    artifacts = {**_with_features(record, each.features), POSES: each.poses}
                    found.append(self._gains(replace(record, artifacts=artifacts), others, parts))
            none = (np.zeros((len(parts) + 1, 1)), np.zeros(len(parts) + 1))
            gains, totals = zip(*(found or [none]), strict=True)
            self._usual[key] = np.mean([each.mean(axis=1) for each in gains], axis=0), np.mean(totals, axis=0)
        return self._usual[key]

    def _of_features(self, record: Record, role: str, best: Sequence[Best]) -> Explanation:
        own = record.features(role)
        count = own.values.shape[1]
        typical = typical_segments([each.features[role] for each in best], own.values)
        changed = [record]
        for segments in (*([number] for number in range(count)), list(range(count))):
            values = own.values.copy()
            values[:, segments] = typical[:, segments]
            changed.append(replace(record, artifacts={**record.artifacts, role: replace(own, values=values)}))
        scores = self._scores(changed)
        gains = scores[1:] - scores[0]
        return Explanation("replacement", role, (role,), np.linspace(0, 1, count + 1), -gains[None, :-1], -gains[-1:])


def _with_features(record: Record, features: Mapping[str, Array]) -> dict[str, PoseSequence | FeatureClip | ImageClip]:
    """Return a record's artifacts with other features where there are some."""
    found = dict(record.artifacts)
    for role, values in features.items():
        own = record.artifacts[role]
        assert isinstance(own, FeatureClip)
        found[role] = replace(own, values=values)
    return found
