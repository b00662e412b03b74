"""How several models judge a clip together.

A clip's score is the mean over folds.  Intervals are calibrated on the clips that each model kept out (:mod:`stages.engine.conformal`);
models that kept the same clips out (the seeds of a fold) speak as one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from stages.arrays import Array
from stages.datasets.manifest import Row
from stages.engine.conformal import Held, HeldClasses, interval, margin, members, needed
from stages.engine.records import Record, Records
from stages.engine.targets import Target, group_name
from stages.errors import ArtifactError
from stages.finetune.carried import Carried, facts_of
from stages.finetune.model import Model
from stages.score.judgement import Interval, Judgement, differences, unlike


def judged(models: Sequence[Model], records: Records, confidence: float, device: torch.device, dataset: str = "") -> list[Judgement]:
    """Return what the models say of clips that all of them judge; ``dataset`` is the set that they are of, "" for new videos.

    Raises:
        ArtifactError: a model predicts what is no number.
    """
    panel = _Panel(tuple(models), [model.say(records, device) for model in models], confidence)
    near = _likeness(models, records, device)
    found = []
    for number, record in enumerate(records):
        judgement = panel.label(number, record) if panel.target.classes else panel.score(number, record)
        found.append(_with_doubts(judgement, panel, record, near[number], dataset))
    return found


@dataclass(frozen=True)
class _Panel:
    """Models, what each says of the clips in the units that it sees, and how sure intervals are to be."""

    models: tuple[Model, ...]
    said: Sequence[Mapping[str, Array]]
    confidence: float

    @property
    def target(self) -> Target:
        return self.models[0].target

    @cached_property
    def carried(self) -> list[Carried]:
        """What those models carry that carry something."""
        return [model.carried for model in self.models if model.carried is not None]

    @cached_property
    def folds(self) -> list[list[int]]:
        """Which models kept the same clips out, and so speak as one."""
        found: dict[Any, list[int]] = defaultdict(list)
        for number, model in enumerate(self.models):
            held = model.carried
            found[(number,) if held is None else (tuple(held.clips), json.dumps(model.target.to_json(), sort_keys=True))].append(number)
        return list(found.values())

    def score(self, number: int, record: Record) -> Judgement:
        """Return the score of a clip."""
        values = [float(said["value"][number]) for said in self.said]
        raw = [self._raw(model, value, record.row) for model, value in zip(self.models, values, strict=True)]
        if not np.isfinite(raw).all():
            raise ArtifactError(f"A model predicts what is no number for {record.clip}.", hint="its training diverged: train it again")
        held = [each for fold in self.folds if (each := self._held(fold, values, record.row)) is not None]
        value = float(np.mean([np.mean([raw[each] for each in fold]) for fold in self.folds]))
        return Judgement(
            clip=record.clip,
            value=value,
            interval=Interval(*interval(held, self.confidence), self.confidence) if held else None,
            percentile=self._percentile(value, record.row),
            spread=float(np.std(raw)),
            extra=self._extra(number, record.row),
        )

    def label(self, number: int, record: Record) -> Judgement:
        """Return the level or action of a clip, and those that it may be."""
        names = list(dict.fromkeys(name for model in self.models for name in model.target.classes))
        total, held = np.zeros(len(names)), []
        for fold in self.folds:
            scores = np.mean([self.said[each]["scores"][number] for each in fold], axis=0)
            place = [names.index(name) for name in self.models[fold[0]].target.classes]
            total[place] += scores / len(self.folds)
            margins = np.full(len(names), -np.inf)
            margins[place] = margin(np.repeat(scores[None], len(place), axis=0), np.arange(len(place)))
            if carried := self._all_carried(fold):
                together = np.mean([each.values for each in carried], axis=0)
                held.append(HeldClasses(margins, margin(together, carried[0].truth.astype(int))))
        labels = tuple(names[each] for each in members(held, self.confidence)) if held else ()
        return Judgement(clip=record.clip, value=None, label=names[int(total.argmax())], labels=labels)

    def _all_carried(self, fold: Sequence[int]) -> list[Carried]:
        """Return what a fold's models carry of held-out clips; nothing where one of them carries none."""
        found = [held for each in fold if (held := self.models[each].carried) is not None and held.clips]
        return found if len(found) == len(fold) else []

    def _held(self, fold: Sequence[int], values: Sequence[float], row: Row) -> Held | None:
        """Return what a fold's models, as one, say of the clip, and how far they were from the truth of those that they kept out."""
        carried, target = self._all_carried(fold), self.models[fold[0]].target
        if not carried:
            return None
        errors = np.abs(np.mean([each.values for each in carried], axis=0) - carried[0].truth)
        value = float(np.mean([values[each] for each in fold]))
        return Held(value, errors, lambda array: target.decode(array, [row] * len(array)))

    def _percentile(self, value: float, row: Row) -> float | None:
        """Return the share of training clips of the same class with a lower score, in per cent."""
        shares = []
        for model in self.models:
            if (held := model.carried) is None:
                continue
            name, groups = group_name(row, model.target.config), model.target.groups
            scores = held.scores[held.groups == groups.index(name)] if name in groups else held.scores
            shares.append(100 * float((scores < value).mean()))
        return float(np.mean(shares)) if shares else None

    def _extra(self, number: int, row: Row) -> dict[str, float]:
        """Return what else all models say of a clip, the mean over them; of scores in the data's units."""
        found = {}
        for name in self.said[0]:
            if name == "value" or any(name not in said or said[name].ndim != 1 for said in self.said):
                continue
            values = [float(said[name][number]) for said in self.said]
            if name.startswith("value."):
                values = [self._raw(model, value, row) for model, value in zip(self.models, values, strict=True)]
            found[name.replace("value", "predicted", 1)] = float(np.mean(values))
        return found

    @staticmethod
    def _raw(model: Model, value: float, row: Row) -> float:
        return float(model.target.decode(np.array([value]), [row])[0])


