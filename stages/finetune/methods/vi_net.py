"""VI-Net: a view-invariant trajectory of each joint, and a 2-D network that scores them (Sardari et al., Sensors 2020, 20(18):5258).

Two stages, trained end to end.  The trajectory descriptor turns the heat maps of one joint in 16 frames into one map, which a spatial
transformer without translation turns towards a common view; its weights are those of all joints.  The movement score module is a 2-D
network whose channels are the joints.  Training sees a random clip of 16 frames; the prediction is the mean of the outputs on all
clips of 16 frames that follow each other.

The paper predicts levels by cross-entropy (``--task level``); scores are regressed by mean squared error, as those who compare with
it on scores must have done.  Here the heat maps are drawn of pose artifacts, not taken from OpenPose's network.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from stages.engine.batch import Batch
from stages.engine.inputs import Inputs
from stages.engine.method import Context, MethodConfig
from stages.engine.training import TrainingConfig
from stages.errors import MissingDependencyError
from stages.finetune.methods.drawn import DrawnAssessor, DrawnSettings
from stages.skeletons import heat_maps
from stages.skeletons.layouts import layout_named

BackboneName = Literal["small", "vgg19", "resnext50"]

_WIDE = 64
"""Smallest heat maps that the published backbones are built for: behind five halvings more than a pixel is left to normalise."""


class Settings(DrawnSettings):
    """Settings of VI-Net."""

    backbone: BackboneName = "small"
    """The movement score module: ``vgg19`` or ``resnext50`` (the paper's two, by torchvision), or ``small``, which a CPU can train."""
    width: int = Field(32, ge=1)
    """Channels of the first layer of ``small``; its representation has four times as many."""
    size: int = Field(64, ge=18)
    """Height and width of the heat maps; the paper's are 224."""
    sigma: float = Field(1.0, gt=0)
    """Standard deviation of a joint's Gaussian, in pixels of the heat maps."""
    clip: int = Field(16, ge=1)
    """Frames that are seen at once."""

    @model_validator(mode="after")
    def _wide_enough(self) -> Settings:
        if self.backbone != "small" and self.size < _WIDE:
            raise ValueError(f"the backbone {self.backbone} needs heat maps of at least {_WIDE} pixels (size={_WIDE})")
        return self


class VINet(DrawnAssessor):
    """Trajectory descriptors, the movement score module, and its last layer."""

    SETTINGS: ClassVar[type[MethodConfig]] = Settings
    TRAINING: ClassVar = TrainingConfig(epochs=100, batch_size=16, optimiser="adam", lr=1e-3, schedule="cosine")

    def __init__(self, settings: Settings, context: Context) -> None:
        super().__init__(settings, context)
        self.inputs = Inputs(poses=settings.input)
        self.trajectory = TrajectoryDescriptor(settings.clip, settings.size)
        self.backbone, self.dimensions = score_network(settings.backbone, len(layout_named(context.skeleton).joints), settings.width)
        self.head = nn.Linear(self.dimensions, context.classes or 1)

    def embed(self, batch: Batch) -> Tensor:
        """Return the representation (N, D) of a random clip in training, of all clips (their mean) otherwise.

        The last layer is linear, so the mean over the clips before it gives the mean of the outputs.
        """
        where, seen = heat_maps.place(batch.poses, batch.mask, self.settings.size)
        length = self.settings.clip
        if self.training:
            return self._look(where, seen, random_start(batch.mask, length))
        first, count = consecutive(batch.mask, length)
        total = torch.zeros(where.shape[0], self.dimensions, device=where.device)
        for number in range(int(count.max())):
            found = self._look(where, seen, first + number * length)
            total = total + found * (number < count)[:, None]
        return total / count[:, None]

    def _look(self, where: Tensor, seen: Tensor, start: Tensor) -> Tensor:
        """Return the representation (N, D) of the clips that begin at ``start`` (N,); frames beyond the end are empty."""
        frames = where.shape[1]
        index = start[:, None] + torch.arange(self.settings.clip, device=start.device)
        row = torch.arange(start.shape[0], device=start.device)[:, None]
        inside, index = index < frames, index.clamp(max=frames - 1)
        maps = heat_maps.paint(where[row, index], seen[row, index] & inside[..., None], self.settings.size, self.settings.sigma)
        return torch.as_tensor(self.backbone(self.trajectory(maps)))


class TrajectoryDescriptor(nn.Module):
    """Heat maps (N, V, T, H, W) of a clip of T frames → one trajectory map per joint, (N, V, H, W).

    A convolution joins the frames of a joint into one map; a localisation network looks at the map and turns it by a matrix that
    starts as the identity and has no translation, so that the place in the image is kept.  All joints share the weights.

    Args:
        frames: T.
        size: H and W.
    """

    def __init__(self, frames: int, size: int) -> None:
        super().__init__()
        self.join = nn.Sequential(nn.Conv2d(frames, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1), nn.ReLU())
        self.localise = nn.Sequential(
            nn.Conv2d(1, 10, 7), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()
        )
        side = ((size - 6) // 2 - 4) // 2
        last = nn.Linear(32, 4)
        nn.init.zeros_(last.weight)
        last.bias.data = torch.eye(2).flatten()
        self.turn = nn.Sequential(nn.Linear(10 * side * side, 32), nn.ReLU(), last)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the trajectory maps."""
        joined = self.join(maps.flatten(0, 1))
        matrix = F.pad(self.turn(self.localise(joined)).view(-1, 2, 2), (0, 1))
        turned = F.grid_sample(joined, F.affine_grid(matrix, list(joined.shape), align_corners=False), align_corners=False)
        return turned.view(maps.shape[0], maps.shape[1], *maps.shape[3:])


def score_network(name: BackboneName, joints: int, width: int) -> tuple[nn.Module, int]:
    """Return the movement score module without its last layer, (N, V, H, W) → (N, D), with fresh weights; and D.

    Raises:
        MissingDependencyError: a published backbone was chosen, and torchvision is not installed.
    """
    if name == "small":
        sizes = [(joints, width, 7), (width, 2 * width, 3), (2 * width, 4 * width, 3)]
        blocks = [
            nn.Sequential(nn.Conv2d(before, after, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU())
            for before, after, kernel in sizes
        ]
        return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()), 4 * width
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:
        raise MissingDependencyError(
            f"The backbone {name} needs torchvision, which cannot be imported: {error}.",
            hint="pip install aqa-toolkit[video], or --set settings.backbone=small",
        ) from None
    network: Any
    if name == "vgg19":
        network = models.vgg19(weights=None)
        network.features[0] = nn.Conv2d(joints, 64, 3, padding=1)
        network.classifier[6] = nn.Identity()
        return network, 4096
    network = models.resnext50_32x4d(weights=None)
    network.conv1 = nn.Conv2d(joints, 64, 7, stride=2, padding=3, bias=False)
    network.fc = nn.Identity()
    return network, 2048


def random_start(mask: Tensor, length: int) -> Tensor:
    """Return a random first frame (N,) of ``length`` real frames; the first real one where there are fewer."""
    spare = (mask.sum(dim=1) - length).clamp(min=0)
    return mask.float().argmax(dim=1) + (torch.rand(len(mask), device=mask.device) * (spare + 1)).long()


def consecutive(mask: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return the first real frame (N,), and how many times ``length`` real frames follow each other from it, at least once (N,)."""
    return mask.float().argmax(dim=1), (mask.sum(dim=1) // length).clamp(min=1)
