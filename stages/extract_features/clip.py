"""One clip into the features of its segments: each frame is read once, and no more of the video is held than open segments need.

S segments, L frames of a segment, V joints, D feature dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import UsageError
from stages.extract_features import frames as prepare
from stages.extract_features import joints, performer
from stages.extract_features.backbones.contract import Look
from stages.extract_features.config import ExtractFeaturesConfig, HeatmapConfig
from stages.extract_features.joints import Squares
from stages.extract_features.performer import Boxes
from stages.skeletons.poses import PoseSequence
from stages.video import decode, flow, reader
from stages.video.flow import Cache
from stages.video.frame import Source
from stages.video.sampling import BLANK, ORIGINAL, Sampling, View, segments

Note = Callable[[str], None]
Frames = Generator[tuple[int, Array], None, None]
Track = Squares | Boxes
"""Where something is cut out of every frame."""


@dataclass(frozen=True)
class Features:
    """What a clip gave: the features (views, S, D, …), and the documents that say what they were made of."""

    features: Array
    clip: dict[str, Any]
    sampling: dict[str, Any]


@dataclass(frozen=True)
class Tools:
    """What a clip is worked on with.

    Attributes:
        config: what is extracted.
        views: of the clip.
        look: of the network's input.
        run: the network: N segments (L, H, W, C) → (N, D, …).
        batch: segments that are handed to it at once.
        note: told of what was mended while reading.
    """

    config: ExtractFeaturesConfig
    views: tuple[View, ...]
    look: Look
    run: Callable[[Sequence[Array]], Array]
    batch: int
    note: Note


def check(look: Look, sampling: Sampling, name: str) -> None:
    """Raise where a network cannot be fed with segments of this length."""
    if look.length is not None and sampling.length != look.length:
        raise UsageError(
            f"{name} takes segments of {look.length} frames, found sampling.length {sampling.length}.",
            hint=f"--set sampling.length={look.length}",
        )


def extract(source: Source, tools: Tools, poses: PoseSequence | None = None, flow_folder: tuple[Path, str] | None = None) -> Features:
    """Return the features of one clip.

    Args:
        source: the clip.
        tools: the network, and what it is to be fed.
        poses: of the clip, for patches, or for cutting to the performer.
        flow_folder: where the clip's flow is kept, and the clip's digest; None where flow is computed while reading and forgotten.

    Raises:
        VideoError: the clip cannot be read to its end.
        ArtifactError: it is too short for the rule of sampling, too small for the network, or its poses do not fit.
    """
    info = decode.describe(source)
    times = np.array([time for time, _ in decode.pictures(source, tools.note)])
    rows = [segments(times, tools.config.sampling, view) for view in tools.views]
    wanted = np.concatenate([_moving(indices, view, tools.look) for indices, view in zip(rows, tools.views, strict=True)])
    track = None if poses is None else _track(poses, times, tools.config)
    cache = Cache(flow_folder[0], flow_folder[1], tools.look.resize, times) if flow_folder else None
    flows = tools.look.modality == "flow"
    with closing(_flows(source, tools, wanted, times, track, cache) if flows else _images(source, tools, wanted, track)) as stream:
        features = _run(prepare.assemble(stream, wanted), tools, len(rows[0]), patches=tools.config.patches)
    if isinstance(track, Squares):
        features[..., np.isnan(track.centres).any(axis=(0, 2))] = np.nan
    facts: dict[str, Any] = {"frames": len(times), "fps": round(info.fps, 6), "width": info.width, "height": info.height}
    if poses is not None and tools.config.patches:
        facts["joints"] = list(poses.layout.joints)
    return Features(features.astype(tools.config.stored), facts, prepare.sampling_document(tools.views, rows, times))


def draw(poses: PoseSequence, sampling: Sampling, config: HeatmapConfig, stored: str) -> Features:
    """Return the heat maps of a clip, one segment per frame; of ``sampling`` the parts that choose frames are followed."""
    each = sampling.model_copy(update={"segments": None, "length": 1, "step": 1, "stride": 1, "starts": "dense"})
    rows = segments(poses.timestamps, each)
    maps = joints.heat_maps(poses, rows[:, 0], config)[None]
    facts = {"frames": poses.frames, "joints": list(poses.layout.joints)}
    return Features(maps.astype(stored), facts, prepare.sampling_document([ORIGINAL], [rows], poses.timestamps))


def _moving(indices: Array, view: View, look: Look) -> Array:
    """Return the frames whose image or flow a view is made of: what stands still has no flow."""
    return np.full_like(indices, BLANK) if view.still and look.modality == "flow" else indices


def _track(poses: PoseSequence, times: Array, config: ExtractFeaturesConfig) -> Track:
    return performer.boxes(poses, times, config.performer_margin) if config.performer else joints.squares(poses, times, config)


def _images(source: Source, tools: Tools, wanted: Array, track: Track | None) -> Frames:
    with closing(reader.read(source, prepare.used(wanted) or [0])) as frames:
        for frame in frames:
            yield frame.index, prepare.rgb(_cut(frame.image, frame.index, tools, track))


def _flows(source: Source, tools: Tools, wanted: Array, times: Array, track: Track | None, cache: Cache | None) -> Frames:
    total = len(times)
    indices = prepare.used(wanted) or [0]

    def compute(missing: Sequence[int]) -> Frames:
        needed = flow.frames_needed(missing, total)
        with closing(reader.read(source, needed)) as frames:
            greys = ((frame.index, prepare.resized(flow.grey(frame.image), tools.look.resize)) for frame in frames)
            yield from flow.stream(greys, missing, total)

    info = decode.describe(source)
    for index, field in cache.stream(indices, compute) if cache else compute(indices):
        # joints are in pixels of the video, the flow in those of its resized frames
        place = None if track is None else track.resized(field.shape[1] / info.width, field.shape[0] / info.height)
        yield index, _cut(field, index, tools, place, resize=False)


def _cut(image: Array, index: int, tools: Tools, track: Track | None, *, resize: bool = True) -> Array:
    """Return the middle of a frame (H, W, C), its performer, or the squares around its joints (V, H, W, C)."""
    if isinstance(track, Boxes):
        return track.cut(image, index, tools.look.crop)
    if track is not None:
        side = track.side or tools.config.patch_size * min(image.shape[:2])
        return prepare.squares(image, track.centres[index], side, tools.look.crop)
    return prepare.centre(prepare.resized(image, tools.look.resize) if resize else image, tools.look.crop)


def _run(assembled: Iterator[tuple[int, Array]], tools: Tools, count: int, *, patches: bool) -> Array:
    """Return (views, S, D, …), with the joints last where there are patches."""
    done: dict[tuple[int, int], Array] = {}
    waiting: list[tuple[tuple[int, int], Array]] = []

    def flush(least: int) -> None:
        while len(waiting) >= least and waiting:
            part, waiting[:] = waiting[: tools.batch], waiting[tools.batch :]
            for (key, _), found in zip(part, tools.run([segment for _, segment in part]), strict=True):
                done[key] = found

    for number, segment in assembled:
        varied = prepare.vary(segment, tools.views[number // count], tools.look)
        pieces = np.moveaxis(varied, 1, 0) if patches else varied[None]
        waiting.extend(((number, joint), np.ascontiguousarray(piece)) for joint, piece in enumerate(pieces))
        flush(tools.batch)
    flush(1)
    per_joint = max(joint for _, joint in done) + 1
    rows = [np.stack([done[number, joint] for joint in range(per_joint)], axis=-1) for number in range(count * len(tools.views))]
    features = np.stack(rows).reshape(len(tools.views), count, *rows[0].shape)
    return features if patches else features[..., 0]
