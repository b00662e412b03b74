"""TV-L1 optical flow as the I3D authors make it: grey frames, displacements cut off at 20 pixels and divided by it.

Zach, Pock & Bischof, A Duality Based Approach for Realtime TV-L1 Optical Flow, DAGM 2007, in OpenCV's implementation with its default
settings.  The flow of frame i leads to frame i + 1; the last frame repeats the flow before it.  Values are float16, streamed and cached
alike, so that a cache changes no result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.artifacts import store
from stages.artifacts.fingerprint import fingerprint
from stages.artifacts.provenance import provenance
from stages.errors import ArtifactError
from stages.video.opencv import cv2, optical_flow

BOUND = 20.0
"""Pixels per frame beyond which a displacement is cut off."""
CHUNK = 64
"""Frames in one file of the cache at most; it holds a multiple of it to the next."""
STAGE, VERSION = "extract-features", 1


def tv_l1() -> Callable[[Array, Array], Array]:
    """Return a function of two grey frames (H, W) uint8 that gives the flow (H, W, 2) float16 in [-1, 1]: to the right, downwards.

    Raises:
        MissingDependencyError: the installed OpenCV lacks TV-L1.
    """
    module = optical_flow()
    create = getattr(module, "DualTVL1OpticalFlow_create", None) or module.createOptFlow_DualTVL1
    algorithm = create()

    def flow(first: Array, second: Array) -> Array:
        return bounded(algorithm.calc(first, second, None))

    return flow


def bounded(displacements: Array) -> Array:
    """Return displacements in pixels cut off at :data:`BOUND` and scaled to [-1, 1], as float16."""
    return (np.clip(displacements, -BOUND, BOUND) / BOUND).astype(np.float16)


def grey(image: Array) -> Array:
    """Return a frame (H, W, 3) blue-green-red as grey (H, W) uint8."""
    return np.asarray(cv2().cvtColor(image, cv2().COLOR_BGR2GRAY))


def frames_needed(wanted: Sequence[int], total: int) -> list[int]:
    """Return the frames from which the flows of ``wanted`` frames are computed, in a clip of ``total`` frames."""
    firsts = {min(index, max(total - 2, 0)) for index in wanted}
    return sorted({index for first in firsts for index in (first, first + 1) if index < total})


def stream(frames: Iterable[tuple[int, Array]], wanted: Sequence[int], total: int) -> Iterator[tuple[int, Array]]:
    """Yield the flow of each wanted frame, keeping one frame in memory.

    Args:
        frames: (index, grey frame), those of :func:`frames_needed` in their order.
        wanted: frames whose flow is wanted, increasing.
        total: T of the clip; a clip of one frame does not move.
    """
    flow = tv_l1()
    waiting = iter(wanted)
    target = next(waiting, None)
    before: tuple[int, Array] | None = None
    for index, image in frames:
        if total == 1:
            yield index, np.zeros((*image.shape, 2), np.float16)
            return
        if target is not None and before is not None and before[0] == index - 1 and min(target, total - 2) == before[0]:
            found = flow(before[1], image)
            while target is not None and min(target, total - 2) == before[0]:
                yield target, found
                target = next(waiting, None)
        before = index, image


@dataclass(frozen=True)
class Cache:
    """The flow of one clip on disk, in artifacts of kind ``flow`` with at most :data:`CHUNK` frames each.

    Whatever needs further frames adds them; a file that belongs to another video or another size is made anew.

    Attributes:
        folder: of the clip.
        video: the digest of the clip.
        resize: the size at which the flow is computed, as fingerprints state it.
        times: (T,) seconds of the clip's frames.
    """

    folder: Path
    video: str
    resize: int | tuple[int, int]
    times: Array

    def stream(self, wanted: Sequence[int], compute: Callable[[Sequence[int]], Iterator[tuple[int, Array]]]) -> Iterator[tuple[int, Array]]:
        """Yield the flow of each wanted frame (increasing); ``compute`` yields those that are not here, which are kept."""
        chunks: dict[int, list[int]] = {}
        for index in wanted:
            chunks.setdefault(index // CHUNK, []).append(index)
        there = {chunk: self._frames(chunk) for chunk in chunks}
        fresh = compute([index for index in wanted if index not in there[index // CHUNK]])
        for chunk, members in chunks.items():
            flows = self._read(chunk) if there[chunk] else {}
            missing = [index for index in members if index not in flows]
            for index in members:
                if index in missing:
                    position, flow = next(fresh)
                    assert position == index
                    flows[index] = flow
                yield index, flows[index]
            if missing:
                self._write(chunk, flows)

    @property
    def _document(self) -> dict[str, object]:
        size = list(self.resize) if isinstance(self.resize, tuple) else self.resize
        return {"flow": "tv-l1", "bound": BOUND, "resize": size, "version": VERSION}

    @property
    def _fingerprint(self) -> str:
        return fingerprint(STAGE, VERSION, self._document, {"video": self.video})

    def _path(self, chunk: int) -> Path:
        return self.folder / f"{chunk * CHUNK:06d}.h5"

    def _frames(self, chunk: int) -> list[int]:
        """Return the frames that the file of a chunk holds; none where it is absent, damaged or another's."""
        path = self._path(chunk)
        try:
            if store.read_header(path, "flow").fingerprint != self._fingerprint:
                return []
            frames: list[int] = store.read_document(path, "clip")["frames"]
            store.read(path, "flow")
        except ArtifactError:
            return []
        return frames

    def _read(self, chunk: int) -> dict[int, Array]:
        artifact = store.read(self._path(chunk), "flow")
        flows = np.moveaxis(artifact.arrays["flow"], 1, -1)
        return dict(zip(artifact.documents["clip"]["frames"], flows, strict=True))

    def _write(self, chunk: int, flows: dict[int, Array]) -> None:
        frames = sorted(flows)
        arrays = {
            "flow": np.ascontiguousarray(np.moveaxis(np.stack([flows[index] for index in frames]), -1, 1)),
            "timestamps": np.asarray([self.times[index] for index in frames], np.float64),
        }
        documents = {
            "clip": {"frames": frames, "channels": ["right", "down"]},
            "config": self._document,
            "provenance": provenance(STAGE, VERSION, self._document),
        }
        store.write(self._path(chunk), store.Artifact(store.Header("flow", STAGE, VERSION, self._fingerprint), arrays, documents))
