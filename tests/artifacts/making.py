"""Small artifacts to write, and ways to break them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stages.artifacts import store
from stages.artifacts.provenance import provenance
from stages.artifacts.store import Artifact, Header

IN_A_CHILD = """
import os, resource, random, signal, sys, time
import numpy as np
from pathlib import Path
from stages.artifacts import store
from tests.artifacts.making import model
path = Path(sys.argv[1])
"""

JOINTS = ["hip", "knee", "ankle"]


def poses(frames: int = 20, seed: int = 0, fingerprint: str = "f" * 64, **config: Any) -> Artifact:
    """Return a pose artifact of one person with three joints, one of them missing in the first frame."""
    positions = np.random.default_rng(seed).normal(size=(1, frames, 3, 2)).astype(np.float32)
    positions[0, 0, 1] = np.nan
    arrays = {"positions": positions, "confidence": np.ones((1, frames, 3), np.float32), "timestamps": np.arange(frames) / 25}
    skeleton = {"layout": "leg", "joints": JOINTS, "units": "px", "origin": "image top left", "axes": ["x", "y"]}
    documents = {"clip": {"file": "a.mp4"}, "skeleton": skeleton, "config": config, "provenance": provenance("import-poses", 1, config)}
    return Artifact(Header("poses", "import-poses", 1, fingerprint), arrays, documents)


def model(values: np.ndarray[Any, Any] | None = None, **documents: Any) -> Artifact:
    """Return a model artifact with one array of weights."""
    weights = np.arange(4.0) if values is None else values
    base = {"method": {}, "data": {}, "training": {}, "config": {}, "provenance": {}}
    return Artifact(Header("model", "finetune", 1, "a" * 64), {"weights/w": weights}, base | documents)


def pose_folder(folder: Path, count: int = 3) -> list[str]:
    """Write ``count`` pose artifacts and a manifest; return the clips' ids."""
    clips = [f"group/clip-{number}" for number in range(count)]
    for number, clip in enumerate(clips):
        store.write(folder / f"{clip}.h5", poses(10 + number, number, f"{number:064x}", dataset="toy"))
    (folder / "manifest.csv").write_text("clip,score,action\n" + "".join(f"{c},{n},squat\n" for n, c in enumerate(clips)))
    return clips


def restamp(path: Path, **attributes: Any) -> None:
    """Change root attributes and make the digest right again, as a foreign writer would."""
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        for key, value in attributes.items():
            if value is None:
                del file.attrs[key]
            else:
                file.attrs[key] = np.bytes_(value.encode()) if isinstance(value, str) else np.int64(value)
        if "content_digest" in file.attrs:
            file.attrs["content_digest"] = np.bytes_(store.content_digest(file).encode())


def same(a: Artifact, b: Artifact) -> bool:
    """Say whether two artifacts hold the same: documents, and arrays with their types, shapes and bits."""
    if a.documents != b.documents or set(a.arrays) != set(b.arrays):
        return False
    pairs = [(np.asarray(a.arrays[name]), np.asarray(b.arrays[name])) for name in a.arrays]
    return all(x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes() for x, y in pairs)


def flip(path: Path, position: int, bit: int = 0) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def run_child(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code after :data:`IN_A_CHILD` in a fresh interpreter; the first argument is its ``path``."""
    return subprocess.run([sys.executable, "-c", IN_A_CHILD + code, *map(str, arguments)], capture_output=True, text=True, check=False)
