"""Small data sets in their published layouts for the recipes of U-VI: NTU's maps, QMAR's images and maps, three cameras each."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.datasets.generated import Clip, film
from stages.video.opencv import cv2

TRAINED, TESTED = (1, 2, 4), (3, 6)
"""People of NTU's cross-subject protocol."""
ACTIONS, FRAMES, SIDE = 2, 8, 32
DEVICES = {"device_0": 0, "device_1": 30, "device_3": 80}
"""QMAR's devices, and from how many degrees aside they look."""
PATIENTS = 8
LEVELS = 3


def write(root: Path) -> None:
    """Write every data set of the recipes below ``root``."""
    for person, action, camera in itertools.product((*TRAINED, *TESTED), range(1, ACTIONS + 1), (1, 2, 3)):
        name = f"S001C{camera:03d}P{person:03d}R001A{action:03d}"
        bodies = moving(action / ACTIONS, 40 * camera, person)
        folder(root / f"NTU60/nturgb+d_densepose/{name}", [iuv(body) for body in bodies], "img_{:05d}.png")
        folder(root / f"NTU60/nturgb+d_depth_masked/{name}", [depth(body) for body in bodies], "MDepth-{:08d}.png")
    qmar(root / "QMAR", root / "QMAR-densepose/QMAR")


def moving(height: float, angle: float, person: int) -> list[Array]:
    """Return silhouettes (T, SIDE, SIDE) of an arm that is raised as ``height`` (0 to 1) says, seen from ``angle`` degrees aside."""
    found = []
    for moment in np.linspace(0, math.pi, FRAMES):
        canvas = np.zeros((SIDE, SIDE), np.uint8)
        cv2().rectangle(canvas, (14, 10), (17, 28), 1, -1)
        reach = (8 + person % 3) * abs(math.cos(math.radians(angle)))
        lift = (1.5 * height * math.sin(moment) - 0.7) * 8
        cv2().line(canvas, (15, 12), (round(15 + reach), round(12 - lift)), 1, 2)
        found.append(canvas)
    return found


def iuv(body: Array) -> Array:
    """Return what DensePose says of a silhouette: one part, with its U and V."""
    across, down = np.meshgrid(np.linspace(0, 255, SIDE), np.linspace(0, 255, SIDE))
    return np.stack([2.0 * body, across * body, down * body], axis=2).astype(np.uint8)


def depth(body: Array) -> Array:
    """Return a masked depth image of a silhouette two metres away."""
    return 2000 * body.astype(np.uint16)


def folder(path: Path, images: list[Array], name: str) -> None:
    """Write numbered pictures."""
    path.mkdir(parents=True)
    for number, image in enumerate(images, start=1):
        cv2().imwrite(str(path / name.format(number)), image)


def qmar(images: Path, maps: Path) -> None:
    """Four movement tests of people of whom half test, each seen by all devices: their images, their maps, and the list beside both."""
    header = "action,action_type,abnormality,subject,folder,image_type,device,img_name,score"
    whole = film.film_of(Clip("s01/c1", 0))
    lines, filmed = [header], images.parent / "film"
    folder(filmed, list(film.frames(replace(whole, body=whole.body[:: len(whole.body) // FRAMES]))), "img_{:05d}.png")
    for test, patient in itertools.product(("W-P", "W-S", "SS-P", "SS-S"), range(1, PATIENTS + 1)):
        score = (patient // 2 + 1) % LEVELS
        stage, kind = "train" if patient % 2 else "test", "Parkinson" if test.endswith("P") else "Stroke"
        for device, angle in DEVICES.items():
            lines.append(f"{test},Abnormal,{kind},{patient:02d},1,COLOR,{device},img_00001.png,{score}")
            place = f"{test}/{stage}/Abnormal/{kind}/{patient:02d}/1/{device}/COLOR"
            folder(maps / place, [iuv(body) for body in moving(score / (LEVELS - 1), angle, patient)], "img_{:05d}.png")
            (images / place).parent.mkdir(parents=True)
            (images / place).symlink_to(filmed, target_is_directory=True)
    for home in (images, maps):
        (home / "scores.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
