"""NW-UCLA (Northwestern-UCLA Multiview Action 3D): ten daily actions, ten people, three Kinect v1 views (Wang et al. 2014).

Layout: ``all_sqe/aAA_sSS_eEE_vVV.json`` with ``{"skeletons": [T][20][3], …}``, metres, as CTR-GCN's authors publish it.  Published
protocol: train on views 1 and 2, test on view 3.  The performances of one ``(action, subject, episode)`` are the same in
all views, but the views are not frame-synchronous.  A few clips have a single frame.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.datasets import foreign, manifest
from stages.datasets.manifest import Value
from stages.datasets.registry import Adapter, Scan
from stages.errors import ArtifactError
from stages.skeletons.layouts import KINECT_20
from stages.skeletons.poses import PoseSequence, sequence

FPS = 30.0
ACTIONS: Mapping[str, str] = {
    "a01": "pick up with one hand",
    "a02": "pick up with two hands",
    "a03": "drop trash",
    "a04": "walk around",
    "a05": "sit down",
    "a06": "stand up",
    "a08": "donning",
    "a09": "doffing",
    "a11": "throw",
    "a12": "carry",
}
_NAME = re.compile(r"(a\d\d)_(s\d\d)_(e\d\d)_(v\d\d)")


@dataclass(frozen=True)
class Recording:
    """The file of one performance in one view."""

    file: Path


def locate(root: Path) -> Path | None:
    """Return the folder ``all_sqe``."""
    candidates = [folder for home in foreign.homes(root, ["NW-UCLA"]) for folder in (home, home / "all_sqe")]
    return next((folder for folder in candidates if next(folder.glob("a??_s??_e??_v??.json"), None)), None)


def scan(folder: Path) -> Scan:
    """List every clip; the split is the published one (view 3 tests)."""
    rows: list[tuple[str, dict[str, Value]]] = []
    sources: dict[str, Recording] = {}
    problems: list[str] = []
    for file in sorted(folder.glob("*.json")):
        match = _NAME.fullmatch(file.stem)
        if match is None or match[1] not in ACTIONS:
            problems.append(f"{file.name}: not a name of the form aAA_sSS_eEE_vVV with a published action")
            continue
        action, subject, episode, view = match.groups()
        values: dict[str, Value] = {
            "action": action,
            "subject": subject,
            "view": view,
            "episode": episode,
            "moment": f"{action}_{subject}_{episode}",
            "split": "test" if view == "v03" else "train",
        }
        rows.append((file.stem, values))
        sources[file.stem] = Recording(file)
    if not rows:
        raise ArtifactError(f"{folder} holds no clips.", hint=f"expected {ADAPTER.layout_help}")
    return Scan(manifest.from_rows(rows, "nw-ucla"), sources, problems)


def load_poses(recording: Recording) -> PoseSequence:
    """Read one clip: (1, T, 20, 3) in metres, origin at the Kinect."""
    try:
        document = json.loads(recording.file.read_text(encoding="utf-8"))
        positions = np.asarray(document["skeletons"], dtype=np.float32)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{recording.file.name} is not an NW-UCLA clip: {type(error).__name__}: {error}.") from None
    if positions.ndim != 3 or positions.shape[1:] != (20, 3):
        raise ArtifactError(f"{recording.file.name}: expected skeletons [T][20][3], found {positions.shape}.")
    return sequence(positions, KINECT_20, fps=FPS, units="m", origin="camera", clip={"file": recording.file.name})


ADAPTER: Adapter = Adapter(
    name="nw-ucla",
    layout_help="all_sqe/a01_s01_e00_v01.json",
    locate=locate,
    scan=scan,
    load_poses=load_poses,
    published={"clips": 1494, "subject": 10, "action": 10, "view": 3},
)
