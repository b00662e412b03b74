"""MUSDL: a distribution for every judge (Tang et al., CVPR 2020, section 3.3), on the mean of a clip's segment features.

Every judge has three fully connected layers that predict a distribution over the marks there can be; a mark becomes a Gaussian over them,
and the loss is the sum of the judges' Kullback-Leibler divergences.  The score follows from the predicted marks by the competition's
rule: as in diving the highest and the lowest are dropped, and what is in the middle is summed; in surgery the elements are summed.  Where
marks count times a degree of difficulty, the sum is the execution, which the score is divided into before (``score.execution``).

A mark that is missing is left out of its judge's loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.engine import ranks
from stages.engine.annotations import Kind
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput
from stages.engine.method import Context, MethodConfig, Phase, Step
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.features import MeanFeatureAssessor, perceptron
from stages.finetune.methods.usdl import score_distribution


class Settings(MethodConfig):
    """Settings of the method; the defaults are those of the authors' code for diving."""

    features: FeatureInput = FeatureInput()
    judges: tuple[str, ...] = Field(tuple(f"score.judge_{number}" for number in range(1, 8)), min_length=1)
    """Columns of the manifest with the marks."""
    low: float = 0.0
    """The lowest mark there can be."""
    high: float = 10.0
    bins: int = Field(21, ge=2)
    """Marks at even distances from the lowest to the highest: 21 are the half points from 0 to 10."""
    drop: int = Field(2, ge=0)
    """How many of the highest marks, and of the lowest, do not count."""
    sigma: float = Field(5.0, gt=0)
    """Standard deviation of a mark's Gaussian, in bins."""
    hidden: tuple[int, ...] = (256, 128)
    dropout: float = Field(0.0, ge=0, lt=1)
    """Before every layer."""
    predict: Literal["argmax", "mean"] = "argmax"
    """The most probable mark, as published, or the distribution's mean."""


class MUSDL(MeanFeatureAssessor):
    """Mean feature → the logits (N, J, bins) of every judge's distribution over marks."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=100, batch_size=4, optimiser="adam", lr=1e-4, weight_decay=1e-5)
    TARGET: ClassVar = TargetConfig(column="score.execution", scaling="none")
    places: Tensor

    def __init__(self, settings: Settings, context: Context) -> None:
        if context.classes:
            raise UsageError("MUSDL predicts scores only.", hint="--task score")
        _check(settings)
        super().__init__(settings, context)
        self.paths = nn.ModuleList(perceptron([self.size, *settings.hidden], settings.bins, settings.dropout) for _ in settings.judges)
        self.register_buffer("places", torch.linspace(settings.low, settings.high, settings.bins), persistent=False)

    @classmethod
    def annotations(cls, settings: Settings) -> Mapping[str, Kind]:
        """Return the marks."""
        return dict.fromkeys(settings.judges, "number")

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' features, and see that their scores follow from the marks.

        Raises:
            UsageError: there are marks that cannot be, or most scores are not what the rule makes of the marks.
        """
        super().measure(train)
        assert train.target is not None
        marks = self.marks(train.annotations)
        known = marks[~marks.isnan()]
        low, high = self.settings.low, self.settings.high
        if float(known.min()) < low or float(known.max()) > high:
            raise UsageError(
                f"MUSDL's marks lie from {low:g} to {high:g}; those of training from {float(known.min()):g} to {float(known.max()):g}.",
                hint="--set settings.low=LOWEST --set settings.high=HIGHEST --set settings.bins=HOW_MANY",
            )
        whole = ~marks.isnan().any(dim=1)
        ruled, given = self.rule(marks[whole]), train.target[whole]
        if len(given) and float((ruled - given).abs().median()) > self._step() / 2:
            raise UsageError(
                f"The scores are not what {self._rule()} makes of the marks: {float(ruled[0]):g} of {train.ids[int(whole.nonzero()[0])]}, "
                f"whose score is {float(given[0]):g}.",
                hint="--set target.scaling=none with the column that is, such as --target-column score.execution; or settings.drop",
            )

    def marks(self, annotations: Mapping[str, Tensor]) -> Tensor:
        """Return what each judge gave, (N, J), NaN where that is not known."""
        return torch.stack([annotations[column] for column in self.settings.judges], dim=1)

    def rule(self, marks: Tensor) -> Tensor:
        """Return the score (N,) of marks (N, J): the sum of those in the middle."""
        drop = self.settings.drop
        return marks.sort(dim=1).values[:, drop : marks.shape[1] - drop].sum(dim=1)

    def _rule(self) -> str:
        count, drop = len(self.settings.judges), self.settings.drop
        return f"the sum of the middle {count - 2 * drop} of {count}" if drop else f"the sum of all {count}"

    def _step(self) -> float:
        return (self.settings.high - self.settings.low) / (self.settings.bins - 1)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits."""
        seen = self.seen(batch)
        return torch.stack([path(seen) for path in self.paths], dim=1)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the sum over judges of the mean divergence of the clips whose mark is known."""
        batch = batches["train"]
        marks = self.marks(batch.annotations)
        known = ~marks.isnan()
        wanted = score_distribution(marks.nan_to_num(self.settings.low), self.places, self.settings.sigma * self._step())
        wrong = F.kl_div(self(batch).log_softmax(dim=2), wanted, reduction="none").sum(dim=2) * known
        return Step({"main": ranks.mean_of(wrong.sum(dim=0), known.sum(dim=0)).sum()})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, and the mark of each judge in the order of the columns."""
        probabilities = self(batch).softmax(dim=2)
        marks = self.places[probabilities.argmax(dim=2)] if self.settings.predict == "argmax" else probabilities @ self.places
        return {"value": self.rule(marks), **{f"mark.{column}": marks[:, place] for place, column in enumerate(self.settings.judges)}}


def _check(settings: Settings) -> None:
    judges, drop = settings.judges, settings.drop
    if twice := sorted({column for column in judges if judges.count(column) > 1}):
        raise UsageError(f"MUSDL is to learn {', '.join(twice)} twice.", hint="name each column once in settings.judges")
    if 2 * drop >= len(judges):
        raise UsageError(
            f"Nothing is left of {len(judges)} marks without the {drop} highest and the {drop} lowest.", hint="a smaller settings.drop"
        )
    if settings.high <= settings.low:
        raise UsageError(f"The highest mark must lie above the lowest, found {settings.low:g} and {settings.high:g}.", hint="settings.high")
