"""Writing frames: an mp4 or a folder of images, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.artifacts.store import PARTIAL, replacing_path
from stages.errors import ArtifactError
from stages.video.opencv import cv2

CODEC = "mp4v"
"""MPEG-4 part 2: every OpenCV can write it, every player shows it."""

_FRAME = re.compile(r"img_\d{5,}\.png")


@contextmanager
def writing(path: Path, fps: float, size: tuple[int, int]) -> Iterator[Callable[[Array], None]]:
    """Yield a function that appends one frame, (H, W, 3) uint8, blue-green-red; the mp4 takes its name when the block ends well.

    Args:
        path: of the mp4.
        fps: frames per second.
        size: (width, height) of the frames; an odd side is filled up by one pixel, since the codec takes even ones.

    Raises:
        ArtifactError: the video cannot be written, or a frame has another size.
    """
    width, height = size
    even = (width + width % 2, height + height % 2)
    with replacing_path(path) as temporary:
        # OpenCV chooses the container by the ending, which a temporary file does not have.
        named = temporary.with_name(f"{temporary.name}.mp4")
        writer = cv2().VideoWriter(str(named.absolute()), cv2().CAP_FFMPEG, cv2().VideoWriter_fourcc(*CODEC), fps, even)
        count = 0
        try:
            if not writer.isOpened():
                raise ArtifactError(f"Cannot write {path}: OpenCV cannot make a video of {width} × {height} at {fps:g} frames per second.")

            def append(image: Array) -> None:
                nonlocal count
                if image.shape != (height, width, 3):
                    raise ArtifactError(f"Cannot write {path}: expected frames (H, W, 3) of {width} × {height}, found {image.shape}.")
                writer.write(np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if even != size else image)
                count += 1

            yield append
            writer.release()
            _check(named, path, count)
            named.replace(temporary)
        finally:
            writer.release()
            named.unlink(missing_ok=True)


def save_frames(folder: Path, frames: Iterable[Array]) -> int:
    """Write frames as ``img_00001.png`` …; the folder appears when all are written, in the place of an earlier one.

    Returns:
        How many frames there were.

    Raises:
        ArtifactError: the disk refuses, or the folder holds anything but such frames.
    """
    strange = [entry.name for entry in folder.iterdir() if not _FRAME.fullmatch(entry.name)] if folder.is_dir() else []
    if strange or folder.is_file():
        raise ArtifactError(
            f"Cannot write frames to {folder}: it holds {strange[0] if strange else 'a file'}.", hint="-o DIR writes elsewhere"
        )
    temporary = folder.with_name(f".{folder.name[:40]}.{os.getpid()}{PARTIAL}")
    number = 0
    try:
        temporary.mkdir(parents=True)
        for number, image in enumerate(frames, start=1):
            (temporary / f"img_{number:05d}.png").write_bytes(png(image))
        if folder.is_dir():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise ArtifactError(f"Cannot write {folder}: {error.strerror}.", hint="-o DIR writes elsewhere") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return number


def save_image(path: Path, image: Array) -> None:
    """Write one PNG, whole or not at all.

    Raises:
        ArtifactError: the disk refuses.
    """
    with replacing_path(path) as temporary:
        temporary.write_bytes(png(image))


def png(image: Array) -> bytes:
    """Return an image (H, W, 3) uint8, blue first, as a PNG."""
    _, data = cv2().imencode(".png", image)
    return bytes(data)


def _check(named: Path, path: Path, count: int) -> None:
    """Raise where the file does not hold what was appended: OpenCV says nothing of a full disk."""
    capture = cv2().VideoCapture(str(named.absolute()), cv2().CAP_FFMPEG)
    found = int(capture.get(cv2().CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    capture.release()
    if found != count or not count:
        raise ArtifactError(
            f"Cannot write {path}: of {count} frames {found} arrived.",
            hint="is the disk full? free space or choose another place with -o" if count else "",
        )
