"""A contact sheet of some of a set's pictures, to look at before anything is trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.artifacts import store
from stages.artifacts.store import Artifact
from stages.render import draw
from stages.video import writer

NAME = "preview.png"
_CLIPS, _FRAMES, _WIDTH = 6, 2, 128


def write(folder: Path, clips: Sequence[str]) -> Path:
    """Write a sheet of some clips of ``folder``, one row each: a frame of the first half in every view, then one of the second.

    Raises:
        ArtifactError: an artifact cannot be read, or the disk refuses.
    """
    shown = np.unique(np.linspace(0, len(clips) - 1, _CLIPS).round().astype(int))
    rows = [_row(store.read(folder / f"{clips[number]}.h5", "images"), clips[number]) for number in shown]
    writer.save_image(folder / NAME, np.concatenate(rows))
    return folder / NAME


def _row(artifact: Artifact, clip: str) -> Array:
    images, said = artifact.arrays["images"], artifact.documents["clip"]
    order = [2, 1, 0] if said.get("kind") == "frames" else [0, 1, 2]  # OpenCV writes blue first; maps are no colours
    tiles: list[Array] = []
    for part in range(_FRAMES):
        for view, about in zip(images[:, int((part + 0.5) * images.shape[1] / _FRAMES)], said["views"], strict=True):
            enlarged = max(1, _WIDTH // view.shape[-1])
            tile = np.ascontiguousarray(view[order].transpose(1, 2, 0).repeat(enlarged, axis=0).repeat(enlarged, axis=1))
            draw.caption_on(tile, str(about["name"]) if tiles else clip)
            tiles.append(tile)
    return np.concatenate(tiles, axis=1)
