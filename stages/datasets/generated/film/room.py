"""What is behind the person: a wall, a floor, some furniture; and what the camera's electronics add."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from stages.arrays import Array
from stages.video.opencv import cv2

_THINGS = (2, 9)
NOISE = 3.0
"""Standard deviation of the sensor's noise, grey levels."""


def draw_room(random: np.random.Generator, size: tuple[int, int]) -> Array:
    """Draw a room (H, W, 3) uint8."""
    cv = cv2()
    width, height = size
    wall, floor = random.uniform(40, 235, 3), random.uniform(30, 200, 3)
    image = np.empty((height, width, 3))
    horizon = int(height * random.uniform(0.55, 0.85))
    fall = np.linspace(0, 1, height)[:, None, None] * random.uniform(-40, 40)
    side = np.linspace(-0.5, 0.5, width)[None, :, None] * random.uniform(-50, 50)
    image[:horizon], image[horizon:] = wall, floor
    image += fall + side
    image = np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8))
    for _ in range(int(random.integers(*_THINGS))):
        _thing(image, random, horizon)
    texture = cv.resize(random.normal(0, random.uniform(2, 14), (height // 4, width // 4)).astype(np.float32), size)
    image = np.clip(image + texture[..., None], 0, 255).astype(np.uint8)
    blur = float(random.uniform(0.3, 1.6))
    return cv.GaussianBlur(image, (0, 0), blur)


def exposed(images: Iterable[Array], random: np.random.Generator) -> Iterator[Array]:
    """Yield the images with flicker and the sensor's noise."""
    cv = cv2()
    grain = None
    for image in images:
        height, width = image.shape[:2]
        if grain is None:  # drawn once, larger than the picture; each frame takes another part of it
            grain = np.round(random.normal(0, NOISE, (2 * height, 2 * width, 1))).astype(np.int16).repeat(3, axis=2)
        top, left = int(random.integers(height)), int(random.integers(width))
        gain = 1 + 0.015 * float(random.normal())
        lit = cv.convertScaleAbs(image, alpha=gain)
        yield cv.add(lit, grain[top : top + height, left : left + width], dtype=cv.CV_8U)


def _thing(image: Array, random: np.random.Generator, horizon: int) -> None:
    cv = cv2()
    height, width = image.shape[:2]
    colour = tuple(float(value) for value in random.uniform(10, 245, 3))
    x, w = int(random.integers(-width // 4, width)), int(random.integers(width // 12, width // 2))
    standing = random.random() < 0.6
    h = int(random.integers(height // 12, height // 2))
    bottom = horizon + int(random.integers(0, height // 6)) if standing else int(random.integers(height // 8, horizon))
    if random.random() < 0.8:
        cv.rectangle(image, (x, bottom - h), (x + w, bottom), colour, -1)
        if random.random() < 0.5:
            inside = tuple(float(value) for value in random.uniform(10, 245, 3))
            cv.rectangle(image, (x + w // 8, bottom - h + h // 8), (x + w - w // 8, bottom - h // 8), inside, -1)
    else:
        cv.ellipse(image, (x + w // 2, bottom - h // 2), (w // 2, h // 2), 0, 0, 360, colour, -1)
