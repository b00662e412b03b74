"""Frames of a video as they are, and silhouettes of whoever moves in it.

The silhouettes take the camera to stand still: the background is the median of frames spread over the clip, and what differs from it in a
frame belongs to somebody.  Whoever stands on one spot for most of the clip is therefore part of the background.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import numpy as np

from stages.arrays import Array
from stages.extract_features.frames import centre, resized, rgb
from stages.extract_maps.config import ExtractMapsConfig
from stages.extract_maps.maps import Cutout, Maps, chosen, cut_out, fitted, own_view
from stages.video import decode, reader
from stages.video.frame import Source
from stages.video.opencv import cv2

Note = Callable[[str], None]

LONGEST = 640
"""Pixels of the longer side at which silhouettes are found; larger frames are made smaller first."""
_BACKGROUND_FRAMES = 60
_SMALLEST_PART = 0.1
"""Share of the largest connected part's area from which another one counts."""
_BRIDGED = 0.015
"""Share of the picture's longer side over which pieces of a body are joined."""
_HOLE = 0.05
"""Share of the silhouette's area below which a hole is filled."""
_NOISE = 0.0005
"""Share of the picture below which a part is noise."""


def frames(source: Source, config: ExtractMapsConfig, note: Note) -> Maps:
    """Return the frames of a clip in colour: the shorter side at ``size``, the middle cut out.

    Raises:
        VideoError: the video cannot be read.
    """
    times, numbers = _frames_of(source, config, note)
    info = reader.probe(source)
    out = np.empty((len(numbers), config.size, config.size, 3), np.uint8)
    with closing(reader.read(source, numbers.tolist(), note=note)) as read:
        for row, frame in enumerate(read):
            out[row] = centre(resized(frame.image, config.size), config.size)
    side = min(info.width, info.height)
    left, top = (info.width - side) / 2, (info.height - side) / 2
    facts = {"kind": "frames", "units": "px", "views": [own_view(np.array([left, top, left + side, top + side]))]}
    return Maps(np.ascontiguousarray(rgb(out).transpose(0, 3, 1, 2))[None], times[numbers], facts)


def silhouettes(source: Source, config: ExtractMapsConfig, note: Note) -> Maps:
    """Return the silhouettes of whoever moves in a clip, in one square around all that moves.

    Raises:
        VideoError: the video cannot be read.
        ArtifactError: nothing moves.
    """
    times, numbers = _frames_of(source, config, note)
    spread = np.unique(np.linspace(0, len(times) - 1, _BACKGROUND_FRAMES).round().astype(int))
    with closing(reader.read(source, spread.tolist(), note=note)) as read:
        background = np.median([_prepared(frame.image) for frame in read], axis=0).astype(np.uint8)
    cutouts: list[Cutout | None] = []
    shrunk = 1.0
    with closing(reader.read(source, numbers.tolist())) as read:
        for frame in read:
            shrunk = frame.image.shape[1] / background.shape[1]
            mask = foreground(_prepared(frame.image), background, config.threshold, config.people)
            cutouts.append(cut_out(mask, mask))
    nothing = f"Nothing in {source.path} differs from its background by {config.threshold} of 255 or more: nobody moves, or too little."
    images, box = fitted(cutouts, config.size, cv2().INTER_AREA, nothing)
    facts = {"kind": "silhouettes", "units": "px", "views": [own_view(box * shrunk)]}
    return Maps(images[None], times[numbers], facts)


def foreground(image: Array, background: Array, threshold: int, people: int | None) -> Array:
    """Return the mask (H, W) uint8, 255 where somebody is, of a frame (H, W, 3) before its background (H, W, 3).

    Pixels that differ by half of the threshold count where they are connected to some that differ by all of it.

    Args:
        image: the frame.
        background: the scene without people.
        threshold: difference in any colour from which a pixel counts.
        people: how many connected parts to keep, the largest; None keeps all that are not much smaller than the largest.
    """
    difference = cv2().absdiff(image, background).max(axis=2)
    strong, weak = (
        cv2().morphologyEx((difference >= least).astype(np.uint8), cv2().MORPH_OPEN, _disc(1)) for least in (threshold, threshold / 2)
    )
    _, connected = cv2().connectedComponents(weak)
    certain = np.unique(connected[strong > 0])
    mask = np.isin(connected, certain[certain > 0]).astype(np.uint8)
    mask = cv2().morphologyEx(mask, cv2().MORPH_CLOSE, _disc(round(_BRIDGED * max(mask.shape)) + 1))
    count, labels, stats, _ = cv2().connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[1:, cv2().CC_STAT_AREA]
    if count < 2 or areas.max() < _NOISE * mask.size:
        return np.zeros_like(mask)
    enough = max(_SMALLEST_PART * areas.max(), _NOISE * mask.size)
    large = [number for number in np.argsort(-areas, kind="stable") if areas[number] >= enough]
    return _filled(np.isin(labels, [number + 1 for number in large[:people]]).astype(np.uint8) * 255)


def _frames_of(source: Source, config: ExtractMapsConfig, note: Note) -> tuple[Array, Array]:
    """Return the times of all frames, none of which is converted, and the numbers of those that are taken."""
    times = np.array([time for time, _ in decode.pictures(source, note)])
    return times, chosen(times, config)


def _prepared(image: Array) -> Array:
    scale = min(1.0, LONGEST / max(image.shape[:2]))
    small = cv2().resize(image, None, fx=scale, fy=scale, interpolation=cv2().INTER_AREA) if scale < 1 else image
    return np.asarray(cv2().GaussianBlur(small, (5, 5), 0))


def _disc(radius: int) -> Array:
    return np.asarray(cv2().getStructuringElement(cv2().MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))


def _filled(mask: Array) -> Array:
    """Fill holes that are small beside the part around them: a shirt of the wall's colour, not the gap between arm and hip."""
    outlines, levels = cv2().findContours(mask, cv2().RETR_CCOMP, cv2().CHAIN_APPROX_SIMPLE)
    largest = _HOLE * float((mask > 0).sum())
    for number, outline in enumerate(outlines):
        if levels[0][number][3] >= 0 and cv2().contourArea(outline) < largest:
            cv2().drawContours(mask, outlines, number, 255, -1)
    return mask
