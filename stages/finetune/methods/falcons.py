"""FALCONS, the learner-grader: execution times difficulty, after the judges of diving (Nekoui et al., CVPR workshops 2020).

One network grades the execution, from visual clues and the sequence of the joints; another assesses the difficulty, from the joints alone;
the score is their product.  So far the abstract.  The paper has two pages, and neither its text nor code could be had: everything inside
is ours.  Joints go through temporal convolutions, each network has its own; the visual clues are the mean over a clip's segment features;
both are joined as 2M-AF's table 8 joins them (:class:`stages.finetune.methods.fusions.Falcons`).  Both networks learn at once, each by the
squared error of what the manifest says, in deviations of the training clips.

The switches: ``streams`` leaves the joints or the video out of the execution; ``difficulty=none`` has a single network, for whatever the
target is: the execution alone (``target.column=score.execution``), the score where the true difficulty is given
(``target.times=difficulty``), or the score as it is.
N clips, T frames, D features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from stages.encoders.standardise import Standardise
from stages.engine import ranks
from stages.engine.annotations import Kind
from stages.engine.augment import Augmentation, augment
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs
from stages.engine.method import Assessor, Context, MethodConfig, Phase, Sets, Step, feature_inputs
from stages.engine.streams import Shuffled, Stream
from stages.engine.targets import TargetConfig
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods import fusions
from stages.finetune.methods.joint_sequence import JointSequence
from stages.skeletons.input import PoseInput
from stages.skeletons.layouts import layout_named

ROLE = "features"
_TOLERANCE = 0.01
"""How far scores may lie from execution × difficulty, as a share: what is rounded is not another rule."""


class Settings(MethodConfig):
    """Settings of the method; all of them are ours."""

    streams: Literal["both", "pose", "video"] = "both"
    """What the execution is graded by; the difficulty is always assessed by the joints."""
    difficulty: Literal["learned", "none"] = "learned"
    """``learned``: the score is execution times difficulty; ``none``: one network for the target as it is."""
    difficulty_column: str = "difficulty"
    execution_column: str = "score.execution"
    """Columns of the manifest that are learned where the difficulty is; a clip may lack either."""
    difficulty_weight: float = Field(1.0, gt=0)
    """Of the difficulty's loss beside the execution's."""
    input: PoseInput = PoseInput(frames=128)
    augmentation: Augmentation = Augmentation()
    features: FeatureInput = FeatureInput()
    channels: tuple[PositiveInt, ...] = Field((64, 128, 128), min_length=1)
    """Of the temporal convolutions over the joints; each halves the frames."""
    kernel: int = Field(5, ge=1)
    """Frames that a convolution spans, an odd number."""
    size: int = Field(128, ge=1)
    """Numbers of each stream before they are joined."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Of what each stream finds."""


