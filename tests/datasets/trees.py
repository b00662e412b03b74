"""Small trees in published layouts: folders of frames, matrices, pickles."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np


@cache
def _picture() -> bytes:
    import cv2

    return bytes(cv2.imencode(".jpg", np.full((8, 8, 3), 90, np.uint8))[1])


def frames(folder: Path, count: int, name: str = "img_{:05d}.jpg", first: int = 1) -> Path:
    """Write a folder of ``count`` tiny frames."""
    folder.mkdir(parents=True)
    for number in range(first, first + count):
        (folder / name.format(number)).write_bytes(_picture())
    return folder


def matrix(path: Path, key: str, rows: Sequence[Any]) -> None:
    """Write a MATLAB file with one matrix."""
    import scipy.io

    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {key: np.asarray(rows)})


def pickled(path: Path, content: object) -> None:
    """Write a pickle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))


def features(path: Path, array: object) -> None:
    """Write a NumPy file, of one array or of a pickled dictionary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray(array) if not isinstance(array, dict) else array, allow_pickle=True)  # type: ignore[arg-type]
