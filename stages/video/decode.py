"""Grabbing the frames of one clip in order: which frames a window holds, when each is shown, and whether the file was whole.

A frame is given as its time and a function that converts it into an image, so that frames which nobody wants are decoded (the next
ones need them) but never converted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.video import source as sources
from stages.video.errors import VideoError, refuse_foreign, why_unreadable
from stages.video.frame import FOLDER_FPS, GRACE, Source, window, window_of
from stages.video.opencv import cv2

Picture = tuple[float, Callable[[], Array]]
"""Seconds from the clip's first frame, and what converts the frame; it must be called before the next frame is taken, or not at all."""

Shape = list[tuple[int, ...]]
"""Empty, or the one shape that all frames of a clip must have."""

_COUNTED = (".mp4", ".m4v", ".mov", ".3gp", ".avi")
"""Containers that list every frame; the others know their duration at best."""
_SOUGHT = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
"""Containers that store every frame's time, so that it is certain where a jump has landed."""
_RUN_UP = 1.0
"""Seconds before a window at which a jump aims."""
_SLACK_FRAMES, _SLACK_SHARE = 2, 0.01
"""How far a container's count may be off before the file counts as cut off."""


@dataclass(frozen=True)
class Info:
    """What a video says of itself.

    Attributes:
        width: pixels, of the upright image.
        height: pixels, of the upright image.
        fps: frames per second (the mean, where the rate varies).
        frames: how many the window holds by the container's own count, which may be off; 0 where it has none.
        rotation: degrees clockwise by which stored frames are turned to stand upright.
        kind: ``video`` or ``frames`` (a folder of images).
    """

    width: int
    height: int
    fps: float
    frames: int
    rotation: int
    kind: str


def describe(source: Source) -> Info:
    """Return what the video or frame folder says of itself; see :func:`stages.video.reader.probe`."""
    if source.path.is_dir():
        images = _images(source.path)
        height, width = _load(images[0].path, 0, []).shape[:2]
        return Info(width, height, FOLDER_FPS, len(range(*window_of(len(images), source))), 0, "frames")
    with _opened(source.path) as capture:
        rate = _rate(capture) or FOLDER_FPS
        declared = _declared(capture)
        start, end = window(source)
        inside = declared if (start, end) == (0.0, math.inf) else round((min(end, declared / rate) - start) * rate)
        width, height = (int(capture.get(key)) for key in (cv2().CAP_PROP_FRAME_WIDTH, cv2().CAP_PROP_FRAME_HEIGHT))
        return Info(width, height, rate, max(0, inside), int(capture.get(cv2().CAP_PROP_ORIENTATION_META)), "video")


def pictures(source: Source, note: Callable[[str], None]) -> Iterator[Picture]:
    """Yield every frame of the clip.

    Raises:
        VideoError: the source cannot be read, or ended before its end; raised after the last readable frame.
    """
    return _folder_pictures(source) if source.path.is_dir() else _video_pictures(source, note)


def _folder_pictures(source: Source) -> Iterator[Picture]:
    images = _images(source.path)
    wanted = range(*window_of(len(images), source))
    _, end = window(source)
    if not wanted or (end < math.inf and end > (len(images) + _slack(len(images))) / FOLDER_FPS):
        raise _beyond(source, len(images) / FOLDER_FPS, 0)
    shape: Shape = []
    for position, number in enumerate(wanted):
        yield position / FOLDER_FPS, partial(_load, images[number].path, position, shape)


def _video_pictures(source: Source, note: Callable[[str], None]) -> Iterator[Picture]:
    start, end = window(source)
    given = 0
    with _opened(source.path) as capture:
        clock = _Clock(_rate(capture) or FOLDER_FPS)
        if not _rate(capture):
            note(f"{source.path.name} states no frame rate: {FOLDER_FPS:g} is assumed.")
        jumped = _jump(capture, clock, source)
        first, grabbed, whole = math.nan, 0, False
        shape: Shape = []
        while capture.grab():
            grabbed += 1
            now = clock.tell(capture.get(cv2().CAP_PROP_POS_MSEC) / 1000)
            if now >= end - GRACE:
                whole = True
                break
            if now < start - GRACE:
                continue
            first = now if given == 0 else first
            yield now - first, partial(_retrieve, capture, source.path, given, shape)
            given += 1
        if clock.mended:
            note(f"{source.path.name}: {clock.mended} frame(s) had no time of their own; the frame rate gives it.")
        if not whole:
            _check_ended_well(source, capture, clock, grabbed=_total(source.path) if jumped else grabbed, given=given)


class _Clock:
    """Turns a container's stamps into strictly increasing seconds from the first frame."""

    def __init__(self, rate: float) -> None:
        self.rate, self.mended, self.now = rate, 0, -math.inf
        self.origin: float | None = None

    def tell(self, stamp: float) -> float:
        if self.origin is None:
            self.origin = stamp
        time = stamp - self.origin
        if not time > self.now + 1e-6:
            time = self.now + 1 / self.rate
            self.mended += 1
        self.now = time
        return time


