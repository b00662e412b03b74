"""People who are coloured rectangles, and estimators that find them: whole pipelines without a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.extract_pose.estimators.contract import People
from stages.skeletons.layouts import COCO_17
from stages.video.opencv import cv2
from tests.video.make import make_video

SIZE = (160, 120)
COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}
PLACES = np.vstack([[[0.02, 0.02], [0.98, 0.98]], np.random.default_rng(1).uniform(0.1, 0.9, (15, 2))])
"""Where each joint (17, 2) lies within a rectangle, in shares of its sides."""


def scene(people: Sequence[tuple[str, Sequence[float]]], size: tuple[int, int] = SIZE) -> np.ndarray:
    """A grey frame with (colour, box) rectangles."""
    image = np.full((size[1], size[0], 3), 60, np.uint8)
    for colour, (left, top, right, bottom) in people:
        cv2().rectangle(image, (round(left), round(top)), (round(right) - 1, round(bottom) - 1), COLOURS[colour], -1)
    return image


def walk(frames: int = 24, *, gone: Sequence[int] = (), start: float = 10) -> list[np.ndarray]:
    """A red rectangle that walks to the right; it is not there in the frames ``gone``."""
    return [scene([] if t in gone else [("red", (start + 3 * t, 30, start + 24 + 3 * t, 90))]) for t in range(frames)]


def rectangles(image: np.ndarray) -> list[np.ndarray]:
    """The boxes of the coloured rectangles in an image, the largest first."""
    found = []
    for colour in COLOURS.values():
        channel = int(np.argmax(colour))
        others = np.max(np.delete(image, channel, axis=2), axis=2).astype(int)
        mask = (image[..., channel].astype(int) - others > 90).astype(np.uint8)
        count, _, stats, _ = cv2().connectedComponentsWithStats(mask)
        found += [stats[n, :4] for n in range(1, count) if stats[n, 4] > 60]
    boxes = [np.array([x, y, x + w, y + h], np.float32) for x, y, w, h in found]
    return sorted(boxes, key=lambda box: -float((box[2] - box[0]) * (box[3] - box[1])))


def joints_in(box: np.ndarray) -> np.ndarray:
    """The joints (17, 2) of the rectangle ``box``."""
    return (box[:2] + PLACES * (box[2:] - box[:2])).astype(np.float32)


class Everybody:
    """A one-stage estimator: every rectangle is a person."""

    layout = COCO_17

    def __init__(self, batch: int = 4) -> None:
        self.batch, self.calls = batch, list[int]()

    def people(self, images: Sequence[np.ndarray]) -> list[People]:
        self.calls.append(len(images))
        return [self._one(image) for image in images]

    def _one(self, image: np.ndarray) -> People:
        boxes = rectangles(image)
        count = len(boxes)
        positions = np.array([joints_in(box) for box in boxes]).reshape(count, 17, 2)
        return People(np.array(boxes).reshape(count, 4), np.full(count, 0.9), positions, np.full((count, 17), 0.9, np.float32))


class OneInBox:
    """A top-down estimator: the largest rectangle in the box, seen the surer the more of the box it fills."""

    layout = COCO_17

    def __init__(self, batch: int = 4) -> None:
        self.batch, self.calls = batch, list[int]()

    def joints(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.calls.append(len(images))
        positions = np.zeros((len(images), 17, 2), np.float32)
        confidence = np.full((len(images), 17), 0.05, np.float32)
        for number, (image, box) in enumerate(zip(images, np.asarray(boxes), strict=True)):
            half = 0.625 * max(box[2] - box[0], 0.75 * (box[3] - box[1])) * np.array([1, 4 / 3])
            centre = (box[:2] + box[2:]) / 2
            left, top = np.maximum(centre - half, 0).astype(int)
            right, bottom = np.maximum(centre + half, 0).astype(int)
            inside = rectangles(image[top:bottom, left:right]) if right > left and bottom > top else []
            if inside:
                own = inside[0] + np.array([left, top, left, top], np.float32)
                positions[number] = joints_in(own)
                height = (own[3] - own[1]) / max(box[3] - box[1], 1)
                confidence[number] = 0.9 if height > 0.45 else 0.05 + 0.5 * height
        return positions, confidence


def fingerprint_of(name: str, **settings: Any) -> dict[str, Any]:
    """What stands in for the digest of weights."""
    return {"name": name, "precision": settings["precision"], "flip_test": settings["flip_test"]}


def build(name: str, **_: Any) -> Any:
    """Stands in for the list of estimators: ``rtmo-s`` finds everybody, ``boxed`` looks into boxes."""
    return OneInBox() if name == "boxed" else Everybody()


def film(path: Path, images: Sequence[np.ndarray]) -> Path:
    """Write images as a video of 30 frames per second."""
    return make_video(path, images, size=(images[0].shape[1], images[0].shape[0]))
