"""Which frames of a clip make which segment: index rules, and nothing else.

A clip of T frames becomes a *timeline* of positions, each of which is a frame's index or :data:`BLANK`, a black frame.  Segments of
equal length are laid on the timeline.  A *view* is a variation of the whole clip (a shift in time, a mirror image, a rotation, stills); it
has the same segments.  Everything is deterministic: there is no random crop, neither in time nor in space.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from stages.arrays import Array
from stages.configuration import Config
from stages.errors import ArtifactError, UsageError, unknown_name

BLANK = -1
"""The index of a black frame, which padding puts where a clip has none."""

Pad = Literal["none", "front", "back", "loop"]
Counted = Annotated[int, Field(ge=1, le=1_000_000)]


class Sampling(Config):
    """How segments are laid over a clip.

    ``frames`` brings every clip to one length first.  With ``fit: pad`` a shorter clip is filled by the rule of ``pad``; of a longer one
    the last frames are kept where padding goes in front, else the first.  With ``fit: even`` frames are picked at even distances, repeated
    where there are too few.
    """

    segments: Counted | None = 10
    """S; null takes as many as fit (only for ``starts: dense``)."""
    length: Counted = 16
    """L, frames in a segment."""
    starts: Literal["even", "dense"] | tuple[Annotated[int, Field(ge=0)], ...] = "even"
    """``even`` from the clip's first to its last frame, ``dense`` one every ``stride``, or the first position of each segment."""
    stride: Counted | None = None
    """From one dense segment to the next; null is the span of a segment, so that they touch."""
    step: Counted = 1
    """From one frame of a segment to the next."""
    frames: Counted | None = None
    """Bring every clip to this many frames first; null leaves it as long as it is."""
    fit: Literal["pad", "even"] = "pad"
    """How a clip comes to ``frames``."""
    pad: Pad = "loop"
    """What stands where a clip has no frame: black in front of it or behind it, the clip over again, or nothing (an error)."""
    fps: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Take this many frames per second, by the frames' own times, before anything else; null takes all."""

    @property
    def span(self) -> int:
        """Positions from a segment's first frame to its last, both counted."""
        return (self.length - 1) * self.step + 1


@dataclass(frozen=True)
class Preset:
    """A published rule under a name."""

    sampling: Sampling
    summary: str
    paper: str


_103 = (*range(0, 90, 10), 87)
PRESETS: Mapping[str, Preset] = {
    "even": Preset(Sampling(), "10 segments of 16 frames, evenly spread over the clip; a short clip is repeated", "this toolkit's default"),
    "aqa-7": Preset(
        Sampling(segments=6, starts="dense", frames=103, pad="front"),
        "6 × 16 frames, one behind the other, from 103 frames with black ones in front",
        "Parmar & Morris, Action Quality Assessment Across Multiple Actions, WACV 2019",
    ),
    "10x16": Preset(
        Sampling(segments=10, starts=_103, frames=103, pad="front"),
        "10 × 16 frames from 0, 10, …, 80, 87 of 103; of longer clips the last 103",
        "Tang et al., USDL, CVPR 2020; Yu et al., CoRe, ICCV 2021",
    ),
    "jigsaws": Preset(
        Sampling(segments=10, starts="dense", frames=160, fit="even"),
        "10 × 16 frames, one behind the other, from 160 evenly picked ones",
        "Tang et al., USDL, CVPR 2020",
    ),
    "2fps": Preset(
        Sampling(segments=None, starts="dense", fps=2.0, pad="back"),
        "two frames per second, all segments of 16 that follow from them",
        "Zhang et al., S4AQA, section IV (with 12 even segments); ACTION-NET's published script for its dynamic stream",
    ),
    "5fps": Preset(
        Sampling(segments=None, starts="dense", fps=5.0, pad="back"),
        "five frames per second, all segments of 16 that follow from them",
        "Zeng et al., ACTION-NET, ACM MM 2020: its dynamic stream, whose 26 segments are 83 seconds",
    ),
    "1fps": Preset(
        Sampling(segments=None, length=1, starts="dense", fps=1.0, pad="back"),
        "one frame per second, each a segment of its own",
        "Zeng et al., ACTION-NET, ACM MM 2020: its static stream",
    ),
    "dense": Preset(
        Sampling(segments=None, starts="dense", pad="back"),
        "every 16 frames one segment of 16; black frames fill the last",
        "Xu et al., Learning to Score Figure Skating Sport Videos, TCSVT 2019",
    ),
}


def preset(name: str) -> Sampling:
    """Return the rule called ``name``; an unknown name is a usage error."""
    if name not in PRESETS:
        raise unknown_name("sampling", name, PRESETS)
    return PRESETS[name].sampling


@dataclass(frozen=True)
class View:
    """A variation of a clip.

    Attributes:
        name: as the user writes it and the artifact keeps it.
        shift: positions by which every segment starts later.
        flip: mirrored left to right.
        rotate: degrees counter-clockwise: 0, 90, 180 or 270; before the mirror.
        still: every frame of a segment is the segment's first.
    """

    name: str
    shift: int = 0
    flip: bool = False
    rotate: int = 0
    still: bool = False


ORIGINAL = View("original")
GROUPS: Mapping[str, tuple[str, ...]] = {
    "rotations": ("rotate-90", "rotate-180", "rotate-270"),
    "shifts": tuple(f"shift:{number}" for number in range(1, 6)),
}
"""Shorthands: the turns that S4L predicts, and the five shifts that with the original make AQA-7's six copies."""
_PARTS = ("original", "flip", "still", *GROUPS["rotations"], "shift:N")
_SHIFT = re.compile(r"shift:([+-]?\d{1,6})")


