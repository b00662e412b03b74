"""Tiny videos for tests, whole and broken: every frame is one grey level that says its number, with a red patch at its top left."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from stages.video.opencv import cv2

MATRIX = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def picture(number: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """Frame ``number`` of every video made here: (H, W, 3) grey, red in its top left quarter of a quarter."""
    width, height = size
    image = np.full((height, width, 3), level(number), np.uint8)
    image[: height // 4, : width // 4] = (0, 0, 255)
    return image


def level(number: int) -> int:
    """The grey level of frame ``number``; it repeats after 20 frames."""
    return 20 + 10 * (number % 20)


def number_of(image: np.ndarray) -> int:
    """The number (below 20) of a frame, read back from its grey level."""
    return round((float(np.median(image[image.shape[0] // 2 :, image.shape[1] // 2 :])) - 20) / 10)


def make_video(
    path: Path, frames: int | Iterable[np.ndarray] = 20, fps: float = 30, size: tuple[int, int] = (64, 48), codec: str = "mp4v"
) -> Path:
    """Write a video of ``frames`` generated frames, or of the given images; an AVI in MJPG may have odd sizes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [picture(number, size) for number in range(frames)] if isinstance(frames, int) else frames
    backend = cv2().CAP_OPENCV_MJPEG if codec == "MJPG" else cv2().CAP_FFMPEG
    writer = cv2().VideoWriter(str(path), backend, cv2().VideoWriter_fourcc(*codec), fps, size)
    assert writer.isOpened(), f"this OpenCV cannot write {codec}"
    for image in images:
        writer.write(image)
    writer.release()
    return path


def make_frames(folder: Path, frames: int = 20, size: tuple[int, int] = (64, 48), name: str = "img_{:05d}.png", first: int = 1) -> Path:
    """Write a frame folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(frames):
        cv2().imwrite(str(folder / name.format(first + number)), picture(number, size))
    return folder


def rotated(path: Path, degrees: int) -> Path:
    """Patch the display matrix of an mp4, as telephones do."""
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 44
    a, b, c, d = MATRIX[degrees]
    data[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def uneven(path: Path, ticks: list[int]) -> Path:
    """Patch an mp4 so that its frames last ``ticks`` units each (a variable frame rate)."""
    data = bytearray(path.read_bytes())
    at = data.find(b"stts")
    old = int.from_bytes(data[at - 4 : at], "big")
    runs = b"".join(struct.pack(">II", 1, tick) for tick in ticks)
    box = struct.pack(">I", 16 + len(runs)) + b"stts" + struct.pack(">II", 0, len(ticks)) + runs
    data[at - 4 : at - 4 + old] = box
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        grow = data.find(name) - 4
        data[grow : grow + 4] = struct.pack(">I", int.from_bytes(data[grow : grow + 4], "big") + len(box) - old)
    for name, offset in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):  # durations; the movie's own unit is a millisecond
        place = data.find(name) + offset
        rate = int.from_bytes(data[data.find(b"mdhd") + 16 :][:4], "big")
        length = sum(ticks) if name == b"mdhd" else round(sum(ticks) / rate * 1000)
        data[place : place + 4] = struct.pack(">I", length)
    edits = data.find(b"elst")
    if edits >= 0:
        data[edits + 12 : edits + 16] = struct.pack(">I", round(sum(ticks) / rate * 1000))
    path.write_bytes(data)
    return path


def index_first(path: Path) -> Path:
    """Move an mp4's index before its data, as in files made for the web: cut off, they can still be read to the cut."""
    data = path.read_bytes()
    at = data.find(b"moov") - 4
    movie, rest = bytearray(data[at:]), data[:at]
    place = movie.find(b"stco")
    (chunks,) = struct.unpack(">I", movie[place + 8 : place + 12])
    for chunk in range(chunks):
        where = slice(place + 12 + 4 * chunk, place + 16 + 4 * chunk)
        movie[where] = struct.pack(">I", int.from_bytes(movie[where], "big") + len(movie))
    head = int.from_bytes(rest[:4], "big")
    path.write_bytes(rest[:head] + movie + rest[head:])
    return path


def broken_video(path: Path, how: str) -> Path:
    """Write a video that is broken: see :data:`BROKEN` for the ways."""
    path.parent.mkdir(parents=True, exist_ok=True)
    BROKEN[how](path)
    return path


def _cut(path: Path, share: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def _truncated(path: Path) -> None:
    # AVI in MJPG for .avi, an mp4 whose index comes first for the rest.
    avi = path.suffix == ".avi"
    make_video(path, 40, codec="MJPG" if avi else "mp4v")
    if not avi:
        index_first(path)
    _cut(path, 0.7)


def _no_index(path: Path) -> None:
    make_video(path)
    _cut(path)


def _corrupt_middle(path: Path) -> None:
    make_video(path, 40, codec="MJPG" if path.suffix == ".avi" else "mp4v")
    data = bytearray(path.read_bytes())
    start, end = int(len(data) * 0.4), int(len(data) * 0.6)
    data[start:end] = bytes(end - start)
    path.write_bytes(data)


def _unknown_codec(path: Path) -> None:
    temporary = make_video(path.with_name(f".{path.stem}.avi"), codec="MJPG")
    path.write_bytes(temporary.read_bytes().replace(b"MJPG", b"ZZZZ"))
    temporary.unlink()


def _zero_frames(path: Path) -> None:
    # FFmpeg's AVI, whose header is whole although nothing follows.
    temporary = path.with_name(f".{path.stem}.avi")
    writer = cv2().VideoWriter(str(temporary), cv2().CAP_FFMPEG, cv2().VideoWriter_fourcc(*"MJPG"), 30, (64, 48))
    writer.release()
    os.replace(temporary, path)


BROKEN = {
    "truncated": _truncated,
    "no-index": _no_index,
    "corrupt-middle": _corrupt_middle,
    "not-a-video": lambda path: path.write_bytes(b"<html><body>404 not found</body></html>\n" * 20),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(20_000)),
    "empty": lambda path: path.write_bytes(b""),
    "zero-frames": _zero_frames,
    "unknown-codec": _unknown_codec,
    "picture": lambda path: path.write_bytes(cv2().imencode(".png", picture(0))[1].tobytes()),
}
"""Way → what writes such a file."""
