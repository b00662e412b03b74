"""Other people's weights: where they lie, how they get here, and how they are read without running anything.

A checkpoint is a pickle, and a pickle is a program: only torch's ``weights_only`` reader is used.  What training tools store
beside the tensors (histories, numpy scalars, paths) is replaced by objects of this module that do nothing; every other name is
refused.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib
import os
import re
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from stages.artifacts import store
from stages.engine.progress import Progress
from stages.errors import ArtifactError, MissingDependencyError, UsageError

VARIABLE = "AQA_WEIGHTS"
_TIMEOUT = 60.0
_CHUNK = 1 << 20
_SHOWN = 5
"""How many keys of each kind an error about weights that do not fit names."""

_PUBLISHED_HASH = re.compile(r"-([0-9a-f]{8})(?:_\d{8})?\.pth$")
"""``NAME-81c58e40_20220909.pth``: the first eight digits of the file's SHA-256, then perhaps a date."""

_BOOKKEEPING = (
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")),
    *(f"numpy.dtypes.{kind}DType" for kind in ("Bool", "Float16", "Float32", "Float64", "Int32", "Int64", "UInt8", "Str")),
    *(f"numpy.random.{name}" for name in ("_pickle.__randomstate_ctor", "_pickle.__bit_generator_ctor", "mtrand.RandomState")),
    *(f"pathlib.{name}" for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    *(f"{builtins}.getattr" for builtins in ("builtins", "__builtin__")),
    "numpy.ndarray",
    "numpy.dtype",
    "collections.defaultdict",
    "datetime.datetime",
    "argparse.Namespace",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "mmengine.config.config.ConfigDict",
    "mmengine.config.config.Config",
    "mmcv.utils.config.ConfigDict",
)
"""What published checkpoints hold beside tensors.  None of it is ever used, so none of it is built."""

_SPARE = re.compile(
    r"(^|\.)num_batches_tracked$"
    r"|^data_preprocessor\."  # mmengine stores the mean and deviation of the input, which come from the config
    r"|^backbone\.stage4\.2\.fuse_layers\.[1-3]\."  # HRNet's low resolutions, which the published files have and a pose head never reads
)
"""Keys that published files have more than the network, and that are known to change nothing."""


def locate(name_or_path: str, url: str | None, weights_dir: Path | None, progress: Progress) -> Path:
    """Return the file of some weights, downloaded first where it is not here yet.

    Args:
        name_or_path: an existing file is the answer itself; anything else only names the weights in messages.
        url: where they are published (https), or None where they are not.
        weights_dir: the folder that holds or takes the file; else ``$AQA_WEIGHTS``, else ``~/.cache/aqa/weights``.
        progress: where a download is reported.

    Raises:
        UsageError: the address is not https.
        ArtifactError: no such file and no address, or the file is not the one that was published.
        MissingDependencyError: the file is not here and cannot be downloaded; the hint says which file goes where.
    """
    given = Path(name_or_path).expanduser()
    if given.is_file():
        return given
    if not url:
        raise ArtifactError(f"The weights {name_or_path} do not exist, and no address is known for them.", hint="--checkpoint FILE")
    if not url.startswith("https://"):
        raise UsageError(f"Weights are downloaded from https addresses only, found {url}.")
    name = url.rpartition("/")[2]
    target = folder(weights_dir) / name
    if not target.is_file():
        _download(url, target, progress)
    elif not _is_published(name, sha256(target)):
        raise ArtifactError(
            f"{target} is not the published file: its SHA-256 begins with {sha256(target)[:8]}, its name says {_hash_in(name)}.",
            hint="delete it and run the same command again",
        )
    return target


def folder(weights_dir: Path | None = None) -> Path:
    """Return the folder of downloaded weights: the given one, else ``$AQA_WEIGHTS``, else ``~/.cache/aqa/weights``."""
    return weights_dir or Path(os.environ.get(VARIABLE) or Path.home() / ".cache/aqa/weights")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, on the CPU.

    Takes ``.pth``/``.pt``/``.ckpt`` (bare, or under ``state_dict`` or ``model``), artifacts of this toolkit (``.h5``) and
    ``.safetensors``.  A leading ``module.`` is dropped; the copies that mmdetection averages (``ema_…``) are left out.

    Raises:
        ArtifactError: unreadable, without tensors, or it asks for anything but tensors and plain values.
        MissingDependencyError: the file needs a package that is not installed.
    """
    if not path.is_file():
        raise ArtifactError(f"The weights {path} do not exist.")
    if path.suffix == ".h5":
        return _read_artifact(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    content = _read_pickle(path)
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)} if isinstance(content, Mapping) else {}
    if not tensors:
        found = ", ".join(map(str, list(content)[:_SHOWN])) if isinstance(content, Mapping) else f"a {type(content).__name__}"
        raise ArtifactError(f"{path} holds no weights: expected tensors by name, also under 'state_dict' or 'model', found {found}.")
    if all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    state: dict[str, Tensor] = OrderedDict((key, value) for key, value in tensors.items() if not key.startswith("ema_"))
    if hasattr(content, "_metadata"):  # versions of modules, by which a network knows keys of an older layout
        state._metadata = content._metadata  # type: ignore[attr-defined] # noqa: SLF001
    return state


def load_into(module: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Put ``state`` into ``module``: every weight of the network must be there, and nothing that it does not have.

    Raises:
        ArtifactError: keys are missing or unknown, or shapes differ; the first few of each kind and how many there are.
    """
    own = module.state_dict()
    misshaped = {
        key: f"{key} (expected {tuple(own[key].shape)}, found {tuple(value.shape)})"
        for key, value in state.items()
        if key in own and own[key].shape != value.shape
    }
    fitting = OrderedDict((key, value) for key, value in state.items() if key not in misshaped)
    fitting._metadata = getattr(state, "_metadata", None)  # type: ignore[attr-defined] # noqa: SLF001
    result = module.load_state_dict(fitting, strict=False)
    problems = {
        "missing": [key for key in result.missing_keys if key not in misshaped],
        "unknown": [key for key in result.unexpected_keys if not _SPARE.search(key)],
        "of another shape": list(misshaped.values()),
    }
    lines = [f"  - {len(keys)} {kind}: {_first(keys)}" for kind, keys in problems.items() if keys]
    if lines:
        listing = "\n".join(lines)
        raise ArtifactError(
            f"The weights of {where} do not fit the network ({len(own)} entries expected, {len(state)} found):\n{listing}",
            hint="weights and config must belong together: choose the config that the weights were trained with",
        )


def _first(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (" …" if len(keys) > _SHOWN else "")


def _download(url: str, target: Path, progress: Progress) -> None:
    try:
        response = urllib.request.urlopen(url, timeout=_TIMEOUT)  # noqa: S310 -- locate() takes https only
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unreachable(url, target, error) from error
    with response, store.replacing_path(target) as temporary:
        if not response.geturl().startswith("https://"):
            raise _unreachable(url, target, "the server leads to an address that is not https")
        size = int(response.headers.get("Content-Length") or 0)
        digest, done = hashlib.sha256(), 0
        with temporary.open("wb") as file, progress.task(f"downloading {target.name}", -(-size // _CHUNK) or 1) as task:
            while chunk := _receive(response, url, target):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                task.advance(1, f"{done / 1e6:.0f} MB")
        if size and done != size:
            raise _unreachable(url, target, f"the connection broke after {done} of {size} bytes")
        if not _is_published(target.name, digest.hexdigest()):
            raise ArtifactError(
                f"{url} gave another file than the one published: its SHA-256 begins with {digest.hexdigest()[:8]}, "
                f"its name says {_hash_in(target.name)}. Nothing was kept.",
                hint=f"run the same command again, or put the right file at {target}",
            )


def _receive(response: BinaryIO, url: str, target: Path) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, target, error) from error


def _unreachable(url: str, target: Path, reason: object) -> MissingDependencyError:
    reason = getattr(reason, "reason", None) or reason
    place = f"{target} (or in the folder that --weights-dir or ${VARIABLE} names)"
    return MissingDependencyError(
        f"The weights {target.name} are not in {target.parent} and cannot be downloaded ({reason}).",
        hint=f"on a machine with a network, download {url}\n  and put it at {place}",
    )


def _hash_in(name: str) -> str:
    found = _PUBLISHED_HASH.search(name)
    return found[1] if found else ""


def _is_published(name: str, digest: str) -> bool:
    return digest.startswith(_hash_in(name))


def _read_artifact(path: Path) -> dict[str, Tensor]:
    arrays = store.read(path).arrays
    state = {name.removeprefix("weights/"): torch.from_numpy(array.copy()) for name, array in arrays.items() if name.startswith("weights/")}
    if not state:
        raise ArtifactError(f"{path} holds no weights.", hint=f"aqa inspect {path}")
    return state


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        safetensors = importlib.import_module("safetensors.torch")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"{path} needs the package safetensors.", hint="pip install safetensors") from error
    try:
        return dict(safetensors.load_file(path))
    except Exception as error:  # its own error class lies in its compiled part
        raise ArtifactError(f"{path} is not a readable safetensors file: {error}.") from error


class _Inert:
    """Takes the place of an object that no weights need: it is made with anything, filled with anything, and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


def _stand_ins() -> list[Any]:
    made = []
    for full in _BOOKKEEPING:
        module, _, name = full.rpartition(".")
        made.append(type(name, (_Inert,), {"__module__": module, "__qualname__": name}))
    return made


def _read_pickle(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_stand_ins()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what its zip reader, its unpickler and its storages come across
        asked = re.search(r"(?:GLOBAL |function |class )(\S+)", str(error))
        if asked and re.search(r"[Uu]nsupported|unrecognized|allowlisted", str(error)):
            raise ArtifactError(
                f"{path} is refused: weights may hold tensors and plain values, this file asks for {asked[1]}. Nothing of it was run.",
                hint="use weights from their publisher, or save their state_dict alone",
            ) from error
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ArtifactError(f"{path} is not a readable checkpoint: truncated, damaged or of another format ({reason}).") from error
