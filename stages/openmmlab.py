"""The one gate to mmpose 1.3.2 and mmaction2 1.2.0: what they lack on a current Python, their configs, their networks.

Everything that imports ``mmpose``, ``mmaction``, ``mmcv`` or ``mmengine`` goes through here.  A config file of mmengine is a Python
program and reading one runs it: configs come from the installed wheels or from a file that the user names, and never out of a
checkpoint.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from torch import nn

from stages.errors import ArtifactError, MissingDependencyError, UsageError, nearest
from stages.video import opencv

Package = Literal["mmpose", "mmaction"]
INSTALL = "pip install aqa-toolkit[video]"
_DISTRIBUTIONS: Mapping[str, str] = {
    "mmengine": "mmengine",
    "mmcv": "mmcv-lite",
    "mmpose": "mmpose",
    "mmaction": "mmaction2",
}
"""What the two packages need → what it is installed by."""


_SILENCED: tuple[tuple[str, type[Warning], str], ...] = (
    (r"`torch\.cuda\.amp\.autocast", FutureWarning, r"mmpose\.models\."),
    (r"pkg_resources is deprecated", UserWarning, r"mmengine\."),
    (r"torch\.meshgrid", UserWarning, r"torch\.functional"),
    (r"The metainfo config file", UserWarning, r"mmpose\.datasets\."),
    (r"Passing more than 2 positional arguments to np\.", DeprecationWarning, r"mmpose\.codecs\."),
)
"""What they say at run time and no user of ours can act on: message, category, and the module that it is laid to."""


@dataclass(frozen=True)
class Published:
    """One model of a package's own index.

    Attributes:
        name: its name in the index, the stem of its config file.
        config: its config inside the installed wheel.
        weights: the https address of its weights, or "" where none were published.
    """

    name: str
    config: Path
    weights: str


@cache
def prepare() -> None:
    """Make ``mmpose`` and ``mmaction`` importable and quiet.  Call it before the first import of either.

    Raises:
        MissingDependencyError: a package of the extra is not installed.
    """
    opencv.cv2()  # first, so that it is silenced before mmcv imports it
    missing = [distribution for module, distribution in _DISTRIBUTIONS.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise MissingDependencyError(
            f"mmpose and mmaction2 networks need packages that are not installed: {', '.join(missing)}.", hint=INSTALL
        )
    # rtmo_head.py imports two names of mmdet at module level and uses reduce_mean in its loss only; no detector of mmdet is needed.
    if importlib.util.find_spec("mmdet") is None:
        _stand_in("mmdet")
        _stand_in("mmdet.utils", ConfigType=dict, reduce_mean=_unusable("mmdet.utils.reduce_mean", "mmdet"))
    # mmcv-lite has the folder mmcv/ops without its compiled part, so that importing it fails; the heads EDPose and DEKR import it at
    # module level, and nothing else of ours does.
    if not any(_folder("mmcv").glob("_ext*")):
        names = ("MultiScaleDeformableAttention", "DeformConv2d")
        _stand_in("mmcv.ops", **{name: _unusable(f"mmcv.ops.{name}", "the full mmcv") for name in names})
    # The mmaction2 1.2.0 wheel was published without this folder, and mmaction.models imports it.
    if not (_folder("mmaction") / "models/localizers/drn").is_dir():
        _stand_in("mmaction.models.localizers.drn")
        _stand_in("mmaction.models.localizers.drn.drn", DRN=_unusable("mmaction's DRN", "mmaction2 from its repository"))
    # xtcocotools' wheel is built for numpy 1; mmpose's data sets import it at module level and only COCO's evaluation uses it.
    if importlib.util.find_spec("xtcocotools") is None:
        _stand_in("xtcocotools")
        _stand_in("xtcocotools.mask")
        _stand_in("xtcocotools.coco", COCO=_unusable("xtcocotools.coco.COCO", "xtcocotools"))
        _stand_in("xtcocotools.cocoeval", COCOeval=_unusable("xtcocotools.cocoeval.COCOeval", "xtcocotools"))
    for message, category, module in _SILENCED:
        warnings.filterwarnings("ignore", message, category, module)
    with _quiet():
        from mmengine.logging import MMLogger

        MMLogger.get_current_instance().setLevel(logging.ERROR)  # its handler writes to stdout


def build_pose(config: Any) -> nn.Module:
    """Return the untrained network of an mmpose config (an ``mmengine.Config`` with ``model``), in evaluation mode.

    Raises:
        ArtifactError: the config describes no network that mmpose can build.
    """
    return _build("mmpose", config)


def build_action(config: Any) -> nn.Module:
    """Return the untrained network of an mmaction2 config (an ``mmengine.Config`` with ``model``), in evaluation mode.

    Raises:
        ArtifactError: the config describes no network that mmaction2 can build.
    """
    return _build("mmaction", config)


def action_backbone(name: str, **arguments: Any) -> Any:
    """Return a fresh backbone of mmaction2, a module of the class ``mmaction.models.backbones.<name>``, initialised as mmaction2 does.

    Its weights come from torch's random numbers alone, so that a seed fixes them.

    Raises:
        MissingDependencyError: a package of the extra is not installed.
    """
    prepare()
    with _quiet(), _importing("mmaction"):
        importlib.import_module("mmaction.engine.model")  # registers an initialiser that its graph networks name
        backbones = importlib.import_module("mmaction.models.backbones")
    from mmengine.registry import DefaultScope

    with _quiet(), DefaultScope.overwrite_default_scope("mmaction"):
        network = getattr(backbones, name)(**arguments)
        network.init_weights()
    return network


def pose_config(name_or_path: str | Path) -> Any:
    """Return the ``mmengine.Config`` of an mmpose model: a name of its index, an alias of it, or the path of a config file.

    Raises:
        UsageError: there is no such name or file.
        ArtifactError: the file is no readable config.
    """
    return _config("mmpose", name_or_path)


def action_config(name_or_path: str | Path) -> Any:
    """Return the ``mmengine.Config`` of an mmaction2 model; see :func:`pose_config`."""
    return _config("mmaction", name_or_path)


def published(package: Package, name: str) -> Published:
    """Return the model called ``name`` in the package's own index.

    Raises:
        UsageError: there is none; the message names the nearest.
    """
    index = model_index(package)
    stem = name.removesuffix(".py").rpartition("/")[2]
    if stem in index:
        return index[stem]
    guess = nearest(stem, index)
    question = f" Did you mean '{guess}'?" if guess else ""
    raise UsageError(
        f"Unknown {package} config '{name}': no such file, and no such name in the package's model index.{question}",
        hint=f"the {len(index)} names are those of the config files in {_mim(package) / 'configs'}",
    )


@cache
def model_index(package: Package) -> Mapping[str, Published]:
    """Return name and alias → model, for every model in the index that the installed package carries."""
    import yaml

    prepare()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    root = _mim(package)
    found: dict[str, Published] = {}
    aliases: dict[str, Published] = {}
    for part in yaml.load((root / "model-index.yml").read_bytes(), loader)["Import"]:  # noqa: S506 -- both loaders are safe ones
        content = yaml.load((root / part).read_bytes(), loader)  # noqa: S506
        for model in content.get("Models", ()) if isinstance(content, dict) else content:
            weights = str(model.get("Weights") or "")
            config = root / model["Config"]
            if not config.is_file():  # a few names of the index have no config in the wheel
                continue
            entry = Published(config.stem, config, weights if weights.startswith("https://") else "")
            for name in (config.stem, str(model["Name"])):
                if name not in found or not found[name].weights:
                    found[name] = entry
            alias = model.get("Alias") or ()
            aliases.update(dict.fromkeys([alias] if isinstance(alias, str) else alias, entry))
    for config in sorted((root / "configs").rglob("*.py")):  # configs without published weights are usable too
        if "_base_" not in config.parts:
            found.setdefault(config.stem, Published(config.stem, config, ""))
    return {**aliases, **found}


def _config(package: Package, name_or_path: str | Path) -> Any:
    prepare()
    path = Path(name_or_path)
    if not path.is_file():
        path = published(package, str(name_or_path)).config
    from mmengine.config import Config

    try:
        with _quiet():
            config = Config.fromfile(str(path))
    except Exception as error:  # a config is a program: it can raise anything
        raise ArtifactError(f"{path} is not a readable {package} config: {type(error).__name__}: {error}") from error
    if "model" not in config:
        raise ArtifactError(f"{path} is not a {package} config: it has no 'model'.")
    return config


def _build(package: Package, config: Any) -> nn.Module:
    prepare()
    with _quiet(), _importing(package):
        registry = importlib.import_module(f"{package}.registry")
        importlib.import_module(f"{package}.models")
    from mmengine.model.utils import revert_sync_batchnorm
    from mmengine.registry import DefaultScope

    description = config.copy().model
    description.train_cfg = None
    for part in ("backbone", "neck", "head"):
        if isinstance(description.get(part), dict):
            description[part].pop("pretrained", None)
    try:
        # The scope is set for this block only, so that networks of both packages can be built in one process.
        with _quiet(), DefaultScope.overwrite_default_scope(package):
            network: nn.Module = revert_sync_batchnorm(registry.MODELS.build(description))
    except Exception as error:  # registries raise whatever a constructor raises
        raise ArtifactError(
            f"{package} cannot build the network of {getattr(config, 'filename', None) or 'this config'}: {type(error).__name__}: {error}"
        ) from error
    network.train(mode=False)  # mmaction2's ResNet3d.train() returns None, so nothing is chained to it
    return network


@contextmanager
def _importing(package: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"{package} cannot be imported: {error}.", hint=f"{INSTALL}; aqa doctor shows what is broken"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what these packages say about themselves (deprecations, optional operators) from a reader who cannot act on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _folder(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _mim(package: str) -> Path:
    return _folder(package) / ".mim"


def _stand_in(name: str, **content: Any) -> None:
    module = ModuleType(name, "A stand-in: see stages/openmmlab.py.")
    module.__spec__ = ModuleSpec(name, None)
    module.__path__ = []
    module.__dict__.update(content)
    sys.modules.setdefault(name, module)


def _unusable(what: str, needs: str) -> Callable[..., Any]:
    class Unusable:
        def __init__(self, *_: Any, **__: Any) -> None:
            raise MissingDependencyError(f"{what} needs {needs}, which this toolkit does without.", hint="choose another network")

    Unusable.__name__ = Unusable.__qualname__ = what.rpartition(".")[2]
    return Unusable