def views(names: Sequence[str]) -> tuple[View, ...]:
    """Return the views called ``names``, for example ``original``, ``flip``, ``rotate-90``, ``shift:-3``, ``flip+shift:2``, ``rotations``.

    Raises:
        UsageError: a name is unknown, or a view is asked for twice.
    """
    found = tuple(_view(part) for name in names for part in GROUPS.get(name.strip(), (name.strip(),)))
    twice = [view.name for position, view in enumerate(found) if any(_same(view, other) for other in found[:position])]
    if twice:
        raise UsageError(f"The view '{twice[0]}' is asked for twice.", hint="name each view once")
    if not found:
        raise UsageError("No view of the clips is asked for.", hint="original is the clip as it is")
    return found


def timeline(times: Array, sampling: Sampling) -> Array:
    """Return the frames' indices that segments are laid on, before padding.

    Args:
        times: (T,) seconds, increasing.
        sampling: the rule; ``fps``, ``frames`` and ``fit`` are applied.

    Raises:
        ArtifactError: the clip has no frames.
    """
    if len(times) == 0:
        raise ArtifactError("The clip has no frames.")
    kept = np.arange(len(times))
    if sampling.fps is not None:
        kept = at_rate(np.asarray(times, np.float64), sampling.fps)
    if sampling.frames is not None:
        if sampling.fit == "even":
            kept = kept[np.rint(np.linspace(0, len(kept) - 1, sampling.frames)).astype(np.int64)]
        elif len(kept) > sampling.frames:
            kept = kept[-sampling.frames :] if sampling.pad == "front" else kept[: sampling.frames]
    return kept


def segments(times: Array, sampling: Sampling, view: View = ORIGINAL) -> Array:
    """Return the frames (S, L) that each segment is made of; :data:`BLANK` is a black frame.

    Args:
        times: (T,) seconds of the clip's frames, increasing.
        sampling: the rule.
        view: its shift and stills are applied; mirrors and turns change no index.

    Raises:
        ArtifactError: the clip is too short for the rule and nothing is to be padded, or no segment holds any of its frames.
    """
    kept = timeline(times, sampling)
    total, starts = _layout(len(kept), sampling)
    lead = total - len(kept) if sampling.pad == "front" else 0
    positions = np.asarray(starts)[:, None] + np.arange(sampling.length) * sampling.step + view.shift - lead
    inside = (positions >= 0) & (positions < len(kept))
    if sampling.pad == "none" and not inside.all():
        raise ArtifactError(
            f"The view '{view.name}' reaches beyond the clip's {len(kept)} frames.", hint="--set sampling.pad=front, back or loop"
        )
    indices = kept[positions % len(kept)]
    if sampling.pad != "loop":
        indices = np.where(inside, indices, BLANK)
        if not inside.any():
            raise ArtifactError(f"None of the segments of the view '{view.name}' holds one of the clip's {len(kept)} frames.")
    return np.repeat(indices[:, :1], sampling.length, axis=1) if view.still else indices


def _layout(frames: int, sampling: Sampling) -> tuple[int, Sequence[int]]:
    """Return the length of the padded timeline and each segment's first position on it."""
    span, stride = sampling.span, sampling.stride or sampling.span
    if isinstance(sampling.starts, tuple):
        starts: Sequence[int] = sampling.starts
        if sampling.segments not in (None, len(starts)):
            raise UsageError(
                f"sampling.segments is {sampling.segments}, but sampling.starts lists {len(starts)}.", hint="--set sampling.segments=null"
            )
        needed = max(starts, default=0) + span
    elif sampling.starts == "dense":
        room = max(frames, sampling.frames or 0) - span
        fits = -(-max(room, 0) // stride) if sampling.pad != "none" else max(room, 0) // stride
        starts = range(0, (sampling.segments or fits + 1) * stride, stride)
        needed = starts[-1] + span
    else:
        if sampling.segments is None:
            raise UsageError("How many even segments?", hint="--set sampling.segments=10, or --set sampling.starts=dense for all")
        needed = span
        room = max(frames, sampling.frames or 0, span) - span
        starts = np.rint(np.linspace(0, room, sampling.segments)).astype(int).tolist()
    if needed > frames and sampling.pad == "none":
        raise ArtifactError(
            f"The clip has {frames} frames, but its segments need {needed}.", hint="--set sampling.pad=front, back or loop fills it"
        )
    if not starts:
        raise UsageError("sampling.starts lists no segment.", hint="for example --set sampling.starts=[0,16,32]")
    return max(needed, frames, sampling.frames or 0), starts


def at_rate(times: Array, fps: float) -> Array:
    """Return the frames nearest to each tick of a clock that starts with the clip; no frame is taken twice."""
    ticks = np.arange(int(np.floor((times[-1] - times[0]) * fps + 1e-6)) + 1) / fps + times[0]
    after = np.clip(np.searchsorted(times, ticks), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    return np.unique(np.where(ticks - times[before] <= times[after] - ticks, before, after))


def _view(name: str) -> View:
    shift, flip, rotate, still = 0, False, 0, False
    for part in name.split("+"):
        match = _SHIFT.fullmatch(part)
        if match:
            shift += int(match[1])
        elif part not in _PARTS:
            raise unknown_name("view", part, (*_PARTS, *GROUPS))
        flip ^= part == "flip"
        still |= part == "still"
        rotate += int(part.removeprefix("rotate-")) if part.startswith("rotate-") else 0
    return View(name, shift, flip, rotate % 360, still)


def _same(one: View, other: View) -> bool:
    return (one.shift, one.flip, one.rotate, one.still) == (other.shift, other.flip, other.rotate, other.still)
