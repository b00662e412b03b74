"""NTU RGB+D ``.skeleton``: Kinect v2 bodies as text (Shahroudy et al. 2016; Liu et al. 2019).

The number of frames; per frame the number of bodies; per body a line of ten values that begins with the body's id, a line with
the number of joints (25), and 25 lines of twelve values: x y z in metres, depth and colour image coordinates, orientation
(four values), tracking state (0 not tracked, 1 inferred, 2 tracked).  Bodies keep their id through the file.  The image
coordinates and orientations are not kept.  The file's name carries the labels: ``SsssCcccPpppRrrrAaaa``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.datasets.manifest import Value
from stages.errors import ArtifactError
from stages.skeletons.importers.common import Clip, Reading, assemble, blank, number, read_text, whole
from stages.skeletons.layouts import KINECT_25
from stages.skeletons.poses import PoseSequence

FPS = 30.0
_NAME = re.compile(r"(S\d{3})(C\d{3})(P\d{3})(R\d{3})(A\d{3})")
_COLUMNS = ("setup", "view", "subject", "repetition", "action")
_CONFIDENCE = {0: 0.0, 1: 0.5, 2: 1.0}
_JOINTS, _VALUES, _BODY_VALUES = 25, 12, 10


def read(files: Sequence[Path], reading: Reading) -> Iterator[Clip]:
    """Yield the one clip of a file."""
    yield Clip("", partial(_load, files[0], reading), labels_of(files[0].stem))


def labels_of(name: str) -> dict[str, Value]:
    """Return the manifest columns that an NTU name such as ``S001C001P001R001A001`` carries; none for other names."""
    match = _NAME.match(name)
    return dict(zip(_COLUMNS, match.groups(), strict=True)) if match else {}


def _load(path: Path, reading: Reading) -> PoseSequence:
    if reading.skeleton not in (None, KINECT_25):
        raise ArtifactError(f"{path.name} has the joints of kinect-25, not of {reading.skeleton.name}.")
    lines = _Lines(path)
    frames: list[dict[str, Array]] = []
    announced = lines.whole("the number of frames")
    while len(frames) < announced:
        frames.append(_frame(lines, f"frame {len(frames) + 1} of {announced}"))
    lines.finish()
    seen: dict[str, int] = {}
    for frame in frames:
        for body in frame:
            seen[body] = seen.get(body, 0) + 1
    bodies = sorted(seen, key=lambda body: -seen[body])
    values = blank(len(bodies), len(frames), _JOINTS, 4, path.name)
    for row, frame in enumerate(frames):
        for body, joints in frame.items():
            values[bodies.index(body), row] = joints
    facts = {"bodies": [{"id": body, "frames": seen[body]} for body in bodies]}
    confidence = np.nan_to_num(values[..., 3], nan=0.0)
    return assemble(values[..., :3], KINECT_25, path, reading, confidence=confidence, fps=FPS, units="m", origin="camera", facts=facts)


def _frame(lines: _Lines, what: str) -> dict[str, Array]:
    """Return body id → (25, 4): x, y, z, confidence."""
    bodies: dict[str, Array] = {}
    for _ in range(lines.whole(f"the number of bodies in {what}")):
        body = lines.values(_BODY_VALUES, f"a body of {what}")[0]
        if body in bodies:
            raise ArtifactError(f"{lines.where}: body {body} appears twice in {what}.")
        joints = lines.whole(f"the number of joints in {what}")
        if joints != _JOINTS:
            raise ArtifactError(f"{lines.where}: expected {_JOINTS} joints, found {joints}.")
        rows = []
        for _ in range(_JOINTS):
            cells = lines.values(_VALUES, f"a joint in {what}")
            state = whole(cells[-1], lines.where)
            if state not in _CONFIDENCE:
                raise ArtifactError(f"{lines.where}: expected a tracking state of 0, 1 or 2, found {state}.")
            rows.append([*(number(cell, lines.where) for cell in cells[:3]), _CONFIDENCE[state]])
        with np.errstate(over="ignore"):
            bodies[body] = np.array(rows, dtype=np.float32)
    return bodies


class _Lines:
    """The lines of a file, read once from top to bottom."""

    def __init__(self, path: Path) -> None:
        self._name, self._lines, self._at = path.name, read_text(path).splitlines(), 0

    @property
    def where(self) -> str:
        """The line that was read last, for errors."""
        return f"{self._name}, line {self._at}"

    def whole(self, what: str) -> int:
        """Read a line that holds one count."""
        value = whole(self._next(what), f"{self.where}, {what}")
        if value < 0:
            raise ArtifactError(f"{self.where}: expected {what}, found {value}.")
        return value

    def values(self, count: int, what: str) -> list[str]:
        """Read a line of ``count`` values."""
        cells = self._next(what).split()
        if len(cells) != count:
            raise ArtifactError(f"{self.where}: expected {count} values for {what}, found {len(cells)}.")
        return cells

    def finish(self) -> None:
        """Raise where lines are left."""
        rest = [line for line in self._lines[self._at :] if line.strip()]
        if rest:
            raise ArtifactError(f"{self._name}, line {self._at + 1}: expected the end of the file, found {len(rest)} more lines.")

    def _next(self, what: str) -> str:
        if self._at >= len(self._lines):
            raise ArtifactError(f"{self._name} is truncated after line {self._at}: expected {what}, found the end of the file.")
        self._at += 1
        return self._lines[self._at - 1]
