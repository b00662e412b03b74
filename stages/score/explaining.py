"""Why several models give a clip its score: the mean of their explanations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch

from stages.engine.records import Record
from stages.explain import gradients
from stages.explain.explanation import Explanation
from stages.explain.occlusion import Explainer
from stages.finetune.model import Model

How = Literal["replacement", "gradients"]


class Explainers:
    """The explainers of an experiment's models, each made once."""

    def __init__(self, how: How, device: torch.device) -> None:
        self.how, self.device = how, device
        self._of: dict[int, Explainer] = {}

    def explain(self, models: Sequence[Model], record: Record) -> list[Explanation]:
        """Return the mean of what the models' explanations say of a clip, one per role.

        Raises:
            UsageError: as :class:`stages.explain.occlusion.Explainer` and :func:`stages.explain.gradients.explain` say.
        """
        alike: dict[tuple[str, tuple[str, ...], int], list[Explanation]] = defaultdict(list)
        for model in models:
            for each in self._alone(model, record):
                alike[each.of, each.parts, len(each.edges)].append(each)
        return [_mean(same) for same in alike.values() if len(same) == len(models)]

    def _alone(self, model: Model, record: Record) -> list[Explanation]:
        if self.how == "gradients":
            return gradients.explain(model, record, self.device)
        explainer = self._of.setdefault(id(model), Explainer(model, self.device))
        return explainer.explain(record)


def _mean(same: Sequence[Explanation]) -> Explanation:
    first = same[0]
    grid, totals = (np.mean([getattr(each, name) for each in same], axis=0) for name in ("grid", "totals"))
    return Explanation(first.how, first.of, first.parts, first.edges, grid, totals)
