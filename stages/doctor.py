"""Is this machine fit to run the toolkit?  What ``aqa doctor`` checks: packages, devices, disk, data, permissions."""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stages.version import __version__
from stages.video import opencv
from stages.workspace import DATA_VARIABLE, Workspace

EXTRA = "pip install aqa-toolkit[video]"
REINSTALL = "pip install --force-reinstall aqa-toolkit"
START_SECONDS = 300.0
"""How long the packages may take to import in all; a cold network disk needs minutes."""
LOW_BYTES = 2_000_000_000
"""Less free disk than this is worth a warning."""
_MARK = "aqa-doctor "


@dataclass(frozen=True)
class Package:
    """One package: the name it is imported by, the name it is installed by, and whether the toolkit runs without it."""

    module: str
    distribution: str
    required: bool = True


PACKAGES: Sequence[Package] = (
    Package("numpy", "numpy"),
    Package("scipy", "scipy"),
    Package("pandas", "pandas"),
    Package("sklearn", "scikit-learn"),
    Package("h5py", "h5py"),
    Package("torch", "torch"),
    Package("lightning_fabric", "lightning-fabric"),
    Package("pydantic", "pydantic"),
    Package("yaml", "pyyaml"),
    Package("matplotlib", "matplotlib"),
    Package("jinja2", "jinja2"),
    Package("openpyxl", "openpyxl"),
    Package("tensorboard", "tensorboard"),
    Package("typer", "typer"),
    Package("rich", "rich"),
    Package("cv2", "opencv-contrib-python", required=False),
    Package("mmengine", "mmengine", required=False),
    Package("mmcv", "mmcv-lite", required=False),
    Package("mmpose", "mmpose", required=False),
    Package("mmaction", "mmaction2", required=False),
    Package("onnxruntime", "onnxruntime", required=False),
)
"""What ``pyproject.toml`` requires, and what its extra brings."""


@dataclass(frozen=True)
class Finding:
    """One line of the report: ``state`` is ``ok``, ``warning`` or ``error``; ``mend`` says what to do."""

    name: str
    state: str
    value: str
    mend: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as JSON values."""
        return asdict(self)


def examine(workspace: Workspace, data_root: Path | None) -> list[Finding]:
    """Return everything that was found; an ``error`` is a required package that is missing or broken."""
    system = Finding("aqa", "ok", f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    probed = probe([package.module for package in PACKAGES])
    found = [system, *(_package(package, probed[package.module]) for package in PACKAGES), *_devices(probed.get("torch", {}))]
    return [*found, _cores(), _disk(workspace), _permission(workspace), _data(data_root)]


def probe(modules: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Import each module in a child process and return what it said: ``version`` and details, or ``error``, or ``missing``.

    A package with a broken binary can crash its process; the child that dies is replaced, and its last module is the broken one.
    """
    found: dict[str, dict[str, Any]] = {}
    code = f"import sys; sys.path[:] = {sys.path!r}; from stages.doctor import import_all; import_all(sys.argv[1:])"
    while left := [module for module in modules if module not in found]:
        command = [sys.executable, "-c", code, *left]
        try:
            child = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)  # noqa: S603 (our own code)
            output, how = child.stdout, f"importing it ends the process (exit status {child.returncode})"
        except subprocess.TimeoutExpired as error:
            output = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
            how = f"importing it did not end within {START_SECONDS:.0f} s"
        lines = [json.loads(line.removeprefix(_MARK)) for line in output.splitlines() if line.startswith(_MARK)]
        found |= {line["module"]: line for line in lines}
        culprit = next((module for module in left if module not in found), None)
        if culprit is not None:
            found[culprit] = {"error": how}
    return found


