"""Body maps drawn of poses: a body of thick strokes as a camera sees it, where no DensePose and no depth camera is at hand.

They stand in for the images of Sardari et al., "Unsupervised View-Invariant Human Posture Representation" (BMVC 2021, section 4), which are
DensePose's maps of RGB frames or masked depth images.  The proportions of the body are our own choice.

Every joint layout becomes one body of P points (:data:`BODY`) and Q pieces, short strokes with round ends.  A piece carries its part, how
far along the part it lies, its place in the picture and, of 3-D poses, its depth.  Pieces are painted from the farthest to the nearest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError, UsageError
from stages.skeletons import transforms
from stages.skeletons.body import ALONG, END, END_RADIUS, PART, START, START_RADIUS
from stages.skeletons.layouts import KINECT_20, Layout
from stages.skeletons.poses import PoseSequence
from stages.video.opencv import cv2

Style = Literal["parts", "depth"]

BODY = KINECT_20
"""The layout that every body is converted to before it is drawn."""
MARGIN = 1.25
"""The square around a clip's joints is enlarged by so much: limbs reach beyond their joints."""
NEAREST, FARTHEST = 255.0, 64.0
"""Values of ``depth`` one metre in front of the body's centre and one metre behind it."""

_METRES = {"m": 1.0, "mm": 1000.0}
_TRUNKS = 2.0
"""Trunk lengths that stand for a metre where the units are unknown."""
_UNKNOWN_TRUNK = 0.3
"""Share of the joints' extent that stands for the trunk's length where no trunk was seen."""
_NEAR = 0.1
"""Share of the usual distance nearer than which nothing comes to a camera: a stray joint would fill the picture."""
_HEADS = ("head", "nose", "left_eye", "right_eye", "left_ear", "right_ear")
_SHIFT = 4
_ANGLES = np.concatenate([np.linspace(0.5, 1.5, 6), np.linspace(-0.5, 0.5, 6)]) * np.pi
"""Corners of a piece: half a circle around its start, half a circle around its end."""


@dataclass(frozen=True)
class Camera:
    """A virtual camera that looks at the body from where the clip's own camera would come by walking around it.

    Attributes:
        yaw: degrees around the vertical axis through the body's mean centre, towards the camera's own right.
        pitch: degrees upwards from there, looking down.
        upright: whether the vertical is the bodies', from their ankles to their shoulders on average over the clip; else it is that of the
            poses' coordinates, and the clip's own camera, were it tilted, does not know which way is up.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    upright: bool = False

    @property
    def own(self) -> bool:
        """Whether it is the clip's own camera."""
        return not (self.yaw or self.pitch)

    @property
    def name(self) -> str:
        """``original``, ``yaw+45``, ``yaw-45pitch+20``."""
        tilt = f"pitch{self.pitch:+g}" if self.pitch else ""
        return f"yaw{self.yaw:+g}{tilt}" if not self.own else "original"


@dataclass(frozen=True)
class _Picture:
    """What a camera sees: Q pieces of M people in T frames.

    Attributes:
        ends: (M, T, Q, 2, 2) x, y of each piece's two ends in pixels.
        radii: (M, T, Q, 2) pixels.
        depth: (M, T, Q) distance in the poses' units, None of 2-D poses.
        nearest: (M, T, Q) distance of the surface that faces the camera, by which pieces are painted; None of 2-D poses.
        seen: (M, T, Q) whether the joints of a piece are there.
        box: (4,) left, top, right, bottom of the picture in the source.
    """

    ends: Array
    radii: Array
    depth: Array | None
    nearest: Array | None
    seen: Array
    box: Array


