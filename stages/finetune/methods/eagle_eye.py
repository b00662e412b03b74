"""EAGLE-Eye: how joints coordinate and how appearance changes, each at several tempos (Nekoui et al., WACV 2021).

The pose stream takes heat maps of the joints through a stack of joint coordination assessment modules (JCA), the appearance stream the
features of a clip's segments through appearance dynamics assessment modules (ADA).  What remains of both is pooled over space and time,
concatenated, and scored by two fully connected layers.  Either stream can be taken alone.

Sizes and the order of operations are those of the authors' code; ``docs/baselines.md`` says where this differs.  Here the heat maps are
drawn of pose artifacts, not taken from the pose estimator.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveInt, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.real_frames import as_factor, coarser
from stages.encoders.standardise import Standardise
from stages.engine import ranks
from stages.engine.batch import Batch, Clips
from stages.engine.inputs import FeatureInput, Inputs
from stages.engine.method import Context, MethodConfig, feature_inputs
from stages.engine.training import TrainingConfig
from stages.errors import UsageError
from stages.finetune.methods.appearance import AppearanceStream
from stages.finetune.methods.drawn import DrawnAssessor, DrawnSettings
from stages.skeletons.heat_maps import draw
from stages.skeletons.layouts import layout_named

ROLE = "features"
_LAST_POOL = 8
"""Frames that the pool behind the last JCA module takes together."""


class Settings(DrawnSettings):
    """Settings of EAGLE-Eye; the defaults are the authors' where nothing else is said."""

    streams: Literal["both", "pose", "appearance"] = "both"
    """Which streams there are: ``pose`` where there is no video, ``appearance`` where there are no poses."""
    features: FeatureInput = FeatureInput()
    size: int = Field(16, ge=1)
    """Height and width of the heat maps; the authors' are 64."""
    sigma: float = Field(0.6, gt=0)
    """Standard deviation of a joint's Gaussian, in pixels of the heat maps."""
    pose_modules: int = Field(2, ge=1)
    """JCA modules."""
    joint_pool: int = Field(2, ge=1)
    """Neighbouring joints that the first tempo of a JCA module averages; each further tempo takes one more."""
    joint_kernels: Literal["frame", "shared"] = "frame"
    """Whether every frame has its own convolution over the joints (the authors' code) or all share one."""
    expansion: int = Field(10, ge=1)
    """How many times the channels of the pose stream are multiplied at its end, to balance the appearance stream."""
    appearance_modules: int = Field(2, ge=1)
    """ADA modules."""
    appearance_channels: int = Field(128, ge=1)
    """Channels of each tempo of an ADA module; the authors' are half of what the module is given (512, then 768)."""
    kernels: tuple[PositiveInt, ...] = Field((3, 5, 7), min_length=1)
    """Tempos of both kinds of modules: frames or segments that a temporal convolution spans."""
    hidden: int = Field(512, ge=1)
    """Units of the first fully connected layer."""
    dropout: float = Field(0.5, ge=0, lt=1)
    """Before the first fully connected layer; before the second it is half of that."""

    @field_validator("kernels")
    @classmethod
    def _odd(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(kernel % 2 == 0 for kernel in value):
            raise ValueError("the kernels must be odd, so that they have a middle")
        return value

    @model_validator(mode="after")
    def _large_enough(self) -> Settings:
        least = smallest_map(self.pose_modules)
        if self.streams != "appearance" and self.size < least:
            raise ValueError(f"{self.pose_modules} JCA module(s) need heat maps of at least {least} pixels (size={least})")
        return self


class EagleEye(DrawnAssessor):
    """The two streams, their concatenation, and two fully connected layers."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=200, batch_size=20, optimiser="adam", lr=1e-3, schedule="cosine")

    def __init__(self, settings: Settings, context: Context) -> None:
        super().__init__(settings, context)
        with_poses, with_features = settings.streams != "appearance", settings.streams != "pose"
        self.inputs = Inputs(settings.input if with_poses else None, feature_inputs(type(self), settings, context))
        self.pose = PoseStream(len(layout_named(context.skeleton).joints), settings) if with_poses else None
        self.standardise: Standardise | None = None
        self.appearance: AppearanceStream | None = None
        if with_features:
            size = math.prod(context.features[ROLE][1:])
            self.standardise = Standardise(size)
            self.appearance = AppearanceStream(size, settings.appearance_channels, settings.appearance_modules, settings.kernels)
        width = sum(stream.dimensions for stream in (self.pose, self.appearance) if stream is not None)
        self.head = nn.Sequential(
            nn.Dropout(settings.dropout),
            nn.Linear(width, settings.hidden),
            _BatchNorm(settings.hidden),
            nn.LeakyReLU(0.2),
            nn.Dropout(settings.dropout / 2),
            nn.Linear(settings.hidden, context.classes or 1),
        )

    @classmethod
    def consumes(cls, settings: Settings) -> tuple[str, ...]:
        """Return what the streams take."""
        return {"both": ("poses", ROLE), "pose": ("poses",), "appearance": (ROLE,)}[settings.streams]

    def measure(self, train: Clips) -> None:
        """Take the mean and the deviation of the training clips' segments."""
        if self.standardise is not None:
            features = train.features[ROLE]
            self.standardise.measure(features.values[:, 0][features.mask].flatten(1))

    def embed(self, batch: Batch) -> Tensor:
        """Return both streams' representations side by side, (N, D)."""
        found = []
        if self.pose is not None:
            found.append(self.pose(draw(batch.poses, batch.mask, self.settings.size, self.settings.sigma), batch.mask))
        if self.appearance is not None:
            assert self.standardise is not None
            features = batch.features[ROLE]
            found.append(self.appearance(self.standardise(features.values[:, 0].flatten(2)), features.mask))
        return torch.cat(found, dim=1)


class PoseStream(nn.Module):
    """Heat maps (N, V, T, H, W) and their mask (N, T) → (N, D): JCA modules, a pool, more channels, the maximum of what is left.

    Attributes:
        dimensions: D.
    """

    def __init__(self, joints: int, settings: Settings) -> None:
        super().__init__()
        modules, channels, frames = [], joints, settings.input.frames
        for number in range(settings.pose_modules):
            modules.append(JointCoordination(channels, frames, settings, last=number == settings.pose_modules - 1))
            channels, frames = modules[-1].channels, -(-frames // 2)
        self.stack = nn.ModuleList(modules)
        # Behind three modules, the authors' 64 pixels have come down to the 7 of I3D's maps without this last pool.
        self.space = last_space(settings.pose_modules)
        self.dimensions = channels * settings.expansion
        self.expand = nn.Conv3d(channels, self.dimensions, 1)

    def forward(self, maps: Tensor, mask: Tensor) -> Tensor:
        """Return the representation; frames beyond the clip leave no trace in it."""
        x = maps
        for module in self.stack:
            x, mask = module(x, mask)
        x, mask = _pool_frames(F.max_pool3d(x, (1, self.space, self.space)), mask, _LAST_POOL)
        absent = ~mask[:, None, :, None, None]
        return self.expand(x).masked_fill(absent, -torch.inf).amax(dim=(2, 3, 4))


class JointCoordination(nn.Module):
    """Joint coordination assessment: (N, V, T, H, W) → (N, channels, ⌈T / 2⌉, ⌊H / 2⌋, ⌊W / 2⌋), and the mask likewise.

    Each tempo convolves every joint's maps over time, then neighbouring joints with each other, averages groups of joints and keeps
    the larger of two frames.  The tempos are concatenated, and a convolution over the pixels and a pool bring them into a smaller map.
    In the last module the convolution has no padding.

    Attributes:
        channels: of all tempos together.

    Raises:
        UsageError: there are fewer joints than are averaged.
    """

    def __init__(self, joints: int, frames: int, settings: Settings, *, last: bool) -> None:
        super().__init__()
        largest = settings.joint_pool + len(settings.kernels) - 1
        if joints < largest:
            raise UsageError(
                f"A JCA module averages up to {largest} joints (joint_pool={settings.joint_pool}, {len(settings.kernels)} kernels), "
                f"and there are {joints}.",
                hint="fewer with --set settings.joint_pool=2 and --set settings.kernels=[3,5,7]",
            )
        self.tempos = nn.ModuleList(
            _Tempo(joints, frames if settings.joint_kernels == "frame" else 1, kernel, settings.joint_pool + number)
            for number, kernel in enumerate(settings.kernels)
        )
        self.channels = sum(joints // (settings.joint_pool + number) for number in range(len(settings.kernels)))
        self.space = nn.Conv3d(self.channels, self.channels, (1, 3, 3), padding=(0, 0, 0) if last else (0, 1, 1))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features and the mask (N, ⌈T / 2⌉) of real frames."""
        x = x * as_factor(mask, x)
        found = torch.cat([tempo(x, mask) for tempo in self.tempos], dim=1)
        return F.max_pool3d(self.space(F.relu(found)), (1, 2, 2)), coarser(mask, 2)


class _Tempo(nn.Module):
    """One branch of a JCA module: (N, V, T, H, W) → (N, ⌊V / pool⌋, ⌈T / 2⌉, H, W).

    Args:
        joints: V.
        rows: T where every frame has its own kernel over the joints, 1 where all share one.
        kernel: frames that the temporal convolution spans.
        pool: joints that are averaged.
    """

    adjacency: Tensor

    def __init__(self, joints: int, rows: int, kernel: int, pool: int) -> None:
        super().__init__()
        self.time = nn.Conv2d(joints, joints, (kernel, 1), padding=(kernel // 2, 0), groups=joints)
        self.joints, self.bias = nn.Parameter(torch.empty(rows, 3)), nn.Parameter(torch.empty(rows))
        for parameter in (self.joints, self.bias):  # as torch initialises a convolution of three joints
            nn.init.uniform_(parameter, -(3**-0.5), 3**-0.5)
        self.register_buffer("adjacency", neighbours(joints, pool), persistent=False)
        self.norm = nn.BatchNorm3d(joints // pool)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the branch's features."""
        frames, height = x.shape[2:4]
        # A convolution over the joints and the average of some are one matrix per frame.
        matrix = torch.einsum("tk,kgv->tgv", self.joints.expand(frames, -1), self.adjacency)
        x = torch.einsum("tgv,nvtp->ngtp", matrix, self.time(x.flatten(3))) + self.bias.expand(frames)[:, None]
        found: Tensor = self.norm(_pool_frames(x.reshape(*x.shape[:3], height, -1), mask, 2)[0])
        return found


def neighbours(joints: int, pool: int) -> Tensor:
    """Return which joints the average of each group takes from the joint before, the joint itself and the one behind, (3, G, V)."""
    groups = joints // pool
    own = torch.arange(groups * pool)
    found = torch.zeros(3, groups, joints + 2)
    for place in range(3):
        found[place, own // pool, own + place] = 1 / pool
    return found[..., 1:-1]


class _BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that takes the running statistics for a batch of one clip, which has none of its own."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that torch gives it
        if len(input) > 1 or ranks.is_split():
            return super().forward(input)
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def last_space(modules: int) -> int:
    """Return how many pixels the pool behind so many JCA modules takes together, in each direction."""
    return 1 if modules == 3 else 2


def smallest_map(modules: int) -> int:
    """Return the least height and width of heat maps that leave a pixel behind so many JCA modules."""
    return (2 * last_space(modules) + 2) * 2 ** (modules - 1)


def _pool_frames(x: Tensor, mask: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Return the maximum of every ``stride`` real frames of (N, C, T, H, W), zero where none is real, and the mask of those."""
    pooled = F.max_pool3d(x.masked_fill(~mask[:, None, :, None, None], -torch.inf), (stride, 1, 1), ceil_mode=True)
    mask = coarser(mask, stride)
    return pooled.masked_fill(~mask[:, None, :, None, None], 0.0), mask