class FALCONS(Assessor):
    """Poses and segment features → execution; poses → difficulty; their product."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=100, batch_size=16, optimiser="adamw", lr=1e-3, weight_decay=1e-2, schedule="cosine")
    TARGET: ClassVar = TargetConfig(scaling="none")
    means: Tensor
    deviations: Tensor

    def __init__(self, settings: Settings, context: Context) -> None:
        if context.classes:
            raise UsageError("FALCONS predicts scores only.", hint="--task score")
        if settings.kernel % 2 == 0:
            raise UsageError(f"A convolution must span an odd number of frames, not {settings.kernel}.", hint="--set settings.kernel=5")
        super().__init__()
        self.settings, self.context = settings, context
        self.learns = settings.difficulty == "learned"
        roles = self.consumes(settings)
        self.inputs = Inputs(settings.input if "poses" in roles else None, feature_inputs(type(self), settings, context))
        self.pose = self._joints() if settings.streams != "video" else None
        self.standardise = Standardise(int(np.prod(context.features[ROLE][1:]))) if settings.streams != "pose" else None
        sizes = [] if self.pose is None else [self.pose.dimensions]
        sizes += [] if self.standardise is None else [len(self.standardise.mean)]
        self.grader = _grader(sizes, settings.size)
        self.difficulty = self._joints() if self.learns else None
        self.assessor = nn.Linear(self.difficulty.dimensions, 1) if self.difficulty is not None else None
        self.dropout = nn.Dropout(settings.dropout)
        self.register_buffer("means", torch.zeros(2))
        self.register_buffer("deviations", torch.ones(2))

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return what is graded by, and poses where the difficulty is learned."""
        poses = settings.streams != "video" or settings.difficulty == "learned"
        return (*(("poses",) if poses else ()), *((ROLE,) if settings.streams != "pose" else ()))

    @classmethod
    def annotations(cls, settings: Settings) -> Mapping[str, Kind]:
        """Return the execution and the difficulty, where both are learned."""
        return {settings.execution_column: "number", settings.difficulty_column: "number"} if settings.difficulty == "learned" else {}

    def _joints(self) -> JointSequence:
        joints = len(layout_named(self.context.skeleton).joints)
        return JointSequence(self.context.channels * joints * self.context.people, self.settings.channels, self.settings.kernel)

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the features, and of what is learned.

        Raises:
            UsageError: the scores are not execution times difficulty.
        """
        assert train.target is not None
        if self.standardise is not None:
            self.standardise.measure(train.features[ROLE].mean().flatten(1))
        learned = [train.target]
        if self.learns:
            learned = [train.annotations[column] for column in self.annotations(self.settings)]
            self._check(train, *learned)
        for place, values in enumerate(learned):
            known = values[values.isfinite()]
            self.means[place] = known.mean()
            self.deviations[place] = known.std(correction=0) if known.std(correction=0) > 0 else 1.0

    def _check(self, train: Clips, execution: Tensor, difficulty: Tensor) -> None:
        assert train.target is not None
        product, target = execution * difficulty, train.target
        whole = product.isfinite()
        error, bound = (product - target).abs(), _TOLERANCE * target.abs()
        if whole.any() and float((error - bound)[whole].median()) > 0:
            clip = int(whole.nonzero()[0])
            raise UsageError(
                f"The scores are not {self.settings.execution_column} × {self.settings.difficulty_column}: of {train.ids[clip]} that is "
                f"{float(product[clip]):g}, and the target {float(target[clip]):g}.",
                hint="the final score as target, with target.scaling=none and without target.times; or --set settings.difficulty=none",
            )

    def streams(self, sets: Sets, phase: Phase, training: TrainingConfig) -> dict[str, Stream]:
        """Return the batches; batch norm cannot take a last batch of one clip, which is then left out (another one in each epoch)."""
        return {"train": Shuffled(sets["train"], training.batch_size, least=2)}

    def seen(self, batch: Batch) -> list[Tensor]:
        """Return what each stream of the execution finds in each clip, (N, D) each."""
        found = [] if self.pose is None else [self.pose(batch.poses, batch.mask)]
        return found if self.standardise is None else [*found, self.standardise(batch.features[ROLE].mean().flatten(1))]

    def represent(self, batch: Batch) -> Tensor:
        """Return what the execution is graded by, side by side; see :class:`stages.engine.method.Assessor`."""
        return torch.cat(self.seen(batch), dim=1)

    def forward(self, batch: Batch) -> Tensor:
        """Return the execution, and the difficulty where it is learned, in deviations of the training clips, (N, 1) or (N, 2)."""
        graded: Tensor = self.grader(*map(self.dropout, self.seen(batch)))[0]
        if self.difficulty is None or self.assessor is None:
            return graded
        assessed: Tensor = self.assessor(self.dropout(self.difficulty(batch.poses, batch.mask)))
        return torch.cat([graded, assessed], dim=1)

    def step(self, batches: Mapping[str, Batch], phase: Phase) -> Step:
        """Return the squared errors, each the mean over the clips of which the manifest says what it should be."""
        batch = batches["train"]
        if self.inputs.poses is not None:
            batch = augment(batch, self.settings.augmentation, self.inputs.poses, layout_named(self.context.skeleton))
        assert batch.target is not None
        output = self(batch)
        if not self.learns:
            return Step({"main": self._error(output, 0, batch.target)})
        execution, difficulty = (batch.annotations[column] for column in self.annotations(self.settings))
        terms = {"execution": self._error(output, 0, execution), "difficulty": self._error(output, 1, difficulty)}
        return Step({"main": terms["execution"] + self.settings.difficulty_weight * terms["difficulty"]}, terms)

    def _error(self, output: Tensor, place: int, wanted: Tensor) -> Tensor:
        known = wanted.isfinite()
        error = output[:, place] - (wanted - self.means[place]) / self.deviations[place]
        return ranks.mean_of(error[known].square().sum(), known.sum())

    def _in_units(self, batch: Batch) -> list[Tensor]:
        """Return the execution, and the difficulty where it is learned, in their own units, (N,) each."""
        output = self(batch)
        return [output[:, place] * self.deviations[place] + self.means[place] for place in range(output.shape[1])]

    @torch.no_grad()
    def predict(self, batch: Batch, reference: Batch | None = None) -> Mapping[str, Tensor]:
        """Return the score."""
        return {"value": torch.stack(self._in_units(batch)).prod(dim=0)}

    @torch.no_grad()
    def annotate(self, batch: Batch) -> Mapping[str, Tensor]:
        """Return the execution and the difficulty, (N,) each, where both are learned."""
        return dict(zip(self.annotations(self.settings), self._in_units(batch), strict=True)) if self.learns else {}


class _Alone(nn.Module):
    """The grader of one stream, of the form that :class:`stages.finetune.methods.fusions.Falcons` has for two: (N, D) → (N, 1)."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        own = (nn.BatchNorm1d(inputs), nn.ReLU(), nn.Linear(inputs, size))
        self.layers = nn.Sequential(*own, nn.BatchNorm1d(size), nn.ReLU(), nn.Linear(size, 1))

    def forward(self, found: Tensor) -> fusions.Candidates:
        """Return the score; there is nothing to choose."""
        return self.layers(found), None


def _grader(sizes: Sequence[int], size: int) -> nn.Module:
    """Return what grades by streams of these sizes, the joints' before the video's."""
    if len(sizes) == 1:
        return _Alone(sizes[0], size)
    joints, video = sizes
    return fusions.Falcons(joints, video, size)
