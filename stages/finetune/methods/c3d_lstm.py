"""C3D-LSTM: what a video network saw of six segments, through an LSTM, to one score (Parmar and Morris, WACV 2019, section 4).

Segment features (the paper's: fc6 of C3D, 16 frames each) run through one LSTM layer; a fully connected layer reads the score from its
state after the last segment.  The loss is the squared error of scores divided by their class's deviation in training (section 5), so
that one model serves several actions: *all-action* is this method on all clips, *single-action* the same with ``--per action``.

The preset is the paper's: Adam, 1e-3 halved every 3k of 20k iterations, 15 clips, LSTM weights from N(0, 0.1).  What it leaves open,
and ours: biases begin at 0, the last layer as PyTorch has it; features are taken as they are (``standardise`` for others than C3D's).
Its six copies of every training clip, a frame apart, are views of the features: ``settings.features.copies``, see ``docs/aqa-7.md``.

The same layer reads a score from the state after every earlier segment, too, which says where a score was won or lost; the
predictions keep these running scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.recurrent import run
from stages.encoders.standardise import Standardise
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs
from stages.engine.method import Assessor, Context, MethodConfig, Phase, Step, feature_inputs
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.errors import UsageError

ROLE = "features"


class Settings(MethodConfig):
    """Settings of the method; the defaults are the paper's."""

    features: FeatureInput = FeatureInput()
    units: int = Field(256, ge=1)
    """Of the LSTM."""
    deviation: float = Field(0.1, gt=0)
    """Of the Gaussian that the LSTM's weights are drawn from."""
    standardise: bool = False
    """Whether features are standardised by the training clips' segments."""


class C3DLSTM(Assessor):
    """Segment features (N, S, D) → LSTM → score (N,)."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(
        iterations=20_000, batch_size=15, optimiser="adam", lr=1e-3, schedule="step", decay=0.5, step_iterations=3_000
    )
    TARGET: ClassVar = TargetConfig(scaling="class-std")

    def __init__(self, settings: Settings, context: Context) -> None:
        if context.classes:
            raise UsageError("C3D-LSTM predicts scores.", hint="--task score")
        super().__init__()
        self.settings, self.context = settings, context
        self.inputs = Inputs(features=feature_inputs(type(self), settings, context))
        size = int(np.prod(context.features[ROLE][1:]))
        self.standardise = Standardise(size)
        self.lstm = nn.LSTM(size, settings.units, batch_first=True)
        self.score = nn.Linear(settings.units, 1)
        for name, values in self.lstm.named_parameters():
            if name.startswith("weight"):
                nn.init.normal_(values, std=settings.deviation)
            else:
                nn.init.zeros_(values)

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return that only features are taken."""
        return (ROLE,)

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' segments, where features are standardised."""
        features = train.features[ROLE]
        if self.settings.standardise:
            self.standardise.measure(features.values[:, 0][features.mask].flatten(1))

    def states(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the state after every segment (N, S, H), zero beyond the clip, and after the last one (N, H)."""
        features = batch.features[ROLE]
        outputs, last = run(self.lstm, self.standardise(features.values[:, 0].flatten(2)), features.mask)
        return outputs, last[-1]

    def represent(self, batch: Batch) -> Tensor:
        """Return the state after the last segment; see :class:`stages.engine.method.Assessor`."""
        return self.states(batch)[1]

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the squared error of one batch."""
        batch = batches["train"]
        assert batch.target is not None
        return Step({"main": F.mse_loss(self.score(self.represent(batch))[:, 0], batch.target)})

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score, and ``value.after-K``, the score so far after segment K (NaN beyond the clip)."""
        states, last = self.states(batch)
        running = self.score(states)[..., 0].masked_fill(~batch.features[ROLE].mask, torch.nan)
        after = {f"value.after-{number + 1}": running[:, number] for number in range(running.shape[1])}
        return {"value": self.score(last)[:, 0], **after}