def draw(
    poses: PoseSequence, camera: Camera, style: Style, size: int, frames: Array | None = None, *, follow: bool = False
) -> tuple[Array, Array]:
    """Return a clip's pictures (T, 3, size, size) uint8, background 0, and the square (4,) left, top, right, bottom that they show.

    3-D poses whose origin is a camera are seen as by a pinhole camera there (the square is then in tangents of angles), other 3-D poses
    from infinitely far away, 2-D ones as they are (the square is in their units).  One square holds all joints of all people over the
    whole clip; where the picture ``follow``s the bodies, it is as large as they need it, and is told from their centre.

    ``parts``: channel 0 the body part (:data:`stages.skeletons.body.PARTS`), 1 how far along it (0 at the inner joint, 255 at the outer),
    2 the silhouette (255).  ``depth``: three equal channels, linear from 255 a metre in front of the bodies' centre in the frame to 64 a
    metre behind it.  Missing joints leave out the pieces between them.

    Args:
        poses: positions (M, T, V, C).
        camera: from where; 2-D poses know only their own.
        style: what the channels hold.
        size: rows and columns.
        frames: numbers of the frames to draw; None draws all.
        follow: whether the bodies' centre stays in the middle of the picture.

    Raises:
        UsageError: 2-D poses are to be seen from elsewhere, or in depth.
        ArtifactError: no joint was seen, or the bodies lie behind their camera.
    """
    if poses.positions.shape[3] == 2 and (style == "depth" or not camera.own):
        what = "depth" if style == "depth" else f"the virtual camera '{camera.name}'"
        raise UsageError(f"The poses are 2-D, and {what} needs 3-D ones.", hint="--style parts --cameras 0, or 3-D poses")
    body = _body(poses.positions, poses.layout)
    if not np.isfinite(body).all(axis=3).any():
        raise ArtifactError("No joint was seen in any frame: there is nothing to draw.")
    body = turned(body, camera)
    picture = _seen(body, size, pinhole=poses.origin == "camera" and body.shape[3] == 3, follow=follow)
    colours = _parts(picture) if style == "parts" else _nearness(picture, body, _metre(poses.units, body))
    chosen = np.arange(body.shape[1]) if frames is None else frames
    return _painted(picture, colours, size, chosen), picture.box


def turned(positions: Array, camera: Camera) -> Array:
    """Return positions (M, T, P, C) of :data:`BODY` as a camera sees them that went around the bodies' mean centre at its distance."""
    if camera.own:
        return positions
    centre = _mean(_centres(positions).reshape(-1, 3), axis=0)
    yaw, pitch = math.radians(camera.yaw), math.radians(camera.pitch)
    around = _about(_vertical(positions) if camera.upright else np.array([0.0, 1, 0]), -yaw)
    above = np.array([[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]])
    return np.asarray((positions - centre) @ (above @ around).T + centre)


def _about(axis: Array, angle: float) -> Array:
    """Return the rotation (3, 3) by ``angle`` radians about an axis (3,) of length 1 (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)


def _vertical(positions: Array) -> Array:
    """Return the mean direction (3,) from the ankles to the shoulders over all frames and people; y where none of them was seen."""
    ankles = _mean(positions[:, :, [BODY.index["left_ankle"], BODY.index["right_ankle"]]], axis=2)
    trunk = positions[:, :, BODY.index["spine_shoulder"]] - ankles
    mean = _mean((trunk / np.linalg.norm(trunk, axis=-1, keepdims=True)).reshape(-1, 3), axis=0)
    length = float(np.linalg.norm(mean))
    return np.asarray(mean / length) if np.isfinite(length) and length > 0 else np.array([0.0, 1, 0])


def square(low: Array, high: Array, margin: float) -> Array:
    """Return the square (4,), ``margin`` times as wide as the box from ``low`` (2,) to ``high`` (2,), around the same middle."""
    half = max(float((high - low).max()), 1e-6) * margin / 2
    middle = (low + high) / 2
    return np.concatenate([middle - half, middle + half])


def _body(positions: Array, layout: Layout) -> Array:
    """Return the P points of :data:`BODY`, (M, T, P, C); a layout without a head has it amid what was seen of the face."""
    body = transforms.convert(positions.astype(np.float64), layout, BODY)
    face = [layout.index[name] for name in _HEADS if name in layout.index]
    if "head" not in layout.index and face:
        body[:, :, BODY.index["head"]] = _mean(positions[:, :, face], axis=2)
    body[~np.isfinite(body).all(axis=3)] = np.nan
    return body


def _seen(body: Array, size: int, *, pinhole: bool, follow: bool) -> _Picture:
    missing: Array = np.asarray(np.isnan(body).any(axis=3))
    filled = np.where(missing[..., None], 0, body)
    ends = np.stack([START @ filled, END @ filled], axis=3)
    gone = missing.astype(np.float64) @ ((START != 0) | (END != 0)).T.astype(np.float64)
    thickness = _trunks(body)[:, None, None, None] * np.stack([START_RADIUS, END_RADIUS], axis=1)
    places, scale = _projected(ends, body, pinhole=pinhole)
    joints, _ = _projected(body, body, pinhole=pinhole)
    if follow:
        middle, _ = _projected(_centre(body)[None, :, None], body, pinhole=pinhole)
        places, joints = places - middle[..., None, :], joints - middle
    known = joints[~missing]
    box = square(known.min(axis=0), known.max(axis=0), MARGIN)
    zoom = size / (box[2] - box[0])
    depth = ends[..., 2].mean(axis=3) if body.shape[3] == 3 else None
    return _Picture(
        (places - box[:2]) * zoom - 0.5,
        np.maximum(thickness * scale * zoom - 0.5, 0),  # OpenCV paints a polygon's outline too: half a pixel on every side
        depth,
        None if depth is None else depth - thickness.mean(axis=3),
        gone == 0,
        box,
    )


def _projected(points: Array, body: Array, *, pinhole: bool) -> tuple[Array, Array]:
    """Return x, y in the picture (to the right, down), and how large a unit appears there."""
    flat = transforms.flatten(points)
    if not pinhole:
        return flat, np.ones(points.shape[:-1])
    usual = float(np.nanmedian(body[..., 2]))
    if usual <= 0:
        raise ArtifactError(f"The poses' origin is their camera, but the bodies lie behind it (at z = {usual:g}).")
    scale = 1 / np.maximum(points[..., 2], _NEAR * usual)
    return flat * scale[..., None], scale


def _trunks(body: Array) -> Array:
    """Return each person's trunk length (M,)."""
    found = []
    for person in body:
        pelvis, chest = (person[:, BODY.index[name]] for name in ("pelvis", "spine_shoulder"))
        if np.isfinite(pelvis + chest).all(axis=1).any():
            found.append(transforms.trunk_length(person[None], BODY))
        else:
            known = person[np.isfinite(person).all(axis=2)]
            found.append(_UNKNOWN_TRUNK * float(np.ptp(known, axis=0).max()) if len(known) else 1.0)
    return np.array(found)