def _likeness(models: Sequence[Model], records: Records, device: torch.device) -> list[float | None]:
    """Return the share of held-out clips that are as far from the training clips of their model as each clip is from those."""
    farther, count = np.zeros(len(records)), 0
    for model in models:
        held = model.carried
        if held is None or not held.distances.size:
            continue
        places = model.represent(records, device)
        assert places is not None
        far = held.distance(places.reshape(len(places), -1))
        farther, count = farther + (held.distances[:, None] >= far).sum(axis=0), count + len(held.distances)
    return [float((1 + each) / (1 + count)) if count else None for each in farther]


def _with_doubts(judgement: Judgement, panel: _Panel, record: Record, likeness: float | None, dataset: str) -> Judgement:
    """Return the judgement with the clip's facts, and with what makes it doubtful."""
    facts, carried, models = facts_of(record), panel.carried, panel.models
    doubts = differences(facts, _widest([each.facts for each in carried])) if carried else []
    own = [model.documents for model in models if model.documents["data"]["dataset"] == dataset]
    if learned := sum(record.clip in each["training"]["clips"] for each in own):
        doubts.append(f"{learned} of {len(models)} models learned from it, so its score flatters; aqa evaluate leaves them out")
    if text := unlike(likeness, sum(len(each.distances) for each in carried)):
        doubts.append(text)
    group = group_name(record.row, models[0].target.config)
    if not any(group in model.target.groups for model in models) and len(models[0].target.groups) > 1:
        doubts.append(f"training saw no clip of the class '{group}'; its units are those of an average class")
    if judgement.interval is not None and not judgement.interval.bounded:
        count = sum(len(each.clips) for each in carried)
        wanted = needed(judgement.interval.confidence)
        doubts.append(f"an interval of {judgement.interval.confidence:.0%} takes {wanted} held-out clips, the models have {count}")
    if not carried:
        doubts.append("these models carry no held-out clips (an earlier version made them): no interval; train them again")
    return replace(judgement, facts=facts, likeness=likeness, warnings=tuple(doubts))


def _widest(facts: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return the ranges over all models' training clips."""
    found: dict[str, dict[str, Any]] = {}
    for each in facts:
        for role, values in each.items():
            for name, limits in values.items():
                there = found.setdefault(role, {}).setdefault(name, list(limits))
                if isinstance(limits[0], str):
                    found[role][name] = sorted({*there, *limits})
                else:
                    found[role][name] = [min(there[0], limits[0]), max(there[1], limits[1])]
    return found
