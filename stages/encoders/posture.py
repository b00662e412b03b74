"""U-VI's view-invariant pose encoder: a picture of a body → canonical 3-D pose features (Sardari et al., BMVC 2021, table 1).

Pairs of 3 × 3 convolutions with batch norm and ReLU, halved in between until a 128 × 128 picture has 16 × 16 places, and three fully
connected layers.  ``trunk=resnet18`` is the paper's other variant ("2D ResNet", table 3): torchvision's network in the convolutions'
place.  N pictures, P pose features.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from stages.configuration import Config
from stages.errors import MissingDependencyError, UsageError

HALVINGS = 3
"""Poolings between the four blocks."""


class PostureConfig(Config):
    """Sizes; the defaults are the paper's."""

    trunk: Literal["cnn", "resnet18"] = "cnn"
    features: int = Field(70, ge=1)
    """P: points of the canonical pose, which need not be joints; the paper compares 40 to 190."""
    width: int = Field(64, ge=1)
    """Channels of the first block; the others have 2, 4 and 8 times as many, the fully connected layers 16 and 8 times."""


class PostureEncoder(nn.Module):
    """Pictures (N, C, H, W) in [0, 1] → canonical poses (N, 3, P).

    Raises:
        UsageError: the pictures' sides are no multiple of 8.
        MissingDependencyError: ``resnet18`` was chosen, and torchvision is not installed.
    """

    SETTINGS: ClassVar = PostureConfig

    def __init__(self, config: PostureConfig, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        step = 2**HALVINGS
        if size[0] % step or size[1] % step:
            raise UsageError(
                f"The pictures are {size[0]} × {size[1]}; the network takes multiples of {step}.", hint="aqa extract-maps --size 128"
            )
        self.config = config
        self.dimensions = 3 * config.features
        width = config.width
        if config.trunk == "resnet18":
            self.trunk, flat = _resnet18(channels)
        else:
            self.trunk, flat = _convolutions(channels, width), 8 * width * (size[0] // step) * (size[1] // step)
        self.read = nn.Sequential(
            nn.Flatten(),
            nn.Linear(flat, 16 * width),
            nn.ReLU(),
            nn.Linear(16 * width, 8 * width),
            nn.ReLU(),
            nn.Linear(8 * width, self.dimensions),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the canonical poses."""
        poses: Tensor = self.read(self.trunk(pictures))
        return poses.view(pictures.shape[0], 3, self.config.features)


def double_convolution(before: int, after: int, *, last_norm: bool = True) -> nn.Sequential:
    """Return two 3 × 3 convolutions with batch norm and ReLU; the second without batch norm if asked for."""
    layers = [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.Conv2d(after, after, 3, padding=1)]
    return nn.Sequential(*layers, *([nn.BatchNorm2d(after)] if last_norm else []), nn.ReLU())


def _convolutions(channels: int, width: int) -> nn.Sequential:
    blocks: list[nn.Module] = []
    for number in range(HALVINGS):
        blocks += [double_convolution(channels if number == 0 else width * 2 ** (number - 1), width * 2**number), nn.MaxPool2d(2)]
    return nn.Sequential(*blocks, double_convolution(4 * width, 8 * width, last_norm=False))


def _resnet18(channels: int) -> tuple[nn.Module, int]:
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:
        raise MissingDependencyError(
            f"The trunk resnet18 needs torchvision, which cannot be imported: {error}.",
            hint="pip install aqa-toolkit[video], or --set settings.encoder_settings.trunk=cnn",
        ) from None
    network: Any = models.resnet18(weights=None)
    if channels != 3:
        network.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    network.fc = nn.Identity()
    return network, 512
