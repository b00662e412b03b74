"""The generated people on film: the same movements that the depth camera saw, as an ordinary camera sees clothed bodies in a room.

:mod:`.camera` places the camera, :mod:`.wardrobe` draws what a person looks like, :mod:`.room` what is behind, :mod:`.figure` paints
the body over it.  Looks belong to a subject, the room and the camera to a clip; both are functions of (seed, clip id) alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.datasets.generated import Clip, clean_motion, faults_of
from stages.datasets.generated.film import camera, figure, room, wardrobe
from stages.datasets.generated.motion import FPS
from stages.datasets.generated.sensor import draw_view, seen_from
from stages.skeletons.layouts import COCO_17
from stages.skeletons.poses import PoseSequence, sequence

SIZE = (192, 224)
"""Width and height, pixels."""
EVERY = 2
"""Every second frame of the movement is filmed: 15 a second."""


@dataclass(frozen=True)
class Film:
    """One clip before the camera.

    Attributes:
        clip: whose movement it is.
        body: (T, 25, 3) Kinect joints in the camera's axes, metres.
        lens: how they are projected.
    """

    clip: Clip
    body: Array
    lens: camera.Lens

    @property
    def fps(self) -> float:
        """Frames per second."""
        return FPS / EVERY


def film_of(clip: Clip) -> Film:
    """Return the clip's movement in front of its camera."""
    body = seen_from(clean_motion(clip, faults_of(clip)), draw_view(clip.random("view")))[::EVERY]
    return Film(clip, body, camera.draw_lens(clip.random("lens"), body, SIZE))


def frames(film: Film) -> Iterator[Array]:
    """Yield the clip's images (H, W, 3) uint8, blue-green-red."""
    look = wardrobe.draw_look(film.clip.random_of_subject("look"))
    behind = room.draw_room(film.clip.random("room"), SIZE)
    return room.exposed(figure.painted(behind, film.body, film.lens, look), film.clip.random("light"))


def truth(film: Film) -> PoseSequence:
    """Return where the COCO joints truly are in the film: (1, T, 17, 2) pixels."""
    positions = film.lens.project(camera.coco(film.body))
    return sequence(positions.astype(np.float32), COCO_17, fps=film.fps, units="px", origin="image top left")