def _jump(capture: Any, clock: _Clock, source: Source) -> bool:
    """Jump to shortly before the window where that is certain to be exact; say whether it was done.

    A window without an end is read from the beginning: whether the file was whole can then be told from the number of its frames.
    """
    start, end = window(source)
    if start <= _RUN_UP or end == math.inf or source.path.suffix.lower() not in _SOUGHT:
        return False
    capture.grab()
    clock.tell(capture.get(cv2().CAP_PROP_POS_MSEC) / 1000)
    capture.set(cv2().CAP_PROP_POS_FRAMES, math.floor((start - _RUN_UP) * clock.rate))
    landed = capture.grab() and capture.get(cv2().CAP_PROP_POS_MSEC) / 1000 - (clock.origin or 0.0)
    if landed and 0 < landed <= start - GRACE:
        clock.now = landed
        return True
    clock.origin, clock.now = None, -math.inf
    _reopen(capture, source.path)
    return False


def _check_ended_well(source: Source, capture: Any, clock: _Clock, *, grabbed: int, given: int) -> None:
    """Raise where the file ended although it should have gone on, or before the window did."""
    path, declared = source.path, _declared(capture)
    if grabbed == 0:
        stated = f"it declares {declared}, but none can be decoded" if declared else "there is nothing to decode"
        raise VideoError(f"{path} holds no frames: {stated}.")
    length = clock.now + 1 / clock.rate
    slack = _slack(declared)
    reaches = length >= (declared - slack) / clock.rate
    counted = path.suffix.lower() in _COUNTED
    if declared - grabbed > slack and (counted or not reaches):
        what = f"{path} is damaged" if reaches else f"{path} is cut off or damaged at {length:.2f} s"
        about = "" if counted else "about "
        raise VideoError(
            f"{what}: it declares {about}{declared} frames, but only {grabbed} can be read.",
            hint="copy or download it again; what can be read is not taken for the whole clip",
            frames_read=given,
        )
    _, end = window(source)
    if given == 0 or (end < math.inf and end > length + slack / clock.rate):
        raise _beyond(source, length, given)


def _beyond(source: Source, length: float, given: int) -> VideoError:
    start, end = window(source)
    until = "the end" if end == math.inf else f"{end:g} s"
    return VideoError(
        f"The window from {start:g} s to {until} reaches beyond the end of {source.path}, which is {length:.2f} s long.",
        hint="correct 'start' and 'end' in the manifest",
        frames_read=given,
    )


def _slack(frames: int) -> float:
    return max(_SLACK_FRAMES, _SLACK_SHARE * frames)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    refuse_foreign(path)
    capture = cv2().VideoCapture()
    try:
        _reopen(capture, path)
        yield capture
    finally:
        capture.release()


def _reopen(capture: Any, path: Path) -> None:
    # The full path: FFmpeg takes "12:30.mp4" for the address of a server.
    if not capture.open(str(path.absolute()), cv2().CAP_FFMPEG):
        raise why_unreadable(path)
    capture.set(cv2().CAP_PROP_ORIENTATION_AUTO, 1)


def _total(path: Path) -> int:
    with _opened(path) as capture:
        total = 0
        while capture.grab():
            total += 1
        return total


def _rate(capture: Any) -> float:
    rate = float(capture.get(cv2().CAP_PROP_FPS))
    return rate if 0 < rate <= 1000 else 0.0


def _declared(capture: Any) -> int:
    declared = float(capture.get(cv2().CAP_PROP_FRAME_COUNT))
    return int(declared) if 0 < declared < 1e9 else 0


def _retrieve(capture: Any, path: Path, position: int, shape: Shape) -> Array:
    done, image = capture.retrieve()
    if not done:
        raise VideoError(f"{path}: frame {position} cannot be decoded.", frames_read=position)
    return _same_size(np.asarray(image), shape, path, position)


def _images(folder: Path) -> list[sources.Image]:
    try:
        return sources.images(folder)
    except ArtifactError as error:
        raise VideoError(error.message, error.hint) from None


def _load(path: Path, position: int, shape: Shape) -> Array:
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise VideoError(f"The frame {path} cannot be read: {error.strerror}.", frames_read=position) from None
    image = cv2().imdecode(content, cv2().IMREAD_COLOR) if content.size else None
    if image is None:
        raise VideoError(f"The frame {path} cannot be read as an image.", hint="copy or extract it again", frames_read=position)
    return _same_size(np.asarray(image), shape, path, position)


def _same_size(image: Array, shape: Shape, path: Path, position: int) -> Array:
    if not shape:
        shape.append(image.shape)
    if image.shape != shape[0]:
        found, first = (f"{size[1]} × {size[0]}" for size in (image.shape, shape[0]))
        raise VideoError(f"{path}: frame {position} is {found} pixels, the frames before it are {first}.", frames_read=position)
    return image
