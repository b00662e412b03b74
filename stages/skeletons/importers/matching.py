"""Which joint of a file is which joint of a layout: by name, or by count where a tool only numbers its joints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.layouts import COCO_17, KINECT_20, KINECT_25, LAYOUTS, MEDIAPIPE_33, OPENPOSE_18, OPENPOSE_25, Layout

_HALPE_26 = (
    *COCO_17.joints,
    *("head", "neck", "hip", "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel", "right_heel"),
)
_ANY: Mapping[int, tuple[str, ...]] = {
    17: COCO_17.joints,
    18: OPENPOSE_18.joints,
    20: KINECT_20.joints,
    26: _HALPE_26,
    33: MEDIAPIPE_33.joints,
    133: (*COCO_17.joints, *(f"whole_body_{number}" for number in range(17, 133))),
}
NUMBERED: Mapping[int, Mapping[int, tuple[str, ...]]] = {
    2: {**_ANY, 25: OPENPOSE_25.joints},
    3: {**_ANY, 25: KINECT_25.joints},
}
"""Axes → number of joints → their names, for files that only number them (26 is Halpe, 133 COCO-WholeBody)."""

_FEWEST = 5


@dataclass(frozen=True)
class Match:
    """Where each joint of ``layout`` lies among a file's joints; None where the file lacks it."""

    layout: Layout
    columns: tuple[int | None, ...]
    ignored: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The layout's joints that the file lacks."""
        return tuple(name for name, column in zip(self.layout.joints, self.columns, strict=True) if column is None)

    @property
    def facts(self) -> dict[str, Any]:
        """What the artifact's ``clip`` document says about the match."""
        return {"joints_missing": list(self.missing), "joints_ignored": list(self.ignored)}

    def place(self, values: Array, axis: int) -> Array:
        """Return ``values`` with the file's joints on ``axis`` as the layout's joints; those that the file lacks are NaN."""
        taken = np.take(values, [column or 0 for column in self.columns], axis=axis).astype(np.float64)
        lacking = np.array([column is None for column in self.columns]).reshape(-1, *[1] * (values.ndim - 1 - axis % values.ndim))
        return np.where(lacking, np.nan, taken)


def match_names(names: Sequence[str], skeleton: Layout | None, where: str) -> Match:
    """Match a file's joint names to ``skeleton``, or to the layout that explains most of them.

    Raises:
        ArtifactError: no layout explains at least five names and half of its own joints.
    """
    best = max((_match(names, layout) for layout in ([skeleton] if skeleton else LAYOUTS.values())), key=_quality)
    matched = len(best.layout.joints) - len(best.missing)
    if matched < _FEWEST or (skeleton is None and 2 * matched < len(best.layout.joints)):
        shown = ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
        raise ArtifactError(
            f"{where}: the joint names fit no skeleton; nearest is {best.layout.name} with {matched} of {len(best.layout.joints)} joints; "
            f"found {shown or 'none'}.",
            hint=f"name the joints as one of the skeletons does (--skeleton {'|'.join(LAYOUTS)})",
        )
    return best


def match_count(count: int, axes: int, skeleton: Layout | None, where: str) -> Match:
    """Match joints that are only numbered.

    Raises:
        ArtifactError: no layout, or not the chosen one, has so many joints.
    """
    if skeleton is not None and len(skeleton.joints) == count:
        return match_names(skeleton.joints, skeleton, where)
    known = NUMBERED[3 if axes == 3 else 2]
    if count not in known:
        expected = f"{len(skeleton.joints)} ({skeleton.name})" if skeleton else ", ".join(map(str, sorted(known)))
        raise ArtifactError(f"{where}: expected {expected} joints, found {count}.", hint="--skeleton NAME says which joints they are")
    return match_names(known[count], skeleton, where)


def _match(names: Sequence[str], layout: Layout) -> Match:
    where: dict[str, int] = {}
    for number, name in sorted(enumerate(names), key=lambda pair: pair[1] not in layout.index):  # exact names go first
        joint = layout.joint(name)
        if joint is not None:
            where.setdefault(joint, number)
    used = set(where.values())
    ignored = tuple(name for number, name in enumerate(names) if number not in used)
    return Match(layout, tuple(where.get(joint) for joint in layout.joints), ignored)


def _quality(match: Match) -> tuple[int, float]:
    matched = len(match.layout.joints) - len(match.missing)
    return matched, matched / len(match.layout.joints)
