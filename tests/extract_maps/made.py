"""Films of somebody who walks through a room, and published maps, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.video.opencv import cv2


def room(width: int = 160, height: int = 120) -> np.ndarray:
    """A background (H, W, 3) with structure."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([90 + rows // 4, 80 + columns // 4, 70 + (rows + columns) % 16], axis=2).astype(np.uint8)


def walk(frames: int = 30, *, second: bool = False) -> list[np.ndarray]:
    """Somebody bright, 20 × 60 pixels, walks from column 20 by 4 pixels a frame; a second, smaller one stands up at column 140."""
    found = []
    for number in range(frames):
        image = room()
        left = 20 + 3 * number
        image[40:100, left : left + 20] = (220, 230, 240)
        if second and number >= frames // 2:
            image[10:40, 140:150] = (220, 230, 240)
        found.append(image)
    return found


def iuv(part: int = 12, left: int = 30, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """DensePose's map of one part, 10 × 20 pixels from column ``left`` and row 15: U grows downwards, V is 200."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[15:35, left : left + 10] = np.stack(np.broadcast_arrays(part, np.arange(20)[:, None] * 10, np.full((20, 10), 200)), axis=2)
    return picture


def depth(left: int = 30, near: int = 2000, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A masked depth image, millimetres: a body from row 15 to 35, its lower quarter half a metre nearer."""
    picture = np.zeros((size[1], size[0]), np.uint16)
    picture[15:30, left : left + 10] = near
    picture[30:35, left : left + 10] = near - 500
    return picture


def write(folder: Path, pictures: list[np.ndarray], name: str = "MDepth-{:08d}.png") -> Path:
    """Write numbered pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures, 1):
        assert cv2().imwrite(str(folder / name.format(number)), picture)
    return folder