def import_all(modules: Sequence[str]) -> None:
    """Import the modules and write one line of JSON about each to stdout (this is the child of :func:`probe`)."""
    for name in modules:
        facts: dict[str, Any] = {"module": name}
        try:
            module = importlib.import_module(name)
            facts["version"] = str(getattr(module, "__version__", "") or _installed_version(name))
            facts |= _DETAILS[name](module) if name in _DETAILS else {}
        except ModuleNotFoundError as error:
            facts |= {"missing": True} if error.name == name else {"error": f"needs {error.name}, which is missing"}
        except Exception as error:  # whatever a broken package raises is what we are looking for
            facts["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
        os.write(1, f"\n{_MARK}{json.dumps(facts)}\n".encode())


def _installed_version(module: str) -> str:
    from importlib import metadata

    names = metadata.packages_distributions().get(module, [])
    return metadata.version(names[0]) if names else "unknown version"


def _of_torch(torch: Any) -> dict[str, Any]:
    cuda = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return {
        "cuda": [f"{entry.name}, {entry.total_memory / 2**30:.0f} GiB" for entry in cuda],
        "built_for": torch.version.cuda or getattr(torch.version, "hip", None) or "",
        "mps": bool(torch.backends.mps.is_available()),
    }


_DETAILS: dict[str, Any] = {
    "h5py": lambda h5py: {"details": f"HDF5 {h5py.version.hdf5_version}"},
    "torch": _of_torch,
    "cv2": lambda cv2: {"tv_l1": opencv.has_tv_l1(cv2), "wheels": opencv.installed_wheels()},
}


def _package(package: Package, facts: dict[str, Any]) -> Finding:
    bad = "error" if package.required else "warning"
    install = REINSTALL if package.required else EXTRA
    if facts.get("missing"):
        return Finding(package.module, bad, f"missing: {install}", install)
    if "error" in facts:
        return Finding(package.module, bad, f"broken: {facts['error']}", install)
    if facts.get("tv_l1") is False:
        installed = f" (installed: {', '.join(facts['wheels'])})" if facts.get("wheels") else ""
        return Finding(package.module, "warning", f"{facts['version']}, without TV-L1 optical flow{installed}", opencv.MEND)
    details = facts.get("details") or ("with TV-L1 optical flow" if facts.get("tv_l1") else "")
    return Finding(package.module, "ok", f"{facts['version']}, {details}" if details else facts["version"])


def _devices(torch: dict[str, Any]) -> list[Finding]:
    found = [Finding(f"device cuda:{index}", "ok", text) for index, text in enumerate(torch.get("cuda", []))]
    if torch.get("mps"):
        found.append(Finding("device mps", "ok", "Apple GPU"))
    if found or not torch:
        return found
    if torch.get("built_for") and shutil.which("nvidia-smi"):
        mend = "check that nvidia-smi runs here and that its driver is new enough for this torch"
        return [Finding("device", "warning", f"cpu: torch is built for CUDA {torch['built_for']}, but finds no device", mend)]
    return [Finding("device", "ok", "cpu")]


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding("cores", "ok", f"{usable} of {os.cpu_count()}" if usable != os.cpu_count() else str(usable))


def _existing(path: Path) -> Path:
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _disk(workspace: Workspace) -> Finding:
    free = shutil.disk_usage(_existing(workspace.root)).free
    low = free < LOW_BYTES
    mend = "free space, or choose another place with --workspace or AQA_WORKSPACE" if low else ""
    return Finding("free disk", "warning" if low else "ok", f"{free / 1e9:.1f} GB at {workspace.root}", mend)


def _permission(workspace: Workspace) -> Finding:
    folder = _existing(workspace.root)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        mend = "choose another place with --workspace or AQA_WORKSPACE"
        return Finding("workspace", "warning", f"{workspace.root}: cannot write in {folder} ({error.strerror})", mend)
    state = "" if folder == workspace.root.absolute() else ", not there yet; the first command makes it"
    return Finding("workspace", "ok", f"{workspace.root}{state}")


def _data(data_root: Path | None) -> Finding:
    if data_root is None:
        return Finding(
            "data root", "ok", "not set", f"set {DATA_VARIABLE} or give --data-root where data sets in their published layout lie"
        )
    if not data_root.is_dir():
        return Finding(
            "data root", "warning", f"{data_root} is not a folder", f"set {DATA_VARIABLE} to the folder under which data sets lie"
        )
    return Finding("data root", "ok", str(data_root))
