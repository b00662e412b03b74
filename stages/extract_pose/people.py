"""Which of the people in a video is the athlete."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.extract_pose.config import ALL, RULES
from stages.extract_pose.tracking import Track, median

LASTING = 0.2
"""A track shorter than this share of the longest is somebody who passes by, or a ghost: no rule takes it, an id does."""
_TOGETHER = 0.5
_SURE = 0.2


def choose(tracks: Sequence[Track], person: str, people: int = 1) -> list[Track]:
    """Return the tracks that are kept.

    Args:
        tracks: everybody who was seen.
        person: ``largest`` (median area of the box), ``longest`` (frames), ``most-moving`` (path of the joints in body sizes, without
            the motion that is common to all), ``all`` (every track that lasts, the longest first), or ids: ``2``, ``1,3``.
        people: how many; those after the first must be there together with it for half of its frames.  They come from left to right.

    Raises:
        ArtifactError: an id that does not exist, or fewer people than were asked for.
    """
    if person not in RULES:
        return _by_id(tracks, [name.strip() for name in person.split(",")])
    longest = max(len(track.frames) for track in tracks)
    lasting = [track for track in tracks if len(track.frames) >= LASTING * longest]
    measure = _MEASURES["longest" if person == ALL else person](lasting)
    order = sorted(range(len(lasting)), key=lambda number: -measure[number])
    ranked = [lasting[number] for number in order]
    if person == ALL:
        return ranked
    first = set(ranked[0].frames)
    beside = [track for track in ranked[1:] if len(first.intersection(track.frames)) >= _TOGETHER * len(first)]
    kept = [ranked[0], *beside[: people - 1]]
    if len(kept) < people:
        raise ArtifactError(
            f"{people} people were asked for, but {len(kept)} {'was' if len(kept) == 1 else 'were'} there at the same time.",
            hint="--people N takes fewer; --person all keeps everybody",
        )
    return sorted(kept, key=_left_to_right) if people > 1 else kept


def facts(tracks: Sequence[Track]) -> list[dict[str, object]]:
    """Return what the ``/clip`` document says of each track, so that an id can be chosen from it."""
    areas = _areas(tracks)
    return [
        {"id": track.id, "first": track.frames[0], "last": track.frames[-1], "frames": len(track.frames), "area": round(float(area), 1)}
        for track, area in zip(tracks, areas, strict=True)
    ]


def _by_id(tracks: Sequence[Track], names: Sequence[str]) -> list[Track]:
    known = {track.id: track for track in tracks}
    missing = [name for name in names if name not in known]
    if missing:
        raise ArtifactError(
            f"There is no person '{missing[0]}'; seen were {', '.join(known)}.",
            hint=f"--person takes {', '.join(RULES)} or an id; 'aqa inspect FILE' lists the people of a clip",
        )
    return [known[name] for name in names]


def _areas(tracks: Sequence[Track]) -> Array:
    boxes = [np.stack(track.boxes) for track in tracks]
    return np.array([np.median((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])) for box in boxes])


def _lengths(tracks: Sequence[Track]) -> Array:
    return np.array([len(track.frames) for track in tracks], dtype=float)


def _paths(tracks: Sequence[Track]) -> Array:
    """Return the length of each person's path: joints' mean step in body sizes, less the median step of all people (the camera's)."""
    people = [_steps(track) for track in tracks]
    common: dict[int, list[Array]] = {}
    for frames, steps, sure in people:
        for frame, step in zip(frames.tolist(), median(steps, sure), strict=True):
            common.setdefault(frame, []).append(step)
    camera = {frame: np.median(seen, axis=0) if len(seen) > 1 else np.zeros(2) for frame, seen in common.items()}
    lengths = []
    for frames, steps, sure in people:
        still = np.array([camera[frame] for frame in frames.tolist()]).reshape(-1, 1, 2)
        moved = np.where(sure, np.linalg.norm(steps - still, axis=2), 0)
        lengths.append((moved.sum(axis=1) / sure.sum(axis=1)).sum())
    return np.array(lengths) / np.sqrt(np.maximum(_areas(tracks), 1))


def _steps(track: Track) -> tuple[Array, Array, Array]:
    """Return the K steps between neighbouring frames that have a sure joint: frames (K,), steps (K, V, 2), which joints are sure (K, V)."""
    frames, positions = np.array(track.frames), np.stack(track.positions)
    sure = np.stack(track.confidence) >= _SURE
    both = sure[1:] & sure[:-1]
    kept = (np.diff(frames) == 1) & both.any(axis=1)
    return frames[1:][kept], np.diff(positions, axis=0)[kept], both[kept]


def _left_to_right(track: Track) -> float:
    boxes = np.stack(track.boxes)
    return float(np.median(boxes[:, 0] + boxes[:, 2]))


_MEASURES: dict[str, Callable[[Sequence[Track]], Array]] = {"largest": _areas, "longest": _lengths, "most-moving": _paths}
