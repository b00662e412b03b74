"""How a clip moves, as signals of its nodes: the joints of people, or the tools of a robot.

M bodies, T frames, V nodes of a body, C axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stages.arrays import Array
from stages.skeletons import transforms
from stages.skeletons.layouts import Layout


@dataclass(frozen=True)
class Motion:
    """The signals of one clip.

    Attributes:
        signals: name (``positions``, ``velocities``) → (M, T, V, C), without gaps; velocities are per second.
        layout: which node is where, and which mirror each other.
        timestamps: (T,) seconds.
        bodies: the names of the M bodies; empty where they have none.
    """

    signals: Mapping[str, Array]
    layout: Layout
    timestamps: Array
    bodies: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """T."""
        return len(self.timestamps)


def velocities(positions: Array, timestamps: Array) -> Array:
    """Return the velocities (M, T, V, C) of positions, per second, by central differences; of a single frame zeros."""
    if len(timestamps) < 2:
        return np.zeros_like(positions)
    return np.asarray(np.gradient(positions, timestamps, axis=1))


def flip(motion: Motion) -> Motion:
    """Mirror left and right: negate x of every signal and swap the nodes of the two sides."""
    mirrored = {name: transforms.flip(values, motion.layout) for name, values in motion.signals.items()}
    return Motion(mirrored, motion.layout, motion.timestamps, motion.bodies)
