"""One clip from its frames to its poses.  Frames stream through: only boxes and joints are kept, so memory does not grow with length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeGuard, TypeVar, cast

import numpy as np

from stages.arrays import Array
from stages.engine.progress import Progress, Task
from stages.errors import ArtifactError
from stages.extract_pose import boxes as box_files
from stages.extract_pose import people, repair
from stages.extract_pose.boxes import Box
from stages.extract_pose.config import ExtractPoseConfig
from stages.extract_pose.estimators.contract import Estimator, OneStage, TopDown
from stages.extract_pose.following import follow
from stages.extract_pose.swaps import repair_swaps
from stages.extract_pose.tracking import Track, Tracker
from stages.skeletons import poses
from stages.skeletons.layouts import Layout
from stages.skeletons.poses import PoseSequence
from stages.video import reader
from stages.video.errors import VideoError
from stages.video.frame import Frame, Source

T = TypeVar("T")

FEWEST = 2
"""Frames that a clip must have: one frame is no motion."""


@dataclass(frozen=True)
class Networks:
    """What looks at the frames.

    Attributes:
        joints: finds the joints, and the people where it can.
        boxes: finds the people for a top-down network; None: it follows one person, or has a file of boxes.
        batch: how many frames or crops are handed over at once; None: as many as each network likes.
    """

    joints: Estimator
    boxes: OneStage | None = None
    batch: int | None = None


@dataclass
class _Pass:
    """One reading of the clip: the time of each frame, and whether its end was missing."""

    times: list[float] = field(default_factory=list)
    truncated: bool = False
    defects: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Result:
    """The people that are kept (M) over all frames, and everybody who was seen."""

    positions: Array
    confidence: Array
    boxes: Array
    kept: Sequence[Track]
    seen: Sequence[Track]
    reading: _Pass


def extract(
    source: Source, networks: Networks, config: ExtractPoseConfig, given: Sequence[Box] | None, progress: Progress, name: str
) -> PoseSequence:
    """Return the poses of the chosen people of one clip, (M, T, V, 2) in pixels from the image's top left corner.

    Args:
        source: the clip.
        networks: what looks at the frames.
        config: who is kept, and what is done to the joints.
        given: the clip's boxes, where a file gives them.
        progress: where to report.
        name: the clip's id.

    Raises:
        ArtifactError: the video is damaged or cut off, has fewer than two frames, nobody is in it, or not the person that was asked for.
    """
    info = reader.probe(source)
    passes = 2 if networks.boxes is not None else 1
    with progress.task(name, info.frames * passes) as task:
        if given is not None:
            seen = box_files.tracks(given, info.fps)
            found = _within(source, networks, config, seen, None, task)
        elif networks.boxes is not None:
            first = _Pass()
            seen = _detect(_frames(source, config, first, task), networks.boxes, networks.batch)
            found = _within(source, networks, config, _somebody(seen, first), first, task)
        elif finds_people(networks.joints):
            found = _one_stage(source, networks.joints, config, networks.batch, task)
        else:
            found = _followed(source, _top_down(networks.joints), config, task)
    return _finish(found, networks.joints.layout, config, info)


def finds_people(network: Estimator) -> TypeGuard[OneStage]:
    """Say whether a network finds people by itself, or needs boxes."""
    return hasattr(network, "people")


def _top_down(network: Estimator) -> TopDown:
    return cast(TopDown, network)


def _one_stage(source: Source, network: OneStage, config: ExtractPoseConfig, batch: int | None, task: Task) -> _Result:
    reading = _Pass()
    seen = _somebody(_detect(_frames(source, config, reading, task), network, batch), reading)
    return _gathered(people.choose(seen, config.person, config.people), seen, reading)


def _followed(source: Source, network: TopDown, config: ExtractPoseConfig, task: Task) -> _Result:
    reading, track = _Pass(), Track("1")
    views = sorted(follow(_frames(source, config, reading, task), network), key=lambda entry: entry[0])
    for frame, view in views:
        track.add(frame, view.box, view.positions, view.confidence)
    seen = _somebody([track] if views else [], reading)
    return _gathered(people.choose(seen, config.person, config.people), seen, reading)


def _within(
    source: Source, networks: Networks, config: ExtractPoseConfig, seen: Sequence[Track], first: _Pass | None, task: Task
) -> _Result:
    """Let a top-down network look into the boxes of the chosen people."""
    network = _top_down(networks.joints)
    kept = people.choose(seen, config.person, config.people)
    last = max(track.frames[-1] for track in kept)
    times = np.asarray(first.times) if first else np.arange(last + 1) / reader.probe(source).fps
    boxes = np.stack([track.spread(len(times))[0] for track in kept])
    boxes = repair.fill_gaps(boxes.reshape(len(kept), -1, 2, 2), times, config.max_gap)[0].reshape(boxes.shape)
    reading, filled = _Pass(), [Track(track.id) for track in kept]
    for crops in _batched(_crops(_frames(source, config, reading, task), boxes), networks.batch or network.batch):
        sides = np.stack([boxes[person, frame.index] for person, frame in crops])
        found = network.joints([frame.image for _, frame in crops], sides)
        for (person, frame), box, positions, confidence in zip(crops, sides, *found, strict=True):
            filled[person].add(frame.index, box, positions, confidence)
    if last >= len(reading.times) and not reading.truncated:
        raise ArtifactError(f"There is a box for frame {last}, but the last frame of the clip is number {len(reading.times) - 1}.")
    _somebody([track for track in filled if track.frames], reading)
    return _gathered([track for track in filled if track.frames], seen, reading)


def _gathered(kept: Sequence[Track], seen: Sequence[Track], reading: _Pass) -> _Result:
    boxes, positions, confidence = (np.stack(parts) for parts in zip(*(track.spread(len(reading.times)) for track in kept), strict=True))
    return _Result(positions, confidence, boxes, kept, seen, reading)


def _crops(frames: Iterator[Frame], boxes: Array) -> Iterator[tuple[int, Frame]]:
    """Yield (person, frame) for every frame in which a person has a box; ``boxes`` are (M, T, 4)."""
    for frame in frames:
        for person in range(len(boxes)):
            if frame.index < boxes.shape[1] and np.isfinite(boxes[person, frame.index]).all():
                yield person, frame


def _finish(found: _Result, layout: Layout, config: ExtractPoseConfig, info: reader.Info) -> PoseSequence:
    """Repair, fill and smooth what was found, and state the facts of the clip."""
    times = np.asarray(found.reading.times, np.float64)
    if len(times) < FEWEST:
        raise ArtifactError(f"The clip has {len(times)} frame(s); a motion needs at least {FEWEST}.")
    positions, confidence = found.positions, found.confidence
    positions = np.where((confidence >= config.min_confidence)[..., None], positions, np.float32(np.nan))
    if not np.isfinite(positions).any():
        raise ArtifactError(f"No joint was seen with a confidence of {config.min_confidence:g} or more in any frame.")
    swapped = 0
    if config.repair_swaps:
        positions, confidence, swapped = repair_swaps(positions, confidence, layout)
    positions, marks = repair.fill_gaps(positions, times, config.max_gap)
    if config.smooth:
        positions = repair.smooth(positions, times, config.smooth)
    facts: dict[str, Any] = {
        "width": info.width,
        "height": info.height,
        "fps": round(float(info.fps), 6),
        "frames": len(times),
        "rotation": info.rotation,
        "people": [track.id for track in found.kept],
        "chosen_by": config.person,
        "tracks": people.facts(found.seen),
        "frames_without_anybody": int(np.isnan(found.boxes).any(axis=2).all(axis=0).sum()),
        "share_missing": round(float(np.isnan(positions).any(axis=-1).mean()), 6),
        "share_interpolated": round(float(marks.mean()), 6),
    }
    if config.repair_swaps:
        facts["frames_with_swaps_repaired"] = swapped
    if found.reading.defects:
        facts["defects"] = found.reading.defects
    return poses.sequence(
        positions,
        layout,
        confidence=confidence,
        timestamps=times,
        units="px",
        origin="image top left",
        clip=facts,
        interpolated=marks,
        boxes=found.boxes,
    )


def _somebody(seen: Sequence[Track], reading: _Pass) -> Sequence[Track]:
    if not seen:
        if len(reading.times) < FEWEST:
            raise ArtifactError(f"The clip has {len(reading.times)} frame(s); a motion needs at least {FEWEST}.")
        raise ArtifactError(f"No person was seen in any frame ({len(reading.times)} frames).", hint="--boxes FILE says where to look")
    return seen


def _detect(frames: Iterator[Frame], network: OneStage, batch: int | None) -> list[Track]:
    """Return everybody whom a one-stage network sees, frame by frame, as tracks."""
    tracker = Tracker()
    for group in _batched(frames, batch or network.batch):
        for frame, found in zip(group, network.people([frame.image for frame in group]), strict=True):
            tracker.tick(frame.time)
            tracker.add(found)
    return tracker.tracks


def _frames(source: Source, config: ExtractPoseConfig, reading: _Pass, task: Task) -> Iterator[Frame]:
    try:
        for frame in reader.read(source, note=reading.defects.append):
            reading.times.append(frame.time)
            yield frame
            task.advance(1)
    except VideoError as error:
        if not (config.allow_truncated and error.frames_read >= FEWEST and reading.times):
            raise
        reading.truncated = True
        reading.defects.append(f"cut off: the last frame that can be read is number {len(reading.times) - 1}")


def _batched(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while group := list(islice(items, size)):
        yield group
