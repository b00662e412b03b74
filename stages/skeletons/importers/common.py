"""What all importers share: the clips they return, careful reading of text and JSON, and the last step to a pose sequence.

An importer is a function ``read(files, reading)`` that yields :class:`Clip`; whatever is wrong with a file is an
:class:`ArtifactError` that says file, line or key, expected and found.  Sizes come from what a file holds, never from what its
header claims.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stages.arrays import Array
from stages.datasets.manifest import Value
from stages.errors import ArtifactError
from stages.skeletons.layouts import Layout
from stages.skeletons.poses import PoseSequence, sequence

DEFAULT_FPS = 30.0
MAX_VALUES = 2**28
"""Numbers in one array at most (1 GiB as float32): more than a day-long recording needs, less than what stops a machine."""


@dataclass(frozen=True)
class Reading:
    """What the user says about all files: a layout instead of the detected one, frames per second instead of the file's."""

    skeleton: Layout | None = None
    fps: float | None = None


class Clip(NamedTuple):
    """One clip of a file.

    ``id`` is its name inside the file, ``""`` where the file is one clip; ``load`` reads its poses; ``values`` are the manifest
    columns that the source knows.
    """

    id: str
    load: Callable[[], PoseSequence]
    values: Mapping[str, Value]


@contextmanager
def reading_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system and decoders raise about ``path`` into one clear error."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path.name}: expected UTF-8 text, found the byte {error.object[error.start]:#04x}.") from None
    except OSError as error:
        raise ArtifactError(f"{path.name} cannot be read: {error.strerror or error}.") from None
    except MemoryError:
        raise ArtifactError(f"{path.name} needs more memory than there is.") from None


def read_text(path: Path) -> str:
    """Return the text of a file."""
    with reading_errors(path):
        return path.read_text(encoding="utf-8-sig")


def read_json(path: Path) -> Any:
    """Return the JSON document that a file holds."""
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ArtifactError(f"{path.name}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}).") from None
    except (RecursionError, ValueError) as error:
        raise ArtifactError(f"{path.name}: not usable JSON ({error}).") from None


def member(value: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """Return ``value[key]``, which must be of ``kind``."""
    wanted = " or ".join(_KINDS[one] for one in (kind if isinstance(kind, tuple) else (kind,)))
    if not isinstance(value, dict):
        raise ArtifactError(f"{where}: expected an object with '{key}', found {kind_of(value)}.")
    if key not in value:
        raise ArtifactError(f"{where}: the key '{key}' is missing; found {', '.join(map(str, list(value)[:8])) or 'none'}.")
    found = value[key]
    if not isinstance(found, kind) or (isinstance(found, bool) and bool not in (kind if isinstance(kind, tuple) else (kind,))):
        raise ArtifactError(f"{where}: '{key}' must be {wanted}, found {kind_of(found)}.")
    return found


def kind_of(value: Any) -> str:
    """Name the kind of a JSON value."""
    return "nothing" if value is None else _KINDS.get(type(value), f"a {type(value).__name__}")


def floats(values: Any, where: str, count: int | None = None) -> Array:
    """Return a flat list of numbers as float64; ``null`` is NaN."""
    if not isinstance(values, list):
        raise ArtifactError(f"{where}: expected a list of numbers, found {kind_of(values)}.")
    if count is not None and len(values) != count:
        raise ArtifactError(f"{where}: expected {count} numbers, found {len(values)}.")
    for value in values:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ArtifactError(f"{where}: expected numbers, found {kind_of(value)}.")
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        raise ArtifactError(f"{where}: a number is too large.") from None


def number(text: str, where: str) -> float:
    """Return the number that ``text`` is; an empty cell and ``NaN`` are NaN."""
    text = text.strip()
    try:
        return float(text) if text else math.nan
    except ValueError:
        raise ArtifactError(f"{where}: expected a number, found '{text[:40]}'.") from None


def whole(text: str, where: str) -> int:
    """Return the whole number that ``text`` is."""
    try:
        return int(text.strip())
    except ValueError:
        raise ArtifactError(f"{where}: expected a whole number, found '{text.strip()[:40]}'.") from None


def blank(people: int, frames: int, joints: int, axes: int, where: str) -> Array:
    """Return a NaN array (M, T, V, C), refusing sizes that no recording has."""
    if people * frames * joints * axes > MAX_VALUES:
        raise ArtifactError(f"{where}: {people} people × {frames} frames × {joints} joints are more than can be read.")
    return np.full((people, frames, joints, axes), np.nan, dtype=np.float32)


def assemble(
    positions: Array,
    layout: Layout,
    path: Path,
    reading: Reading,
    *,
    confidence: Array | None = None,
    fps: float | None = None,
    timestamps: Array | None = None,
    step: int = 1,
    units: str = "unknown",
    origin: str = "unknown",
    facts: Mapping[str, Any] | None = None,
) -> PoseSequence:
    """Build the pose sequence of a clip.

    Args:
        positions: (M, T, V, C); a joint with a coordinate that is no finite number is missing.
        layout: the joints.
        path: the file, which errors and the artifact name.
        reading: ``fps`` there goes before the file's.
        confidence: (M, T, V); a joint with confidence 0 or less is missing, more than 1 counts as 1, NaN means that the source
            has none.
        fps: of the file, None where it does not say.
        timestamps: (T,) seconds, of the file.
        step: how many frames of the video lie between two rows.
        units: of the positions.
        origin: where zero lies.
        facts: for the artifact's ``clip`` document.

    Raises:
        ArtifactError: no joint was ever seen, timestamps do not increase, or a rate is not positive.
    """
    if confidence is not None:
        confidence = np.where(np.isnan(confidence), 1, np.clip(confidence, 0, 1))
        positions = np.where((confidence > 0)[..., None], positions, np.nan)
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise ArtifactError(f"{path.name}: the frame rate must be positive, found {fps:g}.")
    source = "option" if reading.fps else "file" if fps or timestamps is not None else "assumed"
    if reading.fps or timestamps is None:
        timestamps = np.arange(positions.shape[1]) * step / (reading.fps or fps or DEFAULT_FPS)
    elif not (np.isfinite(timestamps).all() and (np.diff(timestamps) > 0).all()):
        raise ArtifactError(f"{path.name}: the times of the frames must increase.", hint="--fps F replaces them")
    clip = {"file": path.name, "fps_from": source, **{key: value for key, value in (facts or {}).items() if value}}
    with np.errstate(over="ignore", invalid="ignore"):  # a coordinate too large for float32 becomes infinite, then missing
        positions = positions.astype(np.float32)
    try:
        return sequence(positions, layout, confidence=confidence, timestamps=timestamps, units=units, origin=origin, clip=clip)
    except ArtifactError as error:
        raise ArtifactError(f"{path.name}: {error.message}", error.hint) from None


def names_in(values: Sequence[Any], where: str) -> list[str]:
    """Return joint names, which must be distinct text."""
    names = [value.strip() if isinstance(value, str) else None for value in values]
    kept = [name for name in names if name]
    if len(kept) != len(names):
        raise ArtifactError(
            f"{where}: expected names of joints, found {kind_of(values[names.index(None)]) if None in names else 'an empty one'}."
        )
    twice = sorted({name for name in kept if kept.count(name) > 1})
    if twice:
        raise ArtifactError(f"{where}: the joint name(s) {', '.join(twice)} appear twice.")
    return kept


_KINDS: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    tuple: "a tuple",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
}