def _metre(units: str, body: Array) -> float:
    return _METRES.get(units, _TRUNKS * float(np.median(_trunks(body))))


def _parts(picture: _Picture) -> Array:
    colours = np.stack([PART, ALONG, np.full(len(PART), 255.0)], axis=1)
    return np.broadcast_to(colours, (*picture.seen.shape, 3))


def _nearness(picture: _Picture, body: Array, metre: float) -> Array:
    assert picture.depth is not None
    return np.repeat(nearness((picture.depth - _centre(body)[None, :, None, 2]) / metre)[..., None], 3, axis=3)


def nearness(metres: Array) -> Array:
    """Return the value of ``depth`` for distances behind the body's centre in metres (negative in front of it)."""
    return np.asarray(np.clip((NEAREST + FARTHEST) / 2 - (NEAREST - FARTHEST) / 2 * metres, FARTHEST, NEAREST))


def _centres(body: Array) -> Array:
    """Return each body's centre (M, T, 1, C): the mean of its joints where the spine was not seen."""
    centre = transforms.body_centre(body, BODY)
    return np.where(np.isfinite(centre), centre, _mean(body, axis=2)[:, :, None])


def _centre(body: Array) -> Array:
    """Return the mean centre of all bodies in every frame (T, C); where none was seen, what lies between the frames around it."""
    return np.asarray(transforms.interpolate_gaps(_mean(_centres(body), axis=0)[None])[0, :, 0])


def _mean(points: Array, axis: int) -> Array:
    """Return the mean of the points (…, C) that were seen, NaN where none was."""
    seen = np.isfinite(points).all(axis=-1, keepdims=True)
    total, count = np.where(seen, points, 0).sum(axis=axis), seen.sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _painted(picture: _Picture, colours: Array, size: int, frames: Array) -> Array:
    """Return the pictures (T, 3, size, size), each piece a polygon of one colour, the nearest last."""
    polygons = np.rint(_outlines(picture.ends[:, frames], picture.radii[:, frames]) * 2**_SHIFT)
    polygons = np.clip(polygons, -(2**24), 2**24).astype(np.int32)
    out = np.zeros((len(frames), size, size, 3), np.uint8)
    fill = cv2().fillConvexPoly
    for number, frame in enumerate(frames):
        people, pieces = np.nonzero(picture.seen[:, frame])
        if picture.nearest is not None:
            order = np.argsort(-picture.nearest[people, frame, pieces], kind="stable")
            people, pieces = people[order], pieces[order]
        shapes = polygons[people, number, pieces]
        values = np.rint(colours[people, frame, pieces]).tolist()
        for shape, value in zip(shapes, values, strict=True):
            fill(out[number], shape, value, 8, _SHIFT)
    return np.ascontiguousarray(out.transpose(0, 3, 1, 2))


def _outlines(ends: Array, radii: Array) -> Array:
    """Return the corners (…, 12, 2) of strokes with round ends from their ends (…, 2, 2) and radii (…, 2)."""
    along = ends[..., 1, :] - ends[..., 0, :]
    length = np.linalg.norm(along, axis=-1, keepdims=True)
    along = np.where(length > 0, along / np.maximum(length, 1e-12), np.array([1.0, 0.0]))
    across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    spokes = np.cos(_ANGLES)[:, None] * along[..., None, :] + np.sin(_ANGLES)[:, None] * across[..., None, :]
    which = np.repeat([0, 1], len(_ANGLES) // 2)
    return np.asarray(ends[..., which, :] + radii[..., which, None] * spokes)
