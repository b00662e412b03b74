"""The da Vinci's kinematics of a JIGSAWS trial, and the segment features that the discrete cosine transform makes of them.

A file has one line per video frame (30 per second) with 76 numbers: 19 for each of the master's left and right and the slave's
(patient side's) left and right manipulator: the tool tip's x, y, z, nine of its rotation, three of its velocity, three of its angular
velocity, and the gripper's angle.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from stages.arrays import Array
from stages.datasets import foreign
from stages.errors import ArtifactError
from stages.skeletons.layouts import Layout
from stages.skeletons.motion import Motion

COLUMNS = 76
MANIPULATORS = ("master left", "master right", "slave left", "slave right")
_PER_MANIPULATOR = COLUMNS // len(MANIPULATORS)
SEGMENTS = 10
"""As many as the video networks' segments of the same data (USDL: 160 frames in 10 parts)."""
COEFFICIENTS = 16
"""Lowest frequencies that are kept of each coordinate."""
FPS = 30.0
BODIES = ("master", "slave")
TOOLS = Layout(
    "da-vinci",
    "a pair of the da Vinci's manipulators",
    {"left_tool": None, "right_tool": None},
    ("left_tool", "right_tool"),
    (("left_tool",), ("right_tool",)),
)
"""The nodes of the master and of the slave; how far the two are apart is no trunk's length."""
_VELOCITY = slice(12, 15)


@dataclass(frozen=True)
class Trial:
    """The kinematics of a trial, as they are (``kinematics``) or as segment features (``dct``)."""

    file: Path
    features: Literal["kinematics", "dct"]


def load_features(trial: Trial) -> Array:
    """Return the trial's 76 variables per frame, (T, 76), or its segment features, (10, 192).

    Raises:
        ArtifactError: the file cannot be read, or is too short for segments.
    """
    table = read(trial.file)
    return table.astype(np.float32) if trial.features == "kinematics" else dct_features(table, trial.file.name)


def read(file: Path) -> Array:
    """Return the table of a kinematics file, (T, 76).

    Raises:
        ArtifactError: a line does not hold 76 finite numbers, or there is none.
    """
    table = foreign.number_table(file, COLUMNS, "4 manipulators × 19")
    if not np.isfinite(table).all():
        raise ArtifactError(f"{file.name}, frame {int(np.argmin(np.isfinite(table).all(axis=1))) + 1}: a number is not finite.")
    return table


def tool_tips(table: Array) -> Array:
    """Return the tool tips' positions, (T, 4, 3), of a table (T, 76), in the order of :data:`MANIPULATORS`."""
    return table.reshape(len(table), len(MANIPULATORS), _PER_MANIPULATOR)[:, :, :3]


def load_motion(trial: Trial) -> Motion:
    """Return the tool tips' recorded positions and velocities: two bodies (master, slave) with two tools each, in the file's units.

    Raises:
        ArtifactError: the file cannot be read.
    """
    table = read(trial.file)
    by_manipulator = table.reshape(len(table), len(BODIES), len(TOOLS.joints), _PER_MANIPULATOR).transpose(1, 0, 2, 3)
    signals = {"positions": by_manipulator[..., :3], "velocities": by_manipulator[..., _VELOCITY]}
    return Motion(signals, TOOLS, np.arange(len(table)) / FPS, BODIES)


def dct_features(table: Array, where: str) -> Array:
    """Return the segment features of a trial's kinematics (T, 76): (S, D) = (10, 4 manipulators × 3 axes × 16 coefficients).

    S4AQA (section IV-A) takes "the master tool manipulators and patient-side manipulators as nodes" and "discriminative DCT
    features of the 3D kinetics as basic video segment features", after Pan et al. 2019, who go by Pirsiavash et al. 2014: absolute
    values of the lowest frequencies of each coordinate.  The paper gives neither the number of segments nor of coefficients, nor
    says whether positions or velocities, whole trials or windows are meant.  Here: the tool tips' positions, the whole trial in 10 equal
    parts at the recorded 30 frames per second, an orthonormal type II transform divided by the square root of the part's length (so
    that values do not grow with the time a trial takes), 16 coefficients of which the first is the mean position.

    Raises:
        ArtifactError: a segment would have fewer frames than coefficients.
    """
    from scipy.fft import dct

    if len(table) < SEGMENTS * COEFFICIENTS:
        raise ArtifactError(
            f"{where} holds {len(table)} frames: {SEGMENTS} segments of {COEFFICIENTS} coefficients need {SEGMENTS * COEFFICIENTS}."
        )
    edges = np.linspace(0, len(table), SEGMENTS + 1).round().astype(int)
    segments = []
    for start, end in pairwise(edges):
        spectrum = dct(tool_tips(table[start:end]), type=2, norm="ortho", axis=0)[:COEFFICIENTS] / np.sqrt(end - start)
        segments.append(np.abs(spectrum).transpose(1, 2, 0).ravel())
    return np.stack(segments).astype(np.float32)
