"""Reading a clip: decoded in a background thread a few frames ahead of whoever uses them, in constant memory, and only what is wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from queue import SimpleQueue
from typing import TypeVar

from stages.errors import UsageError
from stages.video.decode import Info, Picture, describe, pictures
from stages.video.errors import VideoError
from stages.video.frame import Frame, Source

__all__ = ["Info", "VideoError", "count", "probe", "read"]

AHEAD_BYTES = 256 * 2**20
"""Large frames wait in smaller numbers, so that a 4K video needs no gigabytes."""

T = TypeVar("T")


def probe(source: Source) -> Info:
    """Return size, frame rate and declared length of a clip without decoding it.

    Raises:
        VideoError: it is not a video, cannot be decoded, or is a folder whose frames are not in order.
    """
    return describe(source)


def count(source: Source) -> int:
    """Return the exact number of readable frames of the clip, by decoding it once.

    Raises:
        VideoError: as :func:`read` does.
    """
    return sum(1 for _ in pictures(source, _quiet))


def read(
    source: Source, indices: Sequence[int] | None = None, *, ahead: int = 32, note: Callable[[str], None] | None = None
) -> Generator[Frame, None, None]:
    """Yield the frames of a clip, upright, with their own times.

    Args:
        source: the clip.
        indices: numbers of the wanted frames within the clip, none smaller than the one before; None for all.  Other frames are not
            converted, and nothing after the last one is decoded (so that damage further on goes unnoticed).
        ahead: how many frames at most wait decoded.
        note: told of what was mended (times that the container lacks); called from the decoding thread.

    Raises:
        VideoError: the clip cannot be read, or ended before its end: raised after its last readable frame, with ``frames_read``.
        UsageError: the indices are not in order.
    """
    if indices is not None and (list(indices) != sorted(indices) or any(index < 0 for index in indices[:1])):
        raise UsageError("Frames are read forwards: indices must be 0 or more, and none smaller than the one before.")
    if indices is not None and not len(indices):
        return
    info = probe(source)
    waiting = max(1, min(ahead, AHEAD_BYTES // (info.width * info.height * 3)))
    yield from _ahead(_chosen(pictures(source, note or _quiet), indices, source), waiting)


def _chosen(frames: Iterator[Picture], indices: Sequence[int] | None, source: Source) -> Generator[Frame, None, None]:
    wanted = None if indices is None else iter(indices)
    target = None if wanted is None else next(wanted)
    seen = 0
    for index, (time, image) in enumerate(frames):
        seen = index + 1
        if target is None:
            yield Frame(index, time, image())
        elif index == target:
            frame = Frame(index, time, image())
            while target == index:
                yield frame
                target = next(wanted or iter(()), -1)
            if target < 0:
                return
    if target is not None:
        raise VideoError(f"Frame {target} of {source.path} is wanted, but the clip has {seen} frames.", frames_read=seen)


def _ahead(items: Generator[T, None, None], limit: int) -> Generator[T, None, None]:
    """Run ``items`` in a thread that is never more than ``limit`` items in front; closing this closes it."""
    room, stop = threading.Semaphore(limit), threading.Event()
    queue: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()

    def work() -> None:
        try:
            while room.acquire() and not stop.is_set():
                queue.put((next(items),))
        except StopIteration:
            queue.put(None)
        except BaseException as error:
            queue.put(error)
        finally:
            items.close()

    thread = threading.Thread(target=work, name="decoding", daemon=True)
    thread.start()
    try:
        while (entry := queue.get()) is not None:
            if isinstance(entry, BaseException):
                raise entry
            room.release()
            yield entry[0]
    finally:
        stop.set()
        room.release()
        thread.join()


def _quiet(_: str) -> None:
    pass
